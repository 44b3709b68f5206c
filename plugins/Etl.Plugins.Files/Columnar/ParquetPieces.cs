using System.Globalization;
using System.Runtime.CompilerServices;
using System.Runtime.ExceptionServices;
using System.Text.Json.Nodes;
using Apache.Arrow;
using Apache.Arrow.Types;
using Etl.Contracts;
using Etl.Contracts.Arrow;
using Etl.Parquet;
using Etl.Plugins.FileSets;

namespace Etl.Plugins.Columnar;

/// <summary>A Parquet file to read.</summary>
/// <param name="Key">In the store.</param>
/// <param name="Size">In bytes.</param>
/// <param name="Values">Columns with one value for the whole file, as text.</param>
internal sealed record ParquetObject(string Key, long Size, IReadOnlyList<(string Column, string? Value)> Values);

/// <summary>
/// Parquet files of a store as splits: a file each, or a row group each where files are fewer than what is read at a time. Of an object only the footer and the wanted
/// columns are fetched.
/// </summary>
/// <param name="store">Where they are.</param>
/// <param name="request">What to read.</param>
/// <param name="filter">Which rows are wanted: a row group that by its statistics can hold none is not fetched.</param>
/// <param name="missingIsNull">A column that a file lacks is NULL in its rows; else ETL4580.</param>
internal sealed class ParquetPieces(IObjectStore store, ExtractRequest request, RowFilter filter, bool missingIsNull)
{
    // Columns that only the filter needs come last, and are not given on.
    private readonly RowSchema _read = new(filter.Widen(request.Schema.Arrow));

    private Schema Schema => _read.Arrow;

    /// <summary>The splits, and rows in all if that was seen.</summary>
    public async ValueTask<(IReadOnlyList<Split> Splits, long? Rows)> PlanAsync(IReadOnlyList<ParquetObject> files, CancellationToken cancel)
    {
        if (files.Count >= request.Parallelism)
        {
            return ([.. files.Select((f, i) => new Split(string.Create(CultureInfo.InvariantCulture, $"file-{i}"), Spec(f, null)))], null);
        }

        var (splits, rows) = (new List<Split>(), 0L);
        for (var i = 0; i < files.Count; i++)
        {
            await using var reader = await OpenAsync(files[i], new RangeStream(store, files[i].Key, files[i].Size), cancel);
            var groups = Enumerable.Range(0, reader.RowGroups).Where(g => reader.RowsOf(g) > 0 && MayHold(reader, g)).ToList();
            rows += groups.Sum(reader.RowsOf);
            splits.AddRange(groups
                .Select(g => new Split(string.Create(CultureInfo.InvariantCulture, $"file-{i}-{g}"), Spec(files[i], g))));
        }

        return (splits, rows);
    }

    /// <summary>The rows of a split. Errors give file, row group and column: ETL4574 to ETL4576, ETL4580, ETL4581.</summary>
    public async IAsyncEnumerable<RecordBatch> ReadAsync(Split split, [EnumeratorCancellation] CancellationToken cancel)
    {
        var (file, only) = Parse(split.Spec);
        using var values = new FolderColumns(file.Key, file.Values, Schema);
        await using var stream = new RangeStream(store, file.Key, file.Size);
        await using var reader = await OpenAsync(file, stream, cancel);
        for (var group = only ?? 0; group < (only + 1 ?? reader.RowGroups); group++)
        {
            if (!MayHold(reader, group))
            {
                continue;
            }

            using var rows = await ReadAsync(file, stream, reader, group, values, cancel);
            var wanted = filter.Select(rows);
            for (int offset = 0, all = wanted?.Length ?? rows.Length; offset < all; offset += request.BatchRows)
            {
                var count = Math.Min(request.BatchRows, all - offset);
                using var builder = new RecordBatchBuilder(request.Schema.Arrow, request.BatchRows);
                if (wanted is null)
                {
                    builder.Append(rows, offset, count);
                }
                else
                {
                    builder.Append(rows, wanted.AsSpan(offset, count));
                }

                yield return builder.Build();
            }
        }
    }

    private bool MayHold(ParquetFileReader reader, int group) => filter.MayHold(field => reader.RangeOf(group, field));

