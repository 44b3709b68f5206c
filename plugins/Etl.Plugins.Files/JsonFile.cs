using System.Runtime.CompilerServices;
using Apache.Arrow;
using Etl.Contracts;
using Etl.Contracts.Arrow;
using Etl.Plugins.FileSets;

namespace Etl.Plugins.Files;

/// <summary>JSON files as batches.</summary>
internal sealed class JsonFile(IObjectStore store, JsonExtractOptions options, ExtractRequest request)
{
    public async IAsyncEnumerable<RecordBatch> ReadAsync(string key, long size, [EnumeratorCancellation] CancellationToken cancel)
    {
        using var folders = new FolderColumns(key, request.Schema.Arrow);
        using var reader = new JsonRecordReader(await FileContent.OpenAsync(store, key, size, options.Compression, cancel), key);
        using var builder = new RecordBatchBuilder(request.Schema.Arrow, request.BatchRows);
        var row = new JsonRow(reader, builder, folders, JsonMember.Tree(request.Schema, options.Members), IsJson(request));
        do
        {
            while (reader.TryRead())
            {
                row.Append();
                if (TextBatch.IsFull(builder, request))
                {
                    yield return builder.Build();
                }
            }

            cancel.ThrowIfCancellationRequested();
        }
        while (await reader.FillAsync(cancel));

        if (builder.Length > 0)
        {
            yield return builder.Build();
        }
    }

    // By column: a type that the contract calls JSON takes any value, as it is written.
    private static bool[] IsJson(ExtractRequest request)
    {
        var json = request.Contract!.Columns.Where(c => c.PhysicalType is "json" or "jsonb").Select(c => c.Field.Name).ToHashSet(StringComparer.OrdinalIgnoreCase);
        return [.. request.Schema.Names.Select(json.Contains)];
    }
}
