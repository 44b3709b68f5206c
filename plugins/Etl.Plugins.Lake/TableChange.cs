using System.Globalization;
using Etl.Contracts;

namespace Etl.Plugins.Lake;

/// <summary>What a publish changes in the set of files.</summary>
/// <param name="Removed">Files that go.</param>
/// <param name="Added">Files that come.</param>
/// <param name="Inserted">Rows of keys that were not there.</param>
/// <param name="Updated">Rows that replace others.</param>
/// <param name="Deleted">Rows that are gone.</param>
/// <param name="Unchanged">Staged rows that were there already.</param>
internal sealed record TableChange(IReadOnlyList<ActiveFile> Removed, IReadOnlyList<DataFile> Added, long Inserted, long Updated, long Deleted, long Unchanged)
{
    /// <summary>What the run's report says of it.</summary>
    public PublishResult Report(bool isPartitioned, string? note)
    {
        var bytes = Added.Sum(f => f.Size);
        var folders = Added.Select(f => f.Folder.Folder).Distinct().Count();
        var detail = string.Create(CultureInfo.InvariantCulture, $"{Count(Added.Count, "file")}{(!isPartitioned ? "" : $" in {Count(folders, "partition")}")}, {Size(bytes)}{(Removed.Count == 0 ? "" : $"; {Count(Removed.Count, "file")} replaced")}{(note is null ? "" : $"; {note}")}");
        return new PublishResult(Inserted, Updated, Deleted, Unchanged, detail);
    }

    private static string Count(int n, string what) => string.Create(CultureInfo.InvariantCulture, $"{n} {what}{(n == 1 ? "" : "s")}");

    private static string Size(long bytes) => bytes switch
    {
        < 1 << 10 => string.Create(CultureInfo.InvariantCulture, $"{bytes} bytes"),
        < 1 << 20 => string.Create(CultureInfo.InvariantCulture, $"{bytes / 1024.0:0.0} KB"),
        < 1 << 30 => string.Create(CultureInfo.InvariantCulture, $"{bytes / 1048576.0:0.0} MB"),
        _ => string.Create(CultureInfo.InvariantCulture, $"{bytes / 1073741824.0:0.0} GB"),
    };
}