    private static async ValueTask<ParquetFileReader> OpenAsync(ParquetObject file, RangeStream stream, CancellationToken cancel)
    {
        try
        {
            return await ParquetFileReader.OpenAsync(stream, $"'{file.Key}'", cancel);
        }
        catch (EtlException) when (stream.Failure is not null)
        {
            ExceptionDispatchInfo.Throw(stream.Failure);
            throw;
        }
    }

    private async ValueTask<RecordBatch> ReadAsync(ParquetObject file, RangeStream stream, ParquetFileReader reader, int group, FolderColumns values, CancellationToken cancel)
    {
        try
        {
            Check(file, reader, values);
            stream.Want(reader.RangesOf(group, Schema));
            return await reader.ReadAsync(group, Schema, (field, column, rows) => Fill(field, column, rows, values), cancel);
        }
        catch (EtlException e) when (e.Code is "ETL4574" or "ETL4575" or "ETL4576")
        {
            throw new EtlException(e.Code, string.Create(CultureInfo.InvariantCulture, $"'{file.Key}', row group {group}: {e.Message}"), e.Hint, e);
        }
        catch (Exception e) when (stream.Failure is null && ParquetDamage.IsShownBy(e))
        {
            throw new EtlException("ETL4574", string.Create(CultureInfo.InvariantCulture, $"'{file.Key}', row group {group} cannot be read: {e.Message}"), "The file is damaged, or written in a way that this version does not read.", e);
        }
    }

    private void Fill(Field field, ColumnBuilder column, int rows, FolderColumns values)
    {
        var index = _read.Index(field.Name);
        if (values.Has(index))
        {
            values.Append(index, column, rows);
        }
        else
        {
            ParquetFileReader.FillNulls(field, column, rows);
        }
    }

    // What the reader of columns does not look at: whether there is a column, and whether its times are instants.
    private void Check(ParquetObject file, ParquetFileReader reader, FolderColumns values)
    {
        for (var i = 0; i < Schema.FieldsList.Count; i++)
        {
            var field = Schema.FieldsList[i];
            if (!missingIsNull && !values.Has(i) && !reader.Has(field.Name))
            {
                throw new EtlException("ETL4580", $"'{file.Key}' has no column '{field.Name}', which the contract declares", "Correct the contract, or let such columns be NULL: on_missing: as_null.") { OptionPath = "on_missing" };
            }

            if (field.DataType is TimestampType type && reader.IsInstant(field.Name) is { } isInstant && isInstant != (type.Timezone is not null))
            {
                throw new EtlException(
                    "ETL4581", $"'{file.Key}': column '{field.Name}' holds {(isInstant ? "instants" : "timestamps without a time zone")}, and the contract declares {(isInstant ? "timestamps without one" : "instants")}",
                    "Declare the type that the file has, and convert it on the way (`at time zone`).");
            }
        }
    }

    private static JsonObject Spec(ParquetObject file, int? group) => new()
    {
        ["key"] = file.Key,
        ["size"] = file.Size,
        ["group"] = group,
        ["values"] = new JsonArray([.. file.Values.Select(v => new JsonObject { ["column"] = v.Column, ["value"] = v.Value })]),
    };

    private static (ParquetObject File, int? Group) Parse(JsonObject spec) => (
        new(
            spec["key"]!.GetValue<string>(),
            spec["size"]!.GetValue<long>(),
            [.. spec["values"]!.AsArray().Select(v => (v!["column"]!.GetValue<string>(), v["value"]?.GetValue<string>()))]),
        spec["group"]?.GetValue<int>());
}

/// <summary>Planned pieces as an extraction.</summary>
internal sealed class ParquetExtraction(ParquetPieces pieces, IReadOnlyList<Split> splits, long? rows, SourcePosition reached, IReadOnlyList<string> warnings) : IExtraction
{
    public IReadOnlyList<Split> Splits => splits;

    public SourcePosition Reached => reached;

    public long? EstimatedRows => rows;

    public IReadOnlyList<string> Warnings => warnings;

    public IAsyncEnumerable<RecordBatch> ReadAsync(Split split, CancellationToken cancel) => pieces.ReadAsync(split, cancel);

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;
}
