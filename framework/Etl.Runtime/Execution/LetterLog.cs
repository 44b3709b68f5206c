using Etl.Contracts;
using Etl.Runtime.Compilation;

namespace Etl.Runtime.Execution;

/// <summary>Which dead letters are meant; null for all.</summary>
/// <param name="Run">Of this run: its id, or a beginning of it.</param>
/// <param name="Stage">That this stage refused.</param>
/// <param name="Rule">That this rule refused.</param>
public sealed record LetterSelection(string? Run = null, string? Stage = null, string? Rule = null)
{
    /// <summary>Whether a file can hold such rows that are open; of rules only its content tells.</summary>
    public bool Fits(LetterFile letters) => letters.Open > 0
        && (Run is null || letters.Epoch.RunId.StartsWith(Run, StringComparison.Ordinal)) && (Stage is null || letters.File.Stage == Stage);
}

/// <summary>A file of dead letters, as the epochs of one target tell of it.</summary>
/// <param name="File">What its epoch lists.</param>
/// <param name="Epoch">The epoch that lists it.</param>
public sealed record LetterFile(DeadLetterFile File, Checkpoint Epoch)
{
    private readonly Dictionary<DeadLetterState, long> _closed = [];
    private readonly HashSet<string> _rules = [];

    /// <summary>Rows that wait for somebody.</summary>
    public long Open => File.Rows - _closed.Values.Sum();

    /// <summary>Rows in a state.</summary>
    public long RowsIn(DeadLetterState state) => state == DeadLetterState.Open ? Open : _closed.GetValueOrDefault(state);

    /// <summary>The condition in SQL, over the file's columns, for rows that are open, of a rule or of all.</summary>
    internal string WhereOpen(string? rule)
    {
        var column = DeadLetters.MetaColumns[3];
        var isOpen = _rules.Count == 0 ? "true" : $"{column} NOT IN ({string.Join(", ", _rules.Select(SqlText.Literal))})";
        return rule is null ? isOpen : $"{isOpen} AND {column} = {SqlText.Literal(rule)}";
    }

    /// <summary>Whether a row that a rule refused is open and of the rule that is asked for; null for any.</summary>
    internal bool IsOpen(string rule, string? wanted) => !_rules.Contains(rule) && (wanted is null || rule == wanted);

    internal void Close(DeadLetterClosing closing)
    {
        var rows = closing.Path is null ? Open : Math.Min(closing.Rows, Open);
        _closed[closing.State] = _closed.GetValueOrDefault(closing.State) + rows;
        if (closing.Rule is not null)
        {
            _rules.Add(closing.Rule);
        }
    }
}

/// <summary>
/// The dead letters of one load and what became of them. Nothing but the target's own epochs says so: a file is there because an epoch lists
/// it, and closed because a later one closes it.
/// </summary>
public static class LetterLog
{
    /// <summary>Those of all loads; one that several loads list is there for each.</summary>
    public static async Task<IReadOnlyList<LetterFile>> ReadAsync(CompiledPipeline pipeline, CancellationToken cancel)
    {
        var files = new List<LetterFile>();
        foreach (var load in pipeline.Nodes.OfType<LoadNode>())
        {
            files.AddRange(await ReadAsync(pipeline, load, cancel));
        }

        return files;
    }

    /// <summary>
    /// The files that hold rows refused on the way to a load, the oldest first. Of a target that keeps no history only the newest epoch is known.
    /// </summary>
    public static async Task<IReadOnlyList<LetterFile>> ReadAsync(CompiledPipeline pipeline, LoadNode load, CancellationToken cancel)
    {
        var key = pipeline.KeyOf(load);
        var files = new List<LetterFile>();
        if (load.Loader is IEpochHistory history)
        {
            EtlException? unreadable = null;
            await foreach (var epoch in history.ReadEpochsAsync(key, cancel))
            {
                unreadable = epoch.Unreadable ?? (ClosesAll(epoch) ? null : unreadable);
                Apply(files, epoch);
            }

            // What an unreadable epoch refused nobody knows; it does not matter where all was read anew since.
            if (unreadable is not null)
            {
                throw unreadable;
            }
        }
        else if (await load.Loader.ReadCheckpointAsync(key, cancel) is { } last)
        {
            Apply(files, last);
        }

        // A stage that was renamed or removed may have refused them, so those of unknown stages stay.
        return [.. files.Where(f => pipeline.Definition.Stages.All(s => s.Id != f.File.Stage) || pipeline.Reaches(f.File.Stage, load.Id))];
    }

    private static bool ClosesAll(Checkpoint epoch) => epoch.Closed.Any(c => c.Path is null);

    private static void Apply(List<LetterFile> files, Checkpoint epoch)
    {
        foreach (var closing in epoch.Closed)
        {
            foreach (var file in files.Where(f => closing.Path is null || f.File.Path == closing.Path))
            {
                file.Close(closing);
            }
        }

        files.AddRange(epoch.DeadLetters.Select(d => new LetterFile(d, epoch)));
    }
}
