using Etl.DuckDb;

namespace Etl.Plugins.DuckDb;

/// <summary>Which types are read as which, and which conversions keep every value.</summary>
internal static class DuckDbTypeMap
{
    private static readonly DuckType Text = new(DuckTypeId.Varchar);

    /// <summary>The type that extraction yields for a live one: itself, the next that rows move in, or text.</summary>
    public static DuckType Extracted(DuckType live) => live.Normalized() ?? Text;

    /// <summary>Whether each value of one type is a value of the other.</summary>
    public static bool Widens(DuckType from, DuckType to) => from == to || (Digits(from), to) switch
    {
        ({ } digits, { Id: DuckTypeId.Decimal }) when from.Id != DuckTypeId.Decimal => to.Width - to.Scale >= digits,
        ({ } digits, _) when from.Id != DuckTypeId.Decimal && to.Id != DuckTypeId.Decimal => Digits(to) > digits || (to.Id == DuckTypeId.Double && digits <= 10),
        (_, { Id: DuckTypeId.Decimal }) => from.Id == DuckTypeId.Decimal && to.Scale >= from.Scale && to.Width - to.Scale >= from.Width - from.Scale,
        _ => (from.Id, to.Id) is (DuckTypeId.Float, DuckTypeId.Double) or (DuckTypeId.Date, DuckTypeId.Timestamp),
    };

    // Decimal digits of the greatest value of an integer type.
    private static int? Digits(DuckType type) => type.Id switch
    {
        DuckTypeId.TinyInt => 3,
        DuckTypeId.SmallInt => 5,
        DuckTypeId.Integer => 10,
        DuckTypeId.BigInt => 19,
        _ => null,
    };

    /// <summary>Whether text can be put into the type as it is: DuckDB checks each value.</summary>
    public static bool TakesText(DuckType live) => live.Id is DuckTypeId.Uuid or DuckTypeId.Enum or DuckTypeId.Bit or DuckTypeId.Interval;
}
