using System.Globalization;
using System.Runtime.CompilerServices;
using System.Text;
using Apache.Arrow;
using Etl.Contracts;
using Etl.Contracts.Arrow;
using Etl.Plugins.FileSets;

namespace Etl.Plugins.Files;

/// <summary>CSV files as batches.</summary>
internal sealed class CsvFile(IObjectStore store, CsvExtractOptions options, ExtractRequest request)
{
    public async IAsyncEnumerable<RecordBatch> ReadAsync(string key, long size, [EnumeratorCancellation] CancellationToken cancel)
    {
        using var folders = new FolderColumns(key, request.Schema.Arrow);
        using var reader = new CsvReader(await FileContent.OpenAsync(store, key, size, options.Compression, cancel), CsvFormat.Of(options), key);
        using var builder = new RecordBatchBuilder(request.Schema.Arrow, request.BatchRows);
        int[]? columns = null;
        var width = 0;
        do
        {
            while (reader.TryRead())
            {
                if (columns is null)
                {
                    (columns, width) = Columns(reader, folders);
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
                folders.AppendRow(builder);
                if (TextBatch.IsFull(builder, request))
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

    /// <summary>The names in a file's first line.</summary>
    public static async ValueTask<IReadOnlyList<string>> HeaderAsync(IObjectStore store, StoredObject file, CsvExtractOptions options, CancellationToken cancel)
    {
        using var reader = new CsvReader(await FileContent.OpenAsync(store, file.Key, file.Size, options.Compression, cancel), CsvFormat.Of(options), file.Key);
        do
        {
            if (reader.TryRead())
            {
                return Names(reader);
            }
        }
        while (await reader.FillAsync(cancel));

        throw reader.Error(1, "the file is empty, and its first line must name the columns");
    }

    private static List<string> Names(CsvReader reader) => [.. Enumerable.Range(0, reader.Count).Select(i => Encoding.UTF8.GetString(reader.Value(i)).Trim())];

    // For each column of the schema, the field that it comes from (-1: from a folder); and how many fields a record has.
    private (int[] Columns, int Width) Columns(CsvReader reader, FolderColumns folders)
    {
        var all = request.Schema.Names.ToList();
        var names = all.Where((_, i) => !folders.Has(i)).ToList();
        if (!options.Header)
        {
            return reader.Count == names.Count
                ? ([.. all.Select((name, i) => folders.Has(i) ? -1 : names.IndexOf(name))], names.Count)
                : throw reader.Error(reader.Line, string.Create(CultureInfo.InvariantCulture, $"the record has {reader.Count} fields, and the contract {names.Count} columns"));
        }

        var header = Names(reader);
        var twice = header.GroupBy(h => h, StringComparer.OrdinalIgnoreCase).FirstOrDefault(g => g.Count() > 1 && names.Contains(g.Key, StringComparer.OrdinalIgnoreCase));
        if (twice is not null)
        {
            throw reader.Error(reader.Line, $"two columns are called '{twice.Key}'");
        }

        var missing = names.Where(n => !header.Contains(n, StringComparer.OrdinalIgnoreCase)).ToList();
        return missing.Count == 0
            ? ([.. all.Select((n, i) => folders.Has(i) ? -1 : header.FindIndex(h => h.Equals(n, StringComparison.OrdinalIgnoreCase)))], header.Count)
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
            if (columns[i] < 0)
            {
                continue;
            }

            if (reader.IsNull(columns[i]))
            {
                if (!request.Schema.Arrow.FieldsList[i].IsNullable)
                {
                    throw reader.Error(reader.Line, $"column '{request.Schema.Arrow.FieldsList[i].Name}' has no value, and the contract says required");
                }

                target.AppendNull();
            }
            else if (!CellText.TryAppend(reader.Value(columns[i]), target))
            {
                // The value itself is not shown: it may be nobody's business.
                throw reader.Error(reader.Line, $"column '{request.Schema.Arrow.FieldsList[i].Name}' is no {CellText.Describe(target.Type)}");
            }
        }
    }
}
