using System.Globalization;

namespace Etl.Runtime.Reports;

/// <summary>Books of a stage that do not add up: rows were lost or made from nothing, and the run must fail.</summary>
/// <param name="Stage">The stage.</param>
/// <param name="Message">The equation with its numbers.</param>
public sealed record Imbalance(string Stage, string Message);

/// <summary>No row is dropped silently: the counts of a finished run are checked against each other.</summary>
public static class RunReportBalance
{
    /// <summary>
    /// The stages whose books do not balance; empty when all is well. For each stage: its own equation, what it took against what the
    /// stages before it gave (<see cref="StageReport.From"/>), and its dead letters against their files. Call it when everything was read
    /// and the dead letters are written; the counts of a run that ended early mean nothing.
    /// </summary>
    public static IReadOnlyList<Imbalance> Balance(this RunReport report)
    {
        var stages = report.Stages.ToDictionary(s => s.Stage, StringComparer.Ordinal);
        var letters = report.DeadLetters.ToLookup(d => d.Stage, d => d.Rows, StringComparer.Ordinal);
        var found = new List<Imbalance>();
        foreach (var stage in report.Stages)
        {
            CheckEquation(stage, found);
            CheckEdge(stage, stages, found);
            if (letters[stage.Stage].Sum() is var kept && kept != stage.DeadLettered)
            {
                found.Add(new Imbalance(stage.Stage, Invariant($"{stage.DeadLettered} rows were dead-lettered, and the files hold {kept}")));
            }
        }

        return found;
    }

    private static void CheckEquation(StageReport s, List<Imbalance> found)
    {
        var rowsIn = s.RowsIn ?? 0;
        switch (s.Equation)
        {
            case RowEquation.RowLocal:
                // A load stage has no rows out: what it took and did not refuse is its output.
                var rowsOut = s.RowsOut ?? rowsIn - s.Excluded - s.Deduplicated - s.DeadLettered;
                if (rowsOut < 0 || rowsIn != rowsOut + s.Excluded + s.Deduplicated + s.DeadLettered)
                {
                    found.Add(new Imbalance(s.Stage, Invariant(
                        $"{rowsIn} rows in, but {rowsOut} out + {s.Excluded} excluded + {s.Deduplicated} deduplicated + {s.DeadLettered} dead-lettered = {rowsOut + s.Excluded + s.Deduplicated + s.DeadLettered}")));
                }

                break;
            case RowEquation.Lookup when rowsIn != (s.Matched ?? 0) + (s.Unmatched ?? 0):
                found.Add(new Imbalance(s.Stage, Invariant(
                    $"{rowsIn} rows in, but {s.Matched ?? 0} matched + {s.Unmatched ?? 0} unmatched = {(s.Matched ?? 0) + (s.Unmatched ?? 0)}")));
                break;
        }
    }

    private static void CheckEdge(StageReport s, Dictionary<string, StageReport> stages, List<Imbalance> found)
    {
        if (s.From.Count == 0 || s.RowsIn is not { } taken)
        {
            return;
        }

        var given = s.From.Sum(id => stages.TryGetValue(id, out var from) ? from.RowsOut ?? 0 : 0);
        if (given != taken)
        {
            found.Add(new Imbalance(s.Stage, Invariant($"{string.Join(", ", s.From)} gave {given} rows, and {taken} came in")));
        }
    }

    private static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
