namespace Etl.Plugins.Lake;

/// <summary>Files of one folder whose rows are to lie in one file.</summary>
/// <param name="Folder">Theirs, and the new file's.</param>
/// <param name="Files">Two or more, the oldest first: rows that came together stay together, so that the bounds in the log stay narrow.</param>
internal sealed record CompactionGroup(PartitionFolder Folder, IReadOnlyList<ActiveFile> Files)
{
    /// <summary>Of all files.</summary>
    public long Bytes => Files.Sum(f => f.Size);

    /// <summary>
    /// The groups of a table. A file is small below half of <paramref name="targetSize"/>: what was put together once is not written again for each small file that comes
    /// after it. A small file that is alone stays as it is.
    /// </summary>
    public static IReadOnlyList<CompactionGroup> Of(DeltaSnapshot table, long targetSize)
    {
        var groups = new List<CompactionGroup>();
        foreach (var together in table.Files.Where(f => f.Size < targetSize / 2).GroupBy(PlaceOf, StringComparer.Ordinal).OrderBy(g => g.Key, StringComparer.Ordinal))
        {
            var (next, bytes) = (new List<ActiveFile>(), 0L);
            foreach (var file in together.OrderBy(f => f.Modified).ThenBy(f => f.LogPath, StringComparer.Ordinal))
            {
                if (bytes + file.Size > targetSize)
                {
                    Close(next);
                    (next, bytes) = ([], 0);
                }

                next.Add(file);
                bytes += file.Size;
            }

            Close(next);
        }

        return groups;

        void Close(List<ActiveFile> files)
        {
            if (files.Count > 1)
            {
                groups.Add(new(PartitionFolder.Of(files[0]), files));
            }
        }
    }

    // Rows stay in the partition that the log has them in, and in their folder, which a reader of bare files takes for one; and what is known of a file is known of the new one.
    private static string PlaceOf(ActiveFile file) => string.Join('\n', [
        PartitionFolder.Of(file).Folder, file.Folder is null ? "another program's" : "",
        .. file.PartitionValues.OrderBy(v => v.Key, StringComparer.Ordinal).Select(v => $"{Uri.EscapeDataString(v.Key)}={(string.IsNullOrEmpty(v.Value) ? "" : Uri.EscapeDataString(v.Value))}")]);
}
