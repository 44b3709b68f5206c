using System.Globalization;
using System.Text;

namespace Etl.Runtime.Compilation.Diff;

/// <summary>A comparison as a reviewer reads it.</summary>
public static class ComparisonText
{
    /// <summary>Ends in a line feed.</summary>
    public static string Render(Comparison comparison, string reference)
    {
        var text = new StringBuilder();
        foreach (var pipeline in comparison.Pipelines)
        {
            text.Append("pipeline ").Append(pipeline.Pipeline).Append("  ").Append(pipeline.File).Append(pipeline.Note is null ? "" : $"  ({pipeline.Note})").Append('\n');
            foreach (var load in pipeline.Loads)
            {
                text.Append("  load ").Append(load.Load).Append("  ").Append(load.Dataset).Append('\n');
                foreach (var change in load.Changes)
                {
                    text.Append("    ").Append(Word(change.Impact).PadRight(14)).Append("  ").Append(change.Column is null ? "" : $"{change.Column}: ").Append(change.Text).Append('\n');
                    foreach (var affected in change.Affects)
                    {
                        text.Append(' ', 20).Append("read by ").Append(Affected(affected)).Append('\n');
                    }
                }

                text.Append("    checkpoint      ").Append(Word(load.Checkpoint)).Append(load.CheckpointReason is null ? "" : $": {load.CheckpointReason}").Append('\n');
            }

            text.Append('\n');
        }

        var changes = comparison.Pipelines.SelectMany(p => p.Loads).SelectMany(l => l.Changes).ToList();
        var counts = Enum.GetValues<Impact>().Reverse().Select(i => (i, Count: changes.Count(c => c.Impact == i))).Where(c => c.Count > 0).Select(c => string.Create(CultureInfo.InvariantCulture, $"{c.Count} {Word(c.i)}"));
        return text.Append("since ").Append(reference).Append(": ").Append(changes.Count == 0 ? "nothing changes for readers" : string.Join(", ", counts))
            .Append(CultureInfo.InvariantCulture, $"; {comparison.Unchanged} of {comparison.Unchanged + comparison.Pipelines.Count} pipelines as before\n").ToString();
    }

    /// <summary>A load behind a change, in words.</summary>
    public static string Affected(AffectedLoad load) => $"{load.Pipeline}.{load.Load}: {string.Join(", ", load.Rows ? load.Columns.Append("which rows it has") : load.Columns)}";

    /// <summary>An impact as it is written.</summary>
    public static string Word(Impact impact) => impact == Impact.Backfill ? "needs backfill" : impact.ToString().ToLowerInvariant();

    private static string Word(CheckpointFate fate) => fate switch
    {
        CheckpointFate.StartsAnew => "starts anew", CheckpointFate.Left => "is left behind", _ => fate.ToString().ToLowerInvariant(),
    };
}
