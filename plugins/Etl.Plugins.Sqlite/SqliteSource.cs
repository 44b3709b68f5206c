using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Apache.Arrow;
using Apache.Arrow.Types;
using Etl.Contracts;

namespace Etl.Plugins.Sqlite;

/// <summary>What <c>table</c> and <c>query</c> have in common: columns by contract from a relation, whole or beyond a position.</summary>
/// <param name="Database">The file.</param>
/// <param name="Kind">Of positions.</param>
/// <param name="Name">For people: the table, or <c>the query</c>.</param>
/// <param name="Relation">What stands after FROM.</param>
/// <param name="Table">The table; null for a query.</param>
/// <param name="Columns">Those to read; null for all of the contract's.</param>
/// <param name="Incremental">How to tell what is new.</param>
internal sealed record SqliteSource(
    SqliteDatabase Database, string Kind, string Name, string Relation, string? Table, IReadOnlyList<string>? Columns, IncrementalOptions? Incremental)
{
    // User parameters cannot start like this: names of parameters are letters first.
    private const string PositionParameter = "$_etl_";

    /// <summary>What to do about columns that the contract does not have; a query names its own.</summary>
    public OnDrift OnDrift { get; init; } = OnDrift.Ignore;

    public ExtractorCapabilities Capabilities => new(
        Kind,
        Incremental is not null,
        Incremental is null
            ? "exact: everything, in one read transaction"
            : $"every row whose ({string.Join(", ", [Incremental.Cursor, .. Incremental.Key ?? ["key"]])}) is beyond the last one read, in the order of the stored values; "
              + "a change that sets a cursor at or before it is not seen",
        Fingerprint())
    {
        MayRepeat = Incremental?.NullCursor == NullCursor.Include,
    };

    public RowSchema DescribeOutput(DataContract? contract)
    {
        if (contract is null)
        {
            throw new EtlException("ETL3001", $"the extraction of {Name} has no contract", Table is null
                ? "Declare the query's columns in a contract and name it with contract: FILE."
                : $"Write it with: etl contract import --tables '{Table}' (and the connection's name), then name it with contract: FILE.");
        }

        var fields = new List<Field>();
        for (var i = 0; Columns is null ? i < contract.Columns.Count : i < Columns.Count; i++)
        {
            fields.Add(Columns is null ? contract.Columns[i].Field : contract.Schema.Require(Columns[i], $"columns[{i}]"));
        }

        foreach (var field in fields)
        {
            _ = new CellReader(field);
        }

        IReadOnlyList<string> key = contract.PrimaryKey;
        if (Incremental is not null)
        {
            contract.Schema.Require(Incremental.Cursor, "incremental.cursor");
            key = Key(contract);
            for (var i = 0; i < key.Count; i++)
            {
                contract.Schema.Require(key[i], Incremental.Key is null ? null : $"incremental.key[{i}]");
            }

            if (Incremental.DeletedWhen is not null)
            {
                fields.Add(new Field(RowSchema.OpColumn, StringType.Default, nullable: false));
            }
        }

        return contract.RowsOf(fields, key);
    }

    public ValueTask<IExtraction> OpenAsync(ExtractRequest request, CancellationToken cancel) => OpenAsync(request, Begin, cancel);

    public ValueTask<IExtraction> OpenKeysAsync(ExtractRequest request, IReadOnlyList<IReadOnlyList<string>> keys, CancellationToken cancel) =>
        OpenRowsAsync(request, SqliteKeys.Condition(request.Schema, keys, Name), cancel);

    /// <summary>Rows that fit a condition and are not beyond the position.</summary>
    public ValueTask<IExtraction> OpenRowsAsync(ExtractRequest request, string condition, CancellationToken cancel) =>
        OpenAsync(request, (session, _) => BeginRows(session, request, condition), cancel);

    private async ValueTask<IExtraction> OpenAsync(ExtractRequest request, Func<SqliteSession, ExtractRequest, SqliteExtraction> begin, CancellationToken cancel)
    {
        if (request.From is { } from && (from.Kind != Kind || from.Identity != Database.Path))
        {
            throw new EtlException("ETL4511", $"the stored position is of {from.Kind} at '{from.Identity}'; this is {Kind} at '{Database.Path}'",
                "A position of another source says nothing here. Run with --full-refresh to start again from this one.");
        }

        var session = await Database.OpenSourceAsync(cancel);
        try
        {
            using var stop = cancel.Register(session.Interrupt);
            // The first read below takes the snapshot; writers go on beside it in WAL mode, and wait otherwise.
            session.Execute("begin");
            var warnings = CheckColumns(session, request);
            var extraction = begin(session, request);
            extraction.Warnings = warnings;
            return extraction;
        }
        catch
        {
            session.Dispose();
            throw;
        }
    }

    private SqliteExtraction Begin(SqliteSession session, ExtractRequest request)
    {
        if (Incremental is null)
        {
            return new SqliteExtraction(session, this, request, null, Position(new()), Table is null ? null : session.Integer($"select count(*) from {Relation}"));
        }

        RefuseNullCursors(session, request);
        var key = Key(request.Contract);
        var read = After(request);
        var (reached, any) = FindReached(session, request, key, read);
        return new SqliteExtraction(session, this, request, new(key, read), Position(reached?.ToJson() ?? new()), any ? null : 0);
    }

    private SqliteExtraction BeginRows(SqliteSession session, ExtractRequest request, string condition) =>
        new(session, this, request, new(request.Schema.Key, After(request), condition), Position(new()), null);

    private SqlitePosition? After(ExtractRequest request) =>
        Incremental is null || request.From is null ? null : SqlitePosition.Parse(request.From.Position, Key(request.Contract).Count + 1);

    /// <summary>The statement that reads all that is beyond <paramref name="increment"/>'s position.</summary>
    public SqliteStatement Select(SqliteSession session, ExtractRequest request, Increment? increment)
    {
        var columns = request.Schema.Names.Where(n => n != RowSchema.OpColumn).Select(SqlText.Quote).ToList();
        if (Incremental?.DeletedWhen is { } deleted)
        {
            columns.Add($"coalesce(({deleted}\n), 0) <> 0");
        }

        var sql = $"select {string.Join(", ", columns)} from {Relation}{Where(increment, request.Contract)}";
        if (increment is { Lookup: null } && (Table is null || !IsPrimaryKey(session, increment.Key)))
        {
            // Versions of one key must come in the order in which they were made, where the table does not keep keys unique.
            sql += $" order by {Ordering(increment.Key, "")}";
        }

        var statement = session.Prepare(sql);
        Bind(statement, request, increment?.After);
        return statement;
    }

    private string Where(Increment? increment, DataContract? contract)
    {
        if (increment is null)
        {
            return "";
        }

        if (increment.Lookup is { } lookup)
        {
            return increment.After is null ? $" where {lookup}" : $" where {lookup} and not ({Beyond(Key(contract))})";
        }

        var cursor = SqlText.Quote(Incremental!.Cursor);
        var orNull = Incremental.NullCursor == NullCursor.Include ? $" or {cursor} is null" : "";
        return increment.After is null
            ? Incremental.NullCursor == NullCursor.Include ? "" : $" where {cursor} is not null"
            : $" where {Beyond(increment.Key)}{orNull}";
    }

    private (SqlitePosition? Reached, bool Any) FindReached(SqliteSession session, ExtractRequest request, IReadOnlyList<string> key, SqlitePosition? after)
    {
        var cursor = SqlText.Quote(Incremental!.Cursor);
        var condition = after is null ? $"{cursor} is not null" : Beyond(key);
        using var last = session.Prepare(
            $"select {string.Join(", ", [cursor, .. key.Select(SqlText.Quote)])} from {Relation} where {condition} order by {Ordering(key, " desc")} limit 1");
        Bind(last, request, after);
        if (last.Step())
        {
            return (SqlitePosition.Of(last), true);
        }

        var nulls = Incremental.NullCursor == NullCursor.Include && CountNulls(session, request) > 0;
        return (after, nulls);
    }

    private void RefuseNullCursors(SqliteSession session, ExtractRequest request)
    {
        if (Incremental!.NullCursor == NullCursor.Fail && CountNulls(session, request) is > 0 and var count)
        {
            throw new EtlException("ETL4110", string.Create(CultureInfo.InvariantCulture, $"{count} rows of {Name} have no {Incremental.Cursor}, so nothing tells whether they are new"),
                "Fill the column, or decide with incremental: { null_cursor: include | skip }.");
        }
    }

    private long CountNulls(SqliteSession session, ExtractRequest request)
    {
        using var statement = session.Prepare($"select count(*) from {Relation} where {SqlText.Quote(Incremental!.Cursor)} is null");
        Bind(statement, request, null);
        statement.Step();
        return statement.Integer(0);
    }

    private IReadOnlyList<string> CheckColumns(SqliteSession session, ExtractRequest request)
    {
        using var statement = Table is null || SqliteDatabase.Describe(session, Table) is not null
            ? session.Prepare($"select * from {Relation} limit 0")
            : throw new EtlException("ETL4506", $"there is no table '{Table}' in {Database.Display}", "Correct the name; `etl contract import` lists what is there.");
        var live = Enumerable.Range(0, statement.ColumnCount).Select(statement.ColumnName).ToList();
        var missing = request.Schema.Names.Where(n => n != RowSchema.OpColumn && !live.Contains(n, StringComparer.OrdinalIgnoreCase)).ToList();
        if (missing.Count > 0)
        {
            throw new EtlException("ETL4507", $"{Name} has no column {string.Join(", ", missing.Select(m => $"'{m}'"))}, which the contract declares",
                $"Columns are: {string.Join(", ", live)}. Change the contract, or leave the column out with columns: [...].");
        }

        return ColumnDrift.Check(OnDrift, request.Contract, live, Name);
    }

    private static void Bind(SqliteStatement statement, ExtractRequest request, SqlitePosition? after)
    {
        for (var i = 1; i <= statement.ParameterCount; i++)
        {
            var name = statement.ParameterName(i) ?? "?";
            if (after is not null && name.StartsWith(PositionParameter, StringComparison.Ordinal))
            {
                after.Bind(statement, i, int.Parse(name.AsSpan(PositionParameter.Length), CultureInfo.InvariantCulture));
            }
            else if (name[0] == '$' && request.Parameters.TryGetValue(name[1..], out var value))
            {
                BindParameter(statement, i, value);
            }
            else
            {
                throw new EtlException("ETL4509", $"the SQL has a parameter {name} that nothing gives a value", $"Parameters are: {string.Join(", ", request.Parameters.Keys.Order(StringComparer.Ordinal).Select(p => "$" + p))}.");
            }
        }
    }

    private static void BindParameter(SqliteStatement statement, int parameter, object value)
    {
        switch (value)
        {
            case string text: statement.Bind(parameter, text); break;
            case bool flag: statement.Bind(parameter, flag ? 1L : 0L); break;
            case long number: statement.Bind(parameter, number); break;
            // SQLite computes with floats; a text would compare as greater than every number.
            case decimal number: statement.Bind(parameter, (double)number); break;
            case DateOnly date: statement.Bind(parameter, date.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture)); break;
            case DateTimeOffset time: statement.Bind(parameter, time.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.FFFFFF'Z'", CultureInfo.InvariantCulture)); break;
            default: throw new EtlException("ETL4509", $"a parameter of type {value.GetType().Name} cannot be given to SQLite", "A parameter is a text, a boolean, a number, a date or a time.");
        }
    }

    private SourcePosition Position(System.Text.Json.Nodes.JsonObject position) => new(Kind, Database.Path, position);

    private IReadOnlyList<string> Key(DataContract? contract) => (Incremental!.Key ?? contract?.PrimaryKey) is { Count: > 0 } key
        ? key
        : throw new EtlException("ETL4505", $"the increment of {Name} has no key, so rows with equal cursors could be missed", "Name it with incremental: { key: [...] }, or declare primaryKey in the contract.") { OptionPath = "incremental" };

    private string Beyond(IReadOnlyList<string> key) =>
        $"({string.Join(", ", [SqlText.Quote(Incremental!.Cursor), .. key.Select(SqlText.Quote)])}) > ({string.Join(", ", Enumerable.Range(0, key.Count + 1).Select(i => string.Create(CultureInfo.InvariantCulture, $"{PositionParameter}{i}")))})";

    private string Ordering(IReadOnlyList<string> key, string direction) =>
        string.Join(", ", [SqlText.Quote(Incremental!.Cursor) + direction, .. key.Select(k => SqlText.Quote(k) + direction)]);

    private bool IsPrimaryKey(SqliteSession session, IReadOnlyList<string> key) =>
        SqliteDatabase.Describe(session, Table!) is { PrimaryKey.Count: > 0 } table && table.PrimaryKey.All(p => key.Contains(p, StringComparer.OrdinalIgnoreCase));

    private string Fingerprint()
    {
        var what = Table ?? Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(Relation)).AsSpan(0, 8));
        return Incremental is null ? $"{Kind} {what}" : $"{Kind} {what} cursor={Incremental.Cursor} key={(Incremental.Key is null ? "contract" : string.Join(",", Incremental.Key))}";
    }
}

/// <summary>What is new: rows beyond a position; or, of rows looked up, those that are not beyond it.</summary>
/// <param name="Key">Columns after the cursor.</param>
/// <param name="After">Null: all rows.</param>
/// <param name="Lookup">The condition by which rows are looked up; null for what is new.</param>
internal sealed record Increment(IReadOnlyList<string> Key, SqlitePosition? After, string? Lookup = null);
