namespace Etl.Contracts;

/// <summary>
/// A loader whose target is a table of files with a log. A person has it checked and cleaned up between runs, or during them: none of it takes the table from a
/// run, moves a checkpoint or changes a row.
/// </summary>
public interface ILakeMaintenance
{
    /// <summary>Whether the target, as it is configured, has a log. What has none refuses the rest (ETL4566).</summary>
    bool HasLog { get; }

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

    /// <summary>
    /// Writes the rows of small files into fewer files, in one step for readers, who find the same rows before and after. Runs go on meanwhile: what one of them replaces in between
    /// is left as it made it.
    /// </summary>
    ValueTask<LakeCompaction> CompactAsync(LakeCompactionRequest request, CancellationToken cancel);
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

/// <summary>What a compaction may do.</summary>
/// <param name="DryRun">Only says what it would put together.</param>
/// <param name="Alone">A person says that no run publishes meanwhile, which a store without an atomic put-if-absent needs.</param>
/// <param name="FailPoint">Called with the name of each point where a test may stop the process.</param>
public sealed record LakeCompactionRequest(bool DryRun, bool Alone, Action<string> FailPoint);

/// <summary>A table whose small files were put together, or would be.</summary>
/// <param name="Table">Where it lies.</param>
/// <param name="Version">The version that did it; where nothing was done, the newest one.</param>
/// <param name="Folders">Those in which files were put together, in ordinal order.</param>
/// <param name="BytesAfter">Of the new files; 0 when it was only looked at.</param>
/// <param name="Left">Files that were left as they are, because a run replaced one of their group in between.</param>
/// <param name="Note">What else a person should know; null for nothing.</param>
public sealed record LakeCompaction(string Table, long Version, IReadOnlyList<CompactedFolder> Folders, long BytesAfter, int Left, string? Note);

/// <summary>A folder of a table whose small files were put together.</summary>
/// <param name="Folder">Below the table's; empty for the table's own.</param>
/// <param name="Files">How many there were.</param>
/// <param name="Bytes">Of these.</param>
/// <param name="Into">How many there are instead.</param>
public sealed record CompactedFolder(string Folder, int Files, long Bytes, int Into);
