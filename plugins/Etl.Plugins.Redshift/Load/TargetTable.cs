using System.Globalization;
using Apache.Arrow;
using Apache.Arrow.Types;
using Etl.Contracts;

namespace Etl.Plugins.Redshift.Load;

/// <summary>A staged column and the target's column that it goes to.</summary>
/// <param name="Staged">Its name in staging.</param>
/// <param name="Target">Its name in the target.</param>
/// <param name="Value">SQL with <c>{0}</c> for the staged column.</param>
/// <param name="Compared">SQL with <c>{0}</c> for a value of the target's type, in a form that can be compared.</param>
internal sealed record TargetColumn(string Staged, string Target, string Value = "{0}", string Compared = "{0}")
{
    /// <summary>The value for the target, of the staged rows under an alias.</summary>
    public string ValueOf(string alias) => string.Format(CultureInfo.InvariantCulture, Value, $"{alias}.{SqlText.Quote(Staged)}");
}

/// <summary>What must be done to a target before rows fit, and how they go in.</summary>
/// <param name="Lengthening">Statements that Redshift does not run in a transaction; they change no value, and come before it.</param>
/// <param name="Statements">The others, in the transaction.</param>
/// <param name="Columns">All that are written.</param>
internal sealed record TargetTable(IReadOnlyList<string> Lengthening, IReadOnlyList<string> Statements, IReadOnlyList<TargetColumn> Columns)
{
    private const string Super = "super";
    private const string InUtc = "({0} AT TIME ZONE 'UTC')";

    /// <summary>The table as it would be made for a schema. Its key is declared, for the planner, and enforced by nobody.</summary>
    public static TargetTable New(TableName name, RowSchema schema, IReadOnlyList<string> key, RedshiftTableLayout layout)
    {
        var fields = Written(schema).ToList();
        var definitions = fields.Select(f => $"{SqlText.Quote(f.Name)} {TypeOf(f, layout)}{(key.Contains(f.Name) ? " NOT NULL" : "")}").ToList();
        if (key.Count > 0)
        {
            definitions.Add($"PRIMARY KEY ({Names(key)})");
        }

        var style = layout.Diststyle ?? (layout.Distkey is null ? RedshiftDistribution.Auto : RedshiftDistribution.Key);
        return new TargetTable(
            [],
            [$"CREATE TABLE {name.Sql} ({string.Join(", ", definitions)}) DISTSTYLE {style.ToString().ToUpperInvariant()}"
                + (layout.Distkey is { } by ? $" DISTKEY ({SqlText.Quote(schema.Require(by, "redshift.distkey").Name)})" : "")
                + (layout.Sortkey.Count > 0 ? $" COMPOUND SORTKEY ({Names(layout.Sortkey.Select((s, i) => schema.Require(s, $"redshift.sortkey[{i}]").Name))})" : "")],
            [.. fields.Select(f => Column(f, f.Name, TypeOf(f, layout)))]);
    }

    /// <summary>
    /// Fits the schema to the live table, within the policy. ETL4672: it is not there and may not be made. ETL4673 names every column that does not fit. ETL4679: it is
    /// no table.
    /// </summary>
    public static TargetTable Fit(TableName name, LiveTable? live, RowSchema schema, IReadOnlyList<string> key, RedshiftTableLoadOptions options)
    {
        if (live is null)
        {
            return options.Schema.Create
                ? New(name, schema, key, options.Redshift)
                : throw new EtlException("ETL4672", $"there is no table {name}, and schema.create is false", "Create it, or allow it.") { OptionPath = "schema.create" };
        }

        if (!live.IsTable)
        {
            throw new EtlException("ETL4679", $"{name} is a view; rows are loaded into tables only", "Name the table that it shows, or another one.") { OptionPath = "table" };
        }

        var (lengthening, statements, columns, problems) = (new List<string>(), new List<string>(), new List<TargetColumn>(), new List<string>());
        foreach (var field in Written(schema))
        {
            var type = TypeOf(field, options.Redshift);
            if (live.Find(field.Name) is not { } column)
            {
                if (options.Schema.AddColumns)
                {
                    statements.Add($"ALTER TABLE {name.Sql} ADD COLUMN {SqlText.Quote(field.Name)} {type}");
                    columns.Add(Column(field, field.Name, type));
                }
                else
                {
                    problems.Add($"column '{field.Name}' is not there, and schema.add_columns is false");
                }

                continue;
            }

            if (!Holds(column, field.DataType))
            {
                problems.Add($"column '{column.Name}' is {column.Type} and cannot take {type} without loss");
                continue;
            }

            // Only a declared length: the default would make every column as long as can be.
            if (options.Schema.Widen && options.Redshift.Varchar.TryGetValue(field.Name, out var bytes) && column.Bytes < bytes)
            {
                lengthening.Add($"ALTER TABLE {name.Sql} ALTER COLUMN {SqlText.Quote(column.Name)} TYPE varchar({bytes.ToString(CultureInfo.InvariantCulture)})");
            }

            columns.Add(Column(field, column.Name, column.Type));
        }

        return problems.Count == 0
            ? new TargetTable(lengthening, statements, columns)
            : throw new EtlException("ETL4673", $"rows do not fit {name}: {string.Join("; ", problems)}", "Change the column, convert the value on the way (transform: derive), or allow the change in schema.");
    }

    /// <summary>The greatest length of a text in bytes: the option's, unless the live column is shorter and will not be lengthened.</summary>
    public static int BytesOf(Field field, LiveTable? live, RedshiftTableLoadOptions options)
    {
        var declared = options.Redshift.Varchar.GetValueOrDefault(field.Name, RedshiftTypes.MaxVarchar);
        return live?.Find(field.Name)?.Bytes is { } there && (!options.Schema.Widen || !options.Redshift.Varchar.ContainsKey(field.Name)) ? Math.Min(there, declared) : declared;
    }

    /// <summary>The columns that reach a target: the change mark does not.</summary>
    public static IEnumerable<Field> Written(RowSchema schema) => schema.Arrow.FieldsList.Where(f => f.Name != RowSchema.OpColumn);

    /// <summary>The type of a column in a new table.</summary>
    public static string TypeOf(Field field, RedshiftTableLayout layout) => layout.Super.Contains(field.Name)
        ? Super
        : RedshiftTypes.SqlType(field.DataType, layout.Varchar.GetValueOrDefault(field.Name, RedshiftTypes.MaxVarchar))!;

    private static TargetColumn Column(Field field, string target, string type) => type switch
    {
        Super => new(field.Name, target, "json_parse({0})", "json_serialize({0})"),
        "timestamptz" or "timestamp with time zone" => new(field.Name, target, InUtc),
        _ => new(field.Name, target),
    };

    private static bool Holds(LiveColumn column, IArrowType type) => (type, column.Type) switch
    {
        (StringType, "super") => true,
        (StringType, _) => column.Bytes is not null,
        (BooleanType, "boolean") or (Date32Type, "date") => true,
        (Int8Type or Int16Type, "smallint" or "integer" or "bigint") or (Int32Type, "integer" or "bigint") or (Int64Type, "bigint") => true,
        (FloatType, "real" or "double precision") or (DoubleType, "double precision") => true,
        (TimestampType { Timezone: null }, "timestamp without time zone") => true,
        (TimestampType { Timezone: not null }, "timestamp with time zone" or "timestamp without time zone") => true,
        (Decimal128Type d, _) => column.Decimal is var (precision, scale) && scale >= d.Scale && precision - scale >= d.Precision - d.Scale,
        _ => false,
    };

    private static string Names(IEnumerable<string> names) => string.Join(", ", names.Select(SqlText.Quote));
}
