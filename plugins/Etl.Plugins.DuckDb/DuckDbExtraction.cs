using System.Globalization;
using System.Runtime.CompilerServices;
using System.Text.Json.Nodes;
using Apache.Arrow;
using Etl.Contracts;
using Etl.DuckDb;

namespace Etl.Plugins.DuckDb;

/// <summary>One snapshot of a relation: a read-only transaction that lives until the extraction is disposed.</summary>
internal sealed class DuckDbExtraction : IExtraction
{
    private const long BatchBytes = 16 << 20;
    private readonly DuckDbHandle _handle;
    private readonly ExtractRequest _request;
    private readonly string _sql;

    private DuckDbExtraction(DuckDbHandle handle, ExtractRequest request, string sql, SourcePosition reached, long? rows)
    {
        _handle = handle;
        _request = request;
        _sql = sql;
        Reached = reached;
        EstimatedRows = rows;
        Splits = rows == 0 ? [] : [new Split("all", [])];
    }

    public IReadOnlyList<Split> Splits { get; }

    public SourcePosition Reached { get; }

    public long? EstimatedRows { get; }

    public IReadOnlyList<string> Warnings { get; private init; } = [];

    public static DuckDbExtraction Open(DuckDbReading reading, ExtractRequest request, Func<IReadOnlyList<DuckColumn>, string>? rowsOf, CancellationToken cancel)
    {
        var handle = reading.Connection.Open(mustExist: true);
        try
        {
            var duck = handle.Duck;
            duck.Execute("BEGIN TRANSACTION READ ONLY", cancel: cancel);
            var live = Describe(duck, reading, request);
            var warnings = ColumnDrift.Check(reading.OnDrift, request.Contract, live.Select(c => c.Name), reading.Name);
            var terms = string.Join(", ", request.Schema.Arrow.FieldsList.Select(f => Term(reading, live, f)));
            if (rowsOf is not null)
            {
                return new DuckDbExtraction(handle, request, $"SELECT {terms} FROM {reading.From} WHERE {rowsOf(live)}", reading.Position(null), null);
            }

            if (reading.Incremental is not { } incremental)
            {
                return new DuckDbExtraction(handle, request, $"SELECT {terms} FROM {reading.From}", reading.Position(null), null) { Warnings = warnings };
            }

            var order = Order(reading, live, request, incremental);
            var cursor = SqlText.Quote(order[0].Name);
            RefuseNulls(duck, reading, incremental, cursor, request, cancel);
            var beyond = request.From is { Position.Count: > 0 } from ? Beyond(order, from.Position) : $"{cursor} IS NOT NULL";
            var where = incremental.NullCursor == NullCursor.Include ? $"({beyond} OR {cursor} IS NULL)" : beyond;
            var rows = long.Parse(duck.QueryText($"SELECT count(*) FROM {reading.From} WHERE {where}", request.Parameters, cancel)!, CultureInfo.InvariantCulture);
            var last = duck.QueryRows(
                $"SELECT {string.Join(", ", order.Select(c => $"CAST({SqlText.Quote(c.Name)} AS VARCHAR)"))} FROM {reading.From} WHERE {beyond} ORDER BY {string.Join(", ", order.Select(c => $"{SqlText.Quote(c.Name)} DESC"))} LIMIT 1",
                request.Parameters, cancel);
            var sql = $"SELECT {terms} FROM {reading.From} WHERE {where} ORDER BY {string.Join(", ", order.Select(c => SqlText.Quote(c.Name)))}";
            return new DuckDbExtraction(handle, request, sql, last.Count > 0 ? reading.Position(last[0]) : request.From ?? reading.Position(null), rows) { Warnings = warnings };
        }
        catch
        {
            handle.Dispose();
            throw;
        }
    }

    public async IAsyncEnumerable<RecordBatch> ReadAsync(Split split, [EnumeratorCancellation] CancellationToken cancel)
    {
        using var stream = await Task.Run(() => new DuckStream(_handle.Duck, _sql, _request.Parameters, _request.Schema.Arrow, cancel), cancel);
        while (await Task.Run(() => stream.Next(_request.BatchRows, BatchBytes), CancellationToken.None) is { } batch)
        {
            Check(batch);
            yield return batch;
        }
    }

    public async ValueTask DisposeAsync() => await Task.Run(() =>
    {
        try
        {
            _handle.Duck.Execute("ROLLBACK");
        }
        finally
        {
            _handle.Dispose();
        }
    });

    private static DuckColumn[] Order(DuckDbReading reading, IReadOnlyList<DuckColumn> live, ExtractRequest request, IncrementalOptions incremental) =>
        [.. new[] { incremental.Cursor }.Concat(reading.Key(request.Contract)).Select(c => Find(reading, live, c))];

    /// <summary>The condition for rows with these keys that are not beyond the position: a NULL cursor is beyond every one.</summary>
    public static string Lookup(DuckDbReading reading, IReadOnlyList<DuckColumn> live, ExtractRequest request, IReadOnlyList<IReadOnlyList<string>> keys)
    {
        var columns = request.Schema.Key.Select(k => Find(reading, live, k)).ToList();
        var values = keys.Select(key => $"({string.Join(", ", key.Select((text, i) => $"CAST({SqlText.Literal(text)} AS {columns[i].Type})"))})");
        var lookup = $"({string.Join(", ", columns.Select(c => SqlText.Quote(c.Name)))}) IN ({string.Join(", ", values)})";
        return reading.Incremental is { } incremental && request.From is { Position.Count: > 0 } from
            ? $"{lookup} AND NOT coalesce({Beyond(Order(reading, live, request, incremental), from.Position)}, true)"
            : lookup;
    }

