using System.Globalization;

namespace Etl.Runtime.Sql;

/// <summary>The names that a table rule may use for what its stage counted.</summary>
internal static class TableRuleCounts
{
    /// <summary>For the binder.</summary>
    public const string Typed = "0::BIGINT AS rows_in, 0::BIGINT AS rows_passed, 0::BIGINT AS rows_refused, 0::DOUBLE AS refused_ratio";

    /// <summary>The values, as a SELECT list.</summary>
    public static string Values(long rowsIn, long refused)
    {
        var ratio = rowsIn == 0 ? 0 : (double)refused / rowsIn;
        return string.Create(CultureInfo.InvariantCulture, $"{rowsIn}::BIGINT AS rows_in, {rowsIn - refused}::BIGINT AS rows_passed, {refused}::BIGINT AS rows_refused, {ratio:R}::DOUBLE AS refused_ratio");
    }
}
