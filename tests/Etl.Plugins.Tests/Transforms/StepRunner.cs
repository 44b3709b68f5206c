using System.Globalization;
using Apache.Arrow;
using Apache.Arrow.Types;
using DuckDB.NET.Data;
using Etl.Contracts;
using NUnit.Framework;

namespace Etl.Plugins.Tests.Transforms;

/// <summary>What a step made of its rows, as text: values joined by '|', NULL as such.</summary>
internal sealed record Outcome(IReadOnlyList<string> Passed, IReadOnlyList<string> Refused, IReadOnlyList<string> Warned, IReadOnlyList<string> BrokenTableRules, IReadOnlyList<string> Columns, IReadOnlyList<string> Types);

/// <summary>Runs one step in a DuckDB, the plainest way that its contract allows. Each runner has a schema of its own in one instance, which is made once.</summary>
internal sealed class StepRunner : IDisposable
{
    private static readonly Lazy<DuckDBConnection> Connection = new(Open);

    private readonly DuckDBConnection connection = Connection.Value;
    private readonly List<RelationalInput> inputs = [];
    private readonly Dictionary<string, object> parameters = [];

    public StepRunner() => Execute("CREATE SCHEMA one_test; USE one_test");

    public IReadOnlyList<RelationalInput> Inputs => inputs;

    public void Dispose() => Execute("USE main; DROP SCHEMA one_test CASCADE; RESET TimeZone");

    private static DuckDBConnection Open()
    {
        var connection = new DuckDBConnection("Data Source=:memory:;threads=1");
        connection.Open();
        return connection;
    }

    /// <summary>Adds a table and an input of that name; rows as SQL: <c>(1, 'a'), (2, NULL)</c>.</summary>
    public StepRunner With(string name, IReadOnlyList<Field> fields, string rows, params string[] key)
    {
        var columns = fields.Select(f => $"{SqlText.Quote(f.Name)} {TypeName(f.DataType)}{(f.IsNullable ? "" : " NOT NULL")}");
        Execute($"CREATE TABLE {SqlText.Quote(name)} ({string.Join(", ", columns)})");
        if (rows.Length > 0)
        {
            Execute($"INSERT INTO {SqlText.Quote(name)} VALUES {rows}");
        }

        inputs.Add(new RelationalInput(name, new RowSchema(new Schema(fields, null), key)));
        return this;
    }

    public StepRunner WithParameter(string name, object value)
    {
        parameters[name] = value;
        return this;
    }

    public Outcome Run(IRelationalTransformer transformer) => transformer.Describe(inputs) switch
    {
        RowLocalStep step => RowLocal(step),
        DeduplicateStep step => Deduplicated(step),
        LookupStep step => LookedUp(step),
        SetStep step => Everything(step.Query.Text),
        var other => throw new InvalidOperationException(other.GetType().Name),
    };

    private Outcome RowLocal(RowLocalStep step)
    {
        var input = inputs[0];
        var verdict = step.Refusals.Count == 0 ? "-1" : $"CASE {string.Join(' ', step.Refusals.Select((r, i) => Invariant($"WHEN {r.When} THEN {i}")))} ELSE -1 END";
        Execute($"CREATE OR REPLACE TEMP TABLE _judged AS SELECT *, {verdict} AS _verdict FROM {SqlText.Quote(input.Relation)}");
        var warnings = step.Refusals.Select((r, i) => (r, i)).Where(x => x.r.Action == RefusalAction.Warn).Select(x => x.i).Append(-1);
        var pass = $"_verdict IN ({string.Join(", ", warnings.Select(i => Invariant($"{i}")))})";
        var columns = step.Columns is null ? "* EXCLUDE (_verdict)" : string.Join(", ", step.Columns.Select(c => $"{c.Expression.Text} AS {SqlText.Quote(c.Name)}"));
        Execute($"CREATE OR REPLACE TEMP TABLE _passed AS SELECT {columns} FROM _judged WHERE {pass}");

        foreach (var column in step.Columns?.Where(c => c.Nullable == false) ?? [])
        {
            Assert.That(Rows($"SELECT count(*) FROM _passed WHERE {SqlText.Quote(column.Name)} IS NULL").Rows, Is.EqualTo(["0"]), $"{column.Name} was said to be not NULL");
        }

        var all = Everything("SELECT * FROM _passed");
        return all with
        {
            Refused = Named("NOT " + pass),
            Warned = Named($"_verdict >= 0 AND {pass}"),
            BrokenTableRules = [.. step.TableRules.Where(Broken).Select(r => r.Rule)],
        };

        IReadOnlyList<string> Named(string where) => [.. Rows($"SELECT _verdict, * EXCLUDE (_verdict) FROM _judged WHERE {where} ORDER BY ALL").Rows
            .Select(r => r.Split('|', 2)).Select(r => $"{step.Refusals[int.Parse(r[0], CultureInfo.InvariantCulture)].Rule}: {r[1]}")];
    }

