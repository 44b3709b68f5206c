using System.Text.Json.Nodes;
using Apache.Arrow;
using Etl.Contracts;
using Etl.Contracts.Arrow;
using Etl.Parquet;
using Parquet;

namespace Etl.Plugins.Redshift.Load;

/// <summary>The Parquet files of one call to stage, and the manifest that lists them. Their keys hold the load and the fence, and nothing else has them.</summary>
internal sealed class StagedFiles(StagingStore store, CheckpointKey key, long fence, RowSchema schema, long fileBytes, Action<string> failPoint)
{
    private readonly Schema _staged = new([.. schema.Arrow.FieldsList.Select(RedshiftTypes.Staged)], null);
    private readonly List<(string Key, long Bytes)> _files = [];

    /// <summary>Rows in the files.</summary>
    public long Rows { get; private set; }

    /// <summary>All keys that were written.</summary>
    public IEnumerable<string> Keys => _files.Select(f => f.Key).Append(ManifestKey);

    /// <summary>The address of the manifest.</summary>
    public string ManifestUrl => store.UrlOf(ManifestKey);

    private string ManifestKey { get; } = $"{FolderOf(store, key, fence)}{Guid.NewGuid():N}.manifest";

    /// <summary>Everything below belongs to one load under one fence.</summary>
    public static string FolderOf(StagingStore store, CheckpointKey key, long fence) => store.Key($"stage/{key.ShortName}/{RedshiftTypes.Text(fence)}/");

    /// <summary>Deletes the files of sessions with an older fence.</summary>
    public static ValueTask DeleteOlderAsync(StagingStore store, CheckpointKey key, long fence, CancellationToken cancel)
    {
        var prefix = store.Key($"stage/{key.ShortName}/");
        return store.DeleteAsync(prefix, o => long.TryParse(o.Key[prefix.Length..].Split('/')[0], out var of) && of < fence, cancel);
    }

    /// <summary>Writes the rows that fit. False when there was none: then there is no manifest either.</summary>
    public async ValueTask<bool> WriteAsync(IAsyncEnumerable<RecordBatch> batches, RowLimits limits, string table, RefuseRow? refuse, CancellationToken cancel)
    {
        using var rows = new RecordBatchBuilder(schema.Arrow);
        await foreach (var batch in batches.WithCancellation(cancel))
        {
            await limits.AppendFittingAsync(batch, rows, table, refuse, cancel);
            if (rows.ByteLength >= fileBytes)
            {
                await SendAsync(rows, cancel);
            }
        }

        await SendAsync(rows, cancel);
        if (_files.Count == 0)
        {
            return false;
        }

        var entries = new JsonArray([.. _files.Select(f => new JsonObject
        {
            ["url"] = store.UrlOf(f.Key), ["mandatory"] = true, ["meta"] = new JsonObject { ["content_length"] = f.Bytes },
        })]);
        using var manifest = new MemoryStream(System.Text.Encoding.UTF8.GetBytes(new JsonObject { ["entries"] = entries }.ToJsonString()));
        await store.Objects.PutAsync(ManifestKey, manifest, cancel);
        return true;
    }

    // A file is made in memory: it is one row group, smaller than the rows that it is made of.
    private async ValueTask SendAsync(RecordBatchBuilder rows, CancellationToken cancel)
    {
        if (rows.Length == 0)
        {
            return;
        }

        using var batch = rows.Build();
        using var content = new MemoryStream();
        await using (var writer = await ParquetFileWriter.CreateAsync(content, _staged, CompressionMethod.Snappy, cancel))
        {
            using var staged = new RecordBatch(_staged, _staged.FieldsList.Select((f, i) => Staged(f, batch.Column(i))), batch.Length);
            await writer.WriteRowGroupAsync(staged, cancel);
            await writer.FinishAsync(cancel);
        }

        var name = $"{FolderOf(store, key, fence)}{Guid.NewGuid():N}.parquet";
        content.Position = 0;
        _files.Add((name, content.Length));
        await store.Objects.PutAsync(name, content, cancel);
        Rows += batch.Length;
        failPoint("redshift.file_sent");
    }

    // The same values under the type that is staged; a byte is made wider.
    private static IArrowArray Staged(Field field, IArrowArray values)
    {
        if (values is Int8Array bytes)
        {
            var wide = new Int16Array.Builder().Reserve(bytes.Length);
            for (var i = 0; i < bytes.Length; i++)
            {
                wide.Append(bytes.GetValue(i));
            }

            return wide.Build();
        }

        return field.DataType is Apache.Arrow.Types.TimestampType
            ? ArrowArrayFactory.BuildArray(new ArrayData(field.DataType, values.Length, values.NullCount, values.Data.Offset, values.Data.Buffers))
            : values;
    }
}