    /// <summary>The condition for rows in which a column is at least <paramref name="from"/> and less than <paramref name="to"/>.</summary>
    public static string Range(DuckDbReading reading, IReadOnlyList<DuckColumn> live, string name, string from, string to)
    {
        var column = Find(reading, live, name);
        return $"{SqlText.Quote(column.Name)} >= CAST({SqlText.Literal(from)} AS {column.Type}) AND {SqlText.Quote(column.Name)} < CAST({SqlText.Literal(to)} AS {column.Type})";
    }

    private static IReadOnlyList<DuckColumn> Describe(DuckConnection duck, DuckDbReading reading, ExtractRequest request)
    {
        try
        {
            return duck.DescribeColumns($"SELECT * FROM {reading.From}", request.Parameters);
        }
        catch (DuckException e) when (e.Error.Subtype == "MISSING_ENTRY" || e.Error.Type == "Catalog")
        {
            // Of what DuckDB says, the first line: what it proposes after it are its own tables too.
            throw new EtlException("ETL4414", $"{reading.Connection.Display}: {e.Error.Message.Split('\n')[0].TrimEnd('!')}", "Check the name of the table and the connection's schema.", e) { OptionPath = "table" };
        }
    }

    private static DuckColumn Find(DuckDbReading reading, IReadOnlyList<DuckColumn> live, string name) =>
        live.FirstOrDefault(c => string.Equals(c.Name, name, StringComparison.OrdinalIgnoreCase))
        ?? throw new EtlException("ETL4414", $"{reading.Name} has no column '{name}' (any more)", $"Its columns are: {string.Join(", ", live.Select(c => c.Name))}. Import the contract again, or bring the column back.");

    // The declared type out of the live one, if every value fits.
    private static string Term(DuckDbReading reading, IReadOnlyList<DuckColumn> live, Field field)
    {
        var name = SqlText.Quote(field.Name);
        if (field.Name == RowSchema.OpColumn)
        {
            return $"CASE WHEN (\n{reading.Incremental!.DeletedWhen}\n) THEN '{RowSchema.OpDelete}' ELSE '{RowSchema.OpUpsert}' END AS {name}";
        }

        var column = Find(reading, live, field.Name);
        var declared = DuckType.Of(field.DataType);
        if (column.Type == declared)
        {
            return $"{SqlText.Quote(column.Name)} AS {name}";
        }

        return DuckDbTypeMap.Widens(DuckDbTypeMap.Extracted(column.Type), declared)
            ? $"CAST({SqlText.Quote(column.Name)} AS {declared}) AS {name}"
            : throw new EtlException("ETL4415", $"column '{field.Name}' of {reading.Name} is {column.Type}, and the contract declares {declared}", "Import the contract again, or change the column back: not every value would fit.");
    }

    private static void RefuseNulls(DuckConnection duck, DuckDbReading reading, IncrementalOptions incremental, string cursor, ExtractRequest request, CancellationToken cancel)
    {
        if (incremental.NullCursor == NullCursor.Fail && duck.QueryText($"SELECT count(*) FROM {reading.From} WHERE {cursor} IS NULL", request.Parameters, cancel) is { } nulls and not "0")
        {
            throw new EtlException("ETL4110", $"{nulls} rows of {reading.Name} have no '{incremental.Cursor}'", "They would never be read. Fill them, or say null_cursor: include or skip.") { OptionPath = "incremental.cursor" };
        }
    }

    // (cursor, key...) > (position...), written out, with the position's texts cast to the columns' types.
    private static string Beyond(DuckColumn[] order, JsonObject position)
    {
        string[] texts = [position["cursor"]!.GetValue<string>(), .. position["key"]!.AsArray().Select(k => k!.GetValue<string>())];
        var condition = "";
        for (var i = order.Length - 1; i >= 0; i--)
        {
            var (column, value) = (SqlText.Quote(order[i].Name), $"CAST({SqlText.Literal(texts[i])} AS {order[i].Type})");
            condition = condition.Length == 0 ? $"{column} > {value}" : $"({column} > {value} OR ({column} = {value} AND {condition}))";
        }

        return condition;
    }

    private void Check(RecordBatch batch)
    {
        for (var i = 0; i < batch.ColumnCount; i++)
        {
            var field = _request.Schema.Arrow.FieldsList[i];
            if (!field.IsNullable && batch.Column(i).NullCount > 0)
            {
                batch.Dispose();
                throw new EtlException("ETL4416", $"column '{field.Name}' holds NULL, and the contract says required", "Correct the data, or the contract.");
            }

            if (HoldsInfinity(batch.Column(i)))
            {
                batch.Dispose();
                throw new EtlException("ETL4124", $"column '{field.Name}' holds infinity, which is no date or time", "Replace it at the source, for example by NULL, or read it by a query that does.");
            }
        }
    }

    // The greatest integer and its negative stand for the infinities; to any other system they are days and times like others.
    private static bool HoldsInfinity(IArrowArray column) => column switch
    {
        TimestampArray times => IsAny(times, times.Values, long.MaxValue) || IsAny(times, times.Values, -long.MaxValue),
        Date32Array days => IsAny(days, days.Values, int.MaxValue) || IsAny(days, days.Values, -int.MaxValue),
        _ => false,
    };

    private static bool IsAny<T>(IArrowArray column, ReadOnlySpan<T> values, T wanted) where T : IEquatable<T>
    {
        for (int at = 0, found; (found = values[at..].IndexOf(wanted)) >= 0; at += found + 1)
        {
            if (!column.IsNull(at + found))
            {
                return true;
            }
        }

        return false;
    }
}