    private bool Broken(TableRule rule)
    {
        var counts = "(SELECT count(*) FROM _judged)";
        var passed = "(SELECT count(*) FROM _passed)";
        var aggregates = string.Concat(rule.Aggregates.Select(a => $", (SELECT {a.Value.Text} FROM _passed) AS {SqlText.Quote(a.Key)}"));
        return Rows($"""
            SELECT rows_in >= {rule.MinRows} AND ({rule.Expect.Text}) IS NOT TRUE FROM (
              SELECT {counts} AS rows_in, {passed} AS rows_passed, {counts} - {passed} AS rows_refused,
                CASE WHEN {counts} = 0 THEN 0 ELSE ({counts} - {passed}) / {counts} END AS refused_ratio{aggregates})
            """).Rows[0] == "True";
    }

    private Outcome Deduplicated(DeduplicateStep step) => Everything($"""
        SELECT * FROM {SqlText.Quote(inputs[0].Relation)}
        QUALIFY row_number() OVER (PARTITION BY {string.Join(", ", step.Key.Select(SqlText.Quote))} ORDER BY {string.Join(", ", step.OrderBy)}) = 1
        """);

    private Outcome LookedUp(LookupStep step)
    {
        var (first, second) = (SqlText.Quote(inputs[0].Relation), SqlText.Quote(inputs[1].Relation));
        var from = $"FROM {first} LEFT JOIN (SELECT *, true AS _match FROM {second}) AS {second} ON {step.On.Text}";
        var result = Everything($"SELECT {string.Join(", ", step.Columns.Select(c => $"{c.Expression.Text} AS {SqlText.Quote(c.Name)}"))} {from}{(step.OnNoMatch is null ? "" : " WHERE _match")}");
        return step.OnNoMatch is null ? result : result with { Refused = Rows($"SELECT {first}.* {from} WHERE _match IS NULL ORDER BY ALL").Rows };
    }

    private Outcome Everything(string query)
    {
        var (rows, columns, types) = Rows($"SELECT * FROM ({query}\n) ORDER BY ALL");
        return new Outcome(rows, [], [], [], columns, types);
    }

    private (IReadOnlyList<string> Rows, IReadOnlyList<string> Columns, IReadOnlyList<string> Types) Rows(string sql)
    {
        using var command = Command(sql);
        using var reader = command.ExecuteReader();
        var rows = new List<string>();
        while (reader.Read())
        {
            rows.Add(string.Join('|', Enumerable.Range(0, reader.FieldCount).Select(i => reader.IsDBNull(i) ? "NULL" : Text(reader.GetValue(i)))));
        }

        var ordinals = Enumerable.Range(0, reader.FieldCount).ToList();
        return (rows, [.. ordinals.Select(reader.GetName)], [.. ordinals.Select(reader.GetDataTypeName)]);
    }

    public IReadOnlyList<string> Read(string sql) => Rows(sql).Rows;

    public void Execute(string sql)
    {
        using var command = Command(sql);
        command.ExecuteNonQuery();
    }

    private DuckDBCommand Command(string sql)
    {
        var command = connection.CreateCommand();
        command.CommandText = sql;
        foreach (var (name, value) in parameters.Where(p => sql.Contains("$" + p.Key, StringComparison.Ordinal)))
        {
            command.Parameters.Add(new DuckDBParameter(name, value));
        }

        return command;
    }

    private static string Text(object value) => value switch
    {
        DateOnly d => d.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture),
        DateTime { TimeOfDay.Ticks: 0 } d => d.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture),
        _ => Convert.ToString(value, CultureInfo.InvariantCulture)!,
    };

    private static string TypeName(IArrowType type) => type switch
    {
        Int32Type => "INTEGER",
        Int64Type => "BIGINT",
        DoubleType => "DOUBLE",
        BooleanType => "BOOLEAN",
        Date32Type => "DATE",
        Decimal128Type d => Invariant($"DECIMAL({d.Precision},{d.Scale})"),
        TimestampType { Timezone: null } => "TIMESTAMP",
        TimestampType => "TIMESTAMPTZ",
        _ => "VARCHAR",
    };

    private static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}

/// <summary>Short forms of fields.</summary>
internal static class Fields
{
    public static Field Text(string name, bool nullable = true) => new(name, StringType.Default, nullable);

    public static Field Long(string name, bool nullable = true) => new(name, Int64Type.Default, nullable);

    public static Field Double(string name) => new(name, DoubleType.Default, true);

    public static Field Money(string name, bool nullable = true) => new(name, new Decimal128Type(12, 2), nullable);

    public static Field Date(string name) => new(name, Date32Type.Default, true);

    public static Field Moment(string name, string? zone = null) => new(name, new TimestampType(TimeUnit.Microsecond, zone), true);
}
