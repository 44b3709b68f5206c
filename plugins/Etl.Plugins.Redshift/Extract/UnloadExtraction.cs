using System.Runtime.CompilerServices;
using System.Text.Json.Nodes;
using Apache.Arrow;
using Etl.Contracts;
using Etl.Parquet;

namespace Etl.Plugins.Redshift.Extract;

/// <summary>The files that UNLOAD wrote, by its manifest.</summary>
internal static class UnloadedFiles
{
    /// <summary>A split for each file. ETL4685: they do not hold the rows that UNLOAD counted.</summary>
    public static async ValueTask<IReadOnlyList<Split>> ListAsync(StagingStore store, string prefix, long rows, CancellationToken cancel)
    {
        if (rows == 0)
        {
            return [];
        }

        await using var text = await store.Objects.GetAsync(prefix + "manifest", cancel) ?? throw Incomplete("its manifest is not in the store");
        var entries = (await JsonNode.ParseAsync(text, cancellationToken: cancel))?["entries"]?.AsArray() ?? throw Incomplete("its manifest has no entries");
        var splits = new List<Split>();
        foreach (var entry in entries)
        {
            if (entry?["url"]?.GetValue<string>() is not { } url || entry["meta"]?["record_count"]?.GetValue<long>() is not { } count || entry["meta"]?["content_length"]?.GetValue<long>() is not { } length)
            {
                throw Incomplete("an entry of its manifest has no url, record_count or content_length");
            }

            rows -= count;
            splits.Add(new Split(FormattableString.Invariant($"{splits.Count:d4}"), new JsonObject { ["key"] = store.KeyOf(url), ["rows"] = count, ["bytes"] = length }));
        }

        return rows == 0 ? splits : throw Incomplete($"its manifest lacks {RedshiftTypes.Text(rows)} rows");
    }

    /// <summary>UNLOAD did not leave what it said.</summary>
    public static EtlException Incomplete(string why) => new("ETL4685", $"what UNLOAD wrote cannot be read: {why}", "Nothing was published. Run again; if it comes back, something else writes to the staging store.");
}

/// <summary>One reading of a source: its files, which are deleted with it. A split is a file, so any process that reaches the store can read it.</summary>
internal sealed class UnloadExtraction(StagingStore store, string prefix, IReadOnlyList<Split> splits, SourcePosition reached, long rows, IReadOnlyList<string> warnings, Schema schema) : IExtraction
{
    /// <inheritdoc/>
    public IReadOnlyList<Split> Splits => splits;

    /// <inheritdoc/>
    public SourcePosition Reached => reached;

    /// <inheritdoc/>
    public long? EstimatedRows => rows;

    /// <inheritdoc/>
    public IReadOnlyList<string> Warnings => warnings;

    /// <inheritdoc/>
    public async IAsyncEnumerable<RecordBatch> ReadAsync(Split split, [EnumeratorCancellation] CancellationToken cancel)
    {
        var (key, bytes, expected) = (split.Spec["key"]!.GetValue<string>(), split.Spec["bytes"]!.GetValue<long>(), split.Spec["rows"]!.GetValue<long>());
        var content = new MemoryStream(checked((int)bytes));
        await using (var stored = await store.Objects.GetAsync(key, cancel) ?? throw UnloadedFiles.Incomplete($"{key} is not in the store"))
        {
            await stored.CopyToAsync(content, cancel);
        }

        content.Position = 0;
        await using var file = await ParquetFileReader.OpenAsync(content, key, cancel);
        if (content.Length != bytes || file.Rows != expected)
        {
            throw UnloadedFiles.Incomplete($"{key} has {RedshiftTypes.Text(content.Length)} bytes and {RedshiftTypes.Text(file.Rows)} rows, not {RedshiftTypes.Text(bytes)} and {RedshiftTypes.Text(expected)}");
        }

        await foreach (var batch in file.ReadAllAsync(schema, cancel))
        {
            yield return batch;
        }
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => store.DeleteAsync(prefix, _ => true, CancellationToken.None);
}
