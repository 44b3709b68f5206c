using System.Globalization;
using System.Runtime.CompilerServices;
using System.Text;
using System.Text.Json.Nodes;
using Apache.Arrow;
using Etl.Contracts;
using Etl.Contracts.Arrow;

namespace Etl.Plugins.Files;

/// <summary>The files found, a split for each.</summary>
internal sealed class CsvExtraction(IObjectStore store, CsvExtractOptions options, ExtractRequest request, IReadOnlyList<string> keys, SourcePosition reached) : IExtraction
{
    private const long BatchBytes = 16L << 20;

    public IReadOnlyList<Split> Splits { get; } =
        [.. keys.Select((key, i) => new Split(string.Create(CultureInfo.InvariantCulture, $"file-{i}"), new JsonObject { ["key"] = key }))];

    public SourcePosition Reached => reached;

    public long? EstimatedRows => null;

    public async IAsyncEnumerable<RecordBatch> ReadAsync(Split split, [EnumeratorCancellation] CancellationToken cancel)
    {
        var key = split.Spec["key"]!.GetValue<string>();
        var stream = await store.GetAsync(key, cancel) ?? throw new EtlException("ETL4533", $"'{key}' was there when the run started and is gone", "Do not move files while they are read.");
        using var reader = new CsvReader(stream, CsvFormat.Of(options), key);
        using var builder = new RecordBatchBuilder(request.Schema.Arrow, request.BatchRows);
        int[]? columns = null;
        var width = 0;
        do
        {
            while (reader.TryRead())
            {
                if (columns is null)
                {
                    (columns, width) = Columns(reader);
                    if (options.Header)
                    {
                        continue;
                    }
                }

                if (reader.IsBlank && width > 1)
                {
                    continue;
                }

                Append(reader, builder, columns, width);
                if (builder.Length == request.BatchRows || (builder.Length % 16 == 0 && builder.ByteLength >= BatchBytes))
                {
                    yield return builder.Build();
                }
            }

            cancel.ThrowIfCancellationRequested();
        }
        while (await reader.FillAsync(cancel));

        if (columns is null && options.Header)
        {
            throw reader.Error(1, "the file is empty, and its first line must name the columns");
        }

        if (builder.Length > 0)
        {
            yield return builder.Build();
        }
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    // For each column of the schema, the field that it comes from; and how many fields a record has.
    private (int[] Columns, int Width) Columns(CsvReader reader)
    {
        var names = request.Schema.Names.ToList();
        if (!options.Header)
        {
            return reader.Count == names.Count
                ? ([.. Enumerable.Range(0, names.Count)], names.Count)
                : throw reader.Error(reader.Line, string.Create(CultureInfo.InvariantCulture, $"the record has {reader.Count} fields, and the contract {names.Count} columns"));
        }

        var header = Enumerable.Range(0, reader.Count).Select(i => Encoding.UTF8.GetString(reader.Value(i)).Trim()).ToList();
        var twice = header.GroupBy(h => h, StringComparer.OrdinalIgnoreCase).FirstOrDefault(g => g.Count() > 1 && names.Contains(g.Key, StringComparer.OrdinalIgnoreCase));
        if (twice is not null)
        {
            throw reader.Error(reader.Line, $"two columns are called '{twice.Key}'");
        }

        var missing = names.Where(n => !header.Contains(n, StringComparer.OrdinalIgnoreCase)).ToList();
        return missing.Count == 0
            ? ([.. names.Select(n => header.FindIndex(h => h.Equals(n, StringComparison.OrdinalIgnoreCase)))], header.Count)
            : throw reader.Error(reader.Line, $"the header has no column {string.Join(", ", missing.Select(m => $"'{m}'"))}, which the contract declares; it has {string.Join(", ", header)}");
    }

    private void Append(CsvReader reader, RecordBatchBuilder builder, int[] columns, int width)
    {
        if (reader.Count != width)
        {
            throw reader.Error(reader.Line, string.Create(CultureInfo.InvariantCulture, $"the record has {reader.Count} fields, and {width} were expected"));
        }

        for (var i = 0; i < columns.Length; i++)
        {
            var target = builder[i];
            if (reader.IsNull(columns[i]))
            {
                if (!request.Schema.Arrow.FieldsList[i].IsNullable)
                {
                    throw reader.Error(reader.Line, $"column '{request.Schema.Arrow.FieldsList[i].Name}' has no value, and the contract says required");
                }

                target.AppendNull();
            }
            else if (!CsvCell.TryAppend(reader.Value(columns[i]), target))
            {
                // The value itself is not shown: it may be nobody's business.
                throw reader.Error(reader.Line, $"column '{request.Schema.Arrow.FieldsList[i].Name}' is no {CsvCell.Describe(target.Type)}");
            }
        }
    }
}
