using System.Globalization;
using Apache.Arrow.Types;
using Etl.Runtime.Definition;

namespace Etl.Runtime.Profiling;

/// <summary>
/// The type that all values of a column of texts have. It is one only where nothing of the text is lost, and where the extractor that reads the column by a contract
/// takes it: <c>007</c> stays a text, and so does a number in quotes that JSON has beside others without.
/// </summary>
internal sealed class TypeFinder(ColumnValues texts)
{
    // Rows that were not seen yet may have longer numbers.
    private const int UsualPrecision = 18;
    private const int GreatestPrecision = 38;
    private const int FewRows = 2048;
    private const string Whole = "-?(0|[1-9][0-9]*)";
    private const string Moment = @"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?";
    private const string Zone = "(Z|[+-][0-9]{2}:[0-9]{2})";

    /// <summary>The column by its type, and a contract's name of the type.</summary>
    /// <param name="physicalType"><c>json</c> for values as JSON writes them; else they are texts.</param>
    public (ColumnValues Values, string PhysicalType) Find(string? physicalType)
    {
        if (physicalType != "json")
        {
            return Of(texts, mayBeFlag: true);
        }

        var kinds = texts.Aggregate($"bool_or({texts.sql} LIKE '\"%')", $"bool_or({texts.sql} NOT LIKE '\"%')", $"bool_or({texts.sql} LIKE '{{%' OR {texts.sql} LIKE '[%')");
        var (hasTexts, hasOthers, hasNested) = (kinds[0] == "true", kinds[1] == "true", kinds[2] == "true");
        if (hasNested || (hasTexts && hasOthers))
        {
            return (texts, "json");
        }

        var (values, type) = Of(hasTexts ? texts.As($"json_extract_string({texts.sql}, '$')", StringType.Default) : texts, mayBeFlag: !hasTexts);
        // Numbers and flags in one column are no texts.
        return (values, hasOthers && type == "text" ? "json" : type);
    }

    private static (ColumnValues, string) Of(ColumnValues texts, bool mayBeFlag)
    {
        var v = texts.sql;
        string[] terms =
        [
            $"count({v})", All(Whole), All($@"{Whole}(\.[0-9]+)?"), $"max(length(replace(split_part({v}, '.', 1), '-', '')))", $"max(length(split_part({v}, '.', 2)))",
            All($@"{Whole}(\.[0-9]+)?([eE][+-]?[0-9]+)?"), All("(?i)(true|false)"),
            $"{All("[0-9]{4}-[0-9]{2}-[0-9]{2}")} AND bool_and(TRY_CAST({v} AS DATE) IS NOT NULL)",
            $"{All(Moment)} AND bool_and(TRY_CAST({v} AS TIMESTAMP) IS NOT NULL)",
            $"{All(Moment + Zone)} AND bool_and(TRY_CAST({v} AS TIMESTAMPTZ) IS NOT NULL)",
        ];
        // What some rows are not, all are not: most types are out after them, and are not looked for in the others.
        var first = texts.AggregateOfFirst(FewRows, terms);
        var found = texts.Aggregate([.. terms.Select((t, i) => first[i] == "false" ? "false" : t)]);
        if (found[0] == "0")
        {
            return (texts, "text");
        }

        var (isWhole, isNumber) = (Is(1), Is(2));
        if (isWhole && Numbers.Parse(found[3]!) <= UsualPrecision)
        {
            return Cast("BIGINT", Int64Type.Default, "bigint");
        }

        if (isNumber && Numbers.Parse(found[3]!) + Numbers.Parse(found[4]!) <= GreatestPrecision)
        {
            var scale = (int)Numbers.Parse(found[4]!);
            var precision = Numbers.Parse(found[3]!) + scale <= UsualPrecision ? UsualPrecision : GreatestPrecision;
            var name = string.Create(CultureInfo.InvariantCulture, $"decimal({precision},{scale})");
            return Cast(name, ContractTypes.FromPhysical(name)!, name);
        }

        return Is(5) ? Cast("DOUBLE", DoubleType.Default, "double")
            : mayBeFlag && Is(6) ? Cast("BOOLEAN", BooleanType.Default, "boolean")
            : Is(7) ? Cast("DATE", Date32Type.Default, "date")
            : Is(8) ? Cast("TIMESTAMP", new TimestampType(TimeUnit.Microsecond, (string?)null), "timestamp")
            : Is(9) ? Cast("TIMESTAMPTZ", new TimestampType(TimeUnit.Microsecond, "UTC"), "timestamptz")
            : (texts, "text");

        string All(string pattern) => $"bool_and(regexp_full_match({v}, '{pattern}'))";

        bool Is(int index) => found[index] == "true";

        (ColumnValues, string) Cast(string to, IArrowType type, string name) => (texts.As($"CAST({v} AS {to})", type), name);
    }
}
