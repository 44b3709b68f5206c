namespace Etl.Contracts;

/// <summary>
/// A loader whose target is a table of files with a log. A person has it checked and cleaned up between runs, or during them: none of it takes the table from a
/// run, moves a checkpoint or changes a row.
/// </summary>
public interface ILakeMaintenance
{
    /// <summary>
    /// Compares the table with its log; writes nothing. What is wrong is listed, not thrown; an error is thrown only where nothing could be looked at, as there is no table.
    /// </summary>
    /// <param name="deep">Reads every file's content as well, instead of asking for its size.</param>
    /// <param name="cancel">Cancels.</param>
    ValueTask<LakeInspection> VerifyAsync(bool deep, CancellationToken cancel);

    /// <summary>Deletes data files that no version needs, and uploads that were never ended, but nothing that is young enough for a run to be still at it.</summary>
    /// <param name="retention">Versions that were the table within this time stay readable.</param>
    /// <param name="dryRun">Only lists.</param>
    /// <param name="cancel">Cancels.</param>
    ValueTask<LakeClearance> VacuumAsync(TimeSpan retention, bool dryRun, CancellationToken cancel);
}

/// <summary>A table that was checked.</summary>
/// <param name="Table">Where it lies.</param>
/// <param name="Version">The newest version that its log leads to; -1 when it leads to none.</param>
/// <param name="Files">Files of that version that were looked at.</param>
/// <param name="Bytes">Their bytes, as the log has them.</param>
/// <param name="Problems">A sentence for each thing that is wrong; empty when all is well.</param>
public sealed record LakeInspection(string Table, long Version, int Files, long Bytes, IReadOnlyList<string> Problems);

/// <summary>What was deleted, or would be.</summary>
/// <param name="Table">Where the table lies.</param>
/// <param name="Files">Paths below it, in ordinal order.</param>
/// <param name="Bytes">Their bytes.</param>
/// <param name="Unfinished">Objects whose upload was begun and never ended.</param>
public sealed record LakeClearance(string Table, IReadOnlyList<string> Files, long Bytes, IReadOnlyList<string> Unfinished);
