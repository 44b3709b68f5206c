using System.Globalization;
using CsCheck;
using Etl.Plugins.Tests.Lake;

namespace Etl.Plugins.Tests;

/// <summary>
/// Conditions on columns of a relation of DuckDB, whose rows have an <c>id</c>, as the option <c>rows</c> has them and as DuckDB does. The relation is copied into a table first: by a file's
/// statistics DuckDB itself passes over row groups that hold NaN.
/// </summary>
internal sealed class RowConditions
{
    private readonly string _table = $"rows_{Guid.NewGuid():N}";
    private readonly (string Name, string Type)[] _columns;
    private readonly int _rows;

    public RowConditions(string relation, (string Name, string Type)[] columns, int rows)
    {
        (_columns, _rows) = (columns, rows);
        Duck.Rows($"create temp table {_table} as select * from {relation}");
    }

    /// <summary>One or two, of values that are there.</summary>
    public Gen<(string Name, string Text, string Sql)[]> Any => Gen.Select(
        Gen.Int[0, _columns.Length - 1], Gen.OneOf(Gen.Const(""), Gen.Const("="), Gen.Const("!="), Gen.Const("<"), Gen.Const("<="), Gen.Const(">"), Gen.Const(">=")), Gen.Int[0, _rows - 1], Of).Array[1, 2];

    /// <summary>What the option is given: a value that stands alone behind an <c>and</c> would be a part of the text before it.</summary>
    public static Dictionary<string, string> Options(IEnumerable<(string Name, string Text, string Sql)> conditions) =>
        conditions.GroupBy(c => c.Name).ToDictionary(g => g.Key, g => string.Join(" and ", g.Select((c, i) => i > 0 && !IsOperator(c.Text[0]) ? "= " + c.Text : c.Text)));

    private static bool IsOperator(char first) => first is '=' or '!' or '<' or '>';

    /// <summary>The rows that DuckDB finds.</summary>
    public long[] Expected(IEnumerable<(string Name, string Text, string Sql)> conditions) =>
        [.. Duck.Rows($"select id from {_table} where {string.Join(" and ", conditions.Select(c => c.Sql))} order by id").Select(id => long.Parse(id, CultureInfo.InvariantCulture))];

    private (string Name, string Text, string Sql) Of(int column, string operation, int row)
    {
        var (name, type) = _columns[column];
        // Of a NULL, any value that is there.
        var value = Duck.Rows($"select coalesce((select {name} from {_table} where id = {row}), (select any_value({name}) from {_table}))::varchar")[0];
        var text = value switch { "nan" or "-nan" => "NaN", "inf" => "Infinity", "-inf" => "-Infinity", _ => value };
        return (name, $"{operation} {(text.EndsWith("+00", StringComparison.Ordinal) ? text[..^3] + "Z" : text)}".Trim(), $"{name} {(operation.Length == 0 ? "=" : operation)} '{value}'::{type}");
    }
}
