using System.Collections.Concurrent;
using System.Text.Json.Nodes;
using Apache.Arrow;
using Etl.Contracts.Arrow;
using Etl.Parquet;

namespace Etl.Plugins.Lake;

/// <summary>
/// Upsert by copying: a file of the table that holds a row whose key was staged is written again without it, whatever its partition; the
/// staged rows are files already. Staged rows that the table holds as they are stay where they are.
/// </summary>
internal sealed class CopyOnWrite(DataFiles files, Schema schema, IReadOnlyList<string> key, KeyIndex index, PartitionLayout layout)
{
    // A row that came again as it is lies under the date at which it became so.
    private readonly int _ofRun = layout.IsByRunDate ? schema.GetFieldIndex(layout.Column!) : -1;

    private readonly Schema _keySchema = new(key.Select(schema.GetFieldByName), null);
    private readonly int[] _keyColumns = [.. key.Select(k => schema.GetFieldIndex(k))];

    /// <summary>Decides over every file that can hold a staged key, or over all where each key that lives was told, and writes what has to be written. Nothing is visible yet.</summary>
    public async ValueTask<TableChange> RunAsync(DeltaSnapshot table, IReadOnlyList<DataFile> staged, CancellationToken cancel)
    {
        index.Reset();
        var (removed, added) = (new ConcurrentQueue<ActiveFile>(), new ConcurrentQueue<DataFile>());
        await Parallel.ForEachAsync(table.Files.Where(MayHold), InParallel(cancel), async (file, stop) =>
        {
            await using var reader = await ParquetFileReader.OpenAsync(await files.FetchAsync(file, stop), file.LogPath, stop);
            var kept = await DecideAsync(file, reader, stop);
            if (kept is null)
            {
                return;
            }

            removed.Enqueue(file);
            if (await CopyAsync(reader, PartitionFolder.Of(file), (group, _) => kept[group], file, stop) is { } copy)
            {
                added.Enqueue(copy);
            }
        });

        var (inserted, updated, deleted, unchanged, withUnchanged) = index.Summarize();
        await Parallel.ForEachAsync(staged, InParallel(cancel), async (file, stop) =>
        {
            if (!withUnchanged.Contains(file.Id))
            {
                added.Enqueue(file);
                return;
            }

            await using var reader = await ParquetFileReader.OpenAsync(await files.ReopenAsync(file, stop), file.RelativePath, stop);
            if (await CopyAsync(reader, file.Folder, (_, batch) => RowsThatChange(batch), null, stop) is { } copy)
            {
                added.Enqueue(copy);
            }
        });

        return new TableChange([.. removed], [.. added.OrderBy(f => f.Id)], inserted, updated, deleted, unchanged);
    }

    // Each holds a row group or two, and its key's columns, in memory.
    private static ParallelOptions InParallel(CancellationToken cancel) => new() { MaxDegreeOfParallelism = Math.Clamp(Environment.ProcessorCount, 2, 4), CancellationToken = cancel };

    private bool MayHold(ActiveFile file)
    {
        if (index.Living is not null)
        {
            return true;
        }

        var stats = file.Stats is null ? null : JsonNode.Parse(file.Stats);
        return index.Count > 0 && index.Ranges.All(range => DeltaStatistics.MayHold(stats, range));
    }

    // By row group, the rows that stay, or null where all of them do; null when they do in every group. Columns other than the key's are read only where a key is met.
    private async ValueTask<int[]?[]?> DecideAsync(ActiveFile file, ParquetFileReader reader, CancellationToken cancel)
    {
        var kept = new int[]?[reader.RowGroups];
        var anyGoes = false;
        for (var group = 0; group < reader.RowGroups; group++)
        {
            using var keyBatch = await reader.ReadAsync(group, _keySchema, (f, c, n) => TableSchema.FillMissing(file, f, c, n), cancel);
            var keys = new UInt128[keyBatch.Length];
            index.Hasher.Hash([.. keyBatch.Arrays], keys);
            if (!keys.Any(index.Decides))
            {
                continue;
            }

            using var batch = await reader.ReadAsync(group, schema, (f, c, n) => TableSchema.FillMissing(file, f, c, n), cancel);
            var rows = new UInt128[batch.Length];
            index.Hasher.Hash([.. batch.Arrays.Select((a, i) => i == _ofRun ? null : a)], rows);
            var stay = index.Keep(keys, rows);
            if (stay.Length < keys.Length)
            {
                (kept[group], anyGoes) = (stay, true);
            }
        }

        return anyGoes ? kept : null;
    }

    // The file's rows that stay, as a new file; null when there are none.
    private async ValueTask<DataFile?> CopyAsync(ParquetFileReader reader, PartitionFolder folder, Func<int, RecordBatch, int[]?> rowsOf, ActiveFile? original, CancellationToken cancel)
    {
        OpenDataFile? copy = null;
        try
        {
            for (var group = 0; group < reader.RowGroups; group++)
            {
                using var batch = await reader.ReadAsync(group, schema, original is null ? null : (f, c, n) => TableSchema.FillMissing(original, f, c, n), cancel);
                var rows = rowsOf(group, batch);
                if (rows is { Length: 0 })
                {
                    continue;
                }

                copy ??= await files.OpenAsync(files.NextId(), folder, cancel);
                if (rows is null)
                {
                    await copy.WriteAsync(batch, cancel);
                    continue;
                }

                using var builder = new RecordBatchBuilder(schema, rows.Length);
                builder.Append(batch, rows);
                using var part = builder.Build();
                await copy.WriteAsync(part, cancel);
            }

            return copy is null ? null : await copy.FinishAsync(cancel);
        }
        finally
        {
            if (copy is not null)
            {
                await copy.DisposeAsync();
            }
        }
    }

    private int[] RowsThatChange(RecordBatch batch)
    {
        var keys = new UInt128[batch.Length];
        index.Hasher.Hash([.. _keyColumns.Select(batch.Column)], keys);
        return [.. Enumerable.Range(0, keys.Length).Where(i => index.StateOf(keys[i]) != StagedState.Unchanged)];
    }
}
