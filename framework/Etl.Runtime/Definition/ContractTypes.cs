using System.Globalization;
using System.Text.RegularExpressions;
using Apache.Arrow;
using Apache.Arrow.Types;
using Etl.Contracts;

namespace Etl.Runtime.Definition;

/// <summary>Names of types in contracts as Arrow types.</summary>
internal static partial class ContractTypes
{
    /// <summary>Times in contracts and on the data path are in microseconds.</summary>
    private static readonly TimestampType Instant = new(TimeUnit.Microsecond, "UTC");
    private static readonly TimestampType WallClock = new(TimeUnit.Microsecond, (string?)null);
    private static readonly Time64Type TimeOfDay = new(TimeUnit.Microsecond);

    /// <summary>
    /// The Arrow type of a system's own type name (PostgreSQL, SQLite and DuckDB know these); null for a name that is not known.
    /// ETL1052 for a decimal type without precision, or with more than 38 digits.
    /// </summary>
    public static IArrowType? FromPhysical(string physical)
    {
        var match = Physical().Match(WhiteSpace().Replace(physical.Trim().ToLowerInvariant(), " "));
        if (!match.Success)
        {
            return null;
        }

        var name = match.Groups["name"].Value.TrimEnd() + match.Groups["rest"].Value;
        if (match.Groups["array"].Success)
        {
            return FromPhysical(physical[..physical.LastIndexOf('[')]) is { } item ? new ListType(new Field("item", item, true)) : null;
        }

        return name switch
        {
            "bool" or "boolean" => BooleanType.Default,
            "tinyint" or "int1" => Int8Type.Default,
            "smallint" or "int2" or "smallserial" => Int16Type.Default,
            "integer" or "int" or "int4" or "serial" => Int32Type.Default,
            "bigint" or "int8" or "bigserial" => Int64Type.Default,
            "utinyint" => UInt8Type.Default,
            "usmallint" => UInt16Type.Default,
            "uinteger" => UInt32Type.Default,
            "ubigint" => UInt64Type.Default,
            "real" or "float4" => FloatType.Default,
            "double precision" or "double" or "float8" or "float" => DoubleType.Default,
            "numeric" or "decimal" => Decimal(physical, match.Groups["args"].Value),
            "hugeint" => new Decimal128Type(38, 0),
            "text" or "varchar" or "character varying" or "char" or "character" or "bpchar" or "nvarchar" or "string" or "citext" or "name"
                or "uuid" or "json" or "jsonb" or "xml" => StringType.Default,
            "bytea" or "blob" or "binary" or "varbinary" => BinaryType.Default,
            "date" => Date32Type.Default,
            "time" or "time without time zone" => TimeOfDay,
            "timestamp" or "timestamp without time zone" or "datetime" => WallClock,
            "timestamptz" or "timestamp with time zone" => Instant,
            _ => null,
        };
    }

    /// <summary>The Arrow type of one of the standard's logical types; null for a name that is not known.</summary>
    /// <param name="logical">The name.</param>
    /// <param name="precision">Of <c>logicalTypeOptions</c>; null when it is absent.</param>
    /// <param name="scale">The same.</param>
    /// <param name="hasZone">False only for <c>timezone: false</c>.</param>
    public static IArrowType? FromLogical(string logical, int? precision, int? scale, bool hasZone) => logical switch
    {
        "string" => StringType.Default,
        "integer" => Int64Type.Default,
        "number" when precision is { } p => Decimal("number", string.Create(CultureInfo.InvariantCulture, $"{p},{scale ?? 0}")),
        "number" => DoubleType.Default,
        "boolean" => BooleanType.Default,
        "date" => Date32Type.Default,
        "time" => TimeOfDay,
        "timestamp" => hasZone ? Instant : WallClock,
        "object" => StringType.Default,
        _ => null,
    };

    /// <summary>The standard's logical type for an Arrow type.</summary>
    public static string ToLogical(IArrowType type) => type switch
    {
        BooleanType => "boolean",
        Date32Type => "date",
        Time64Type => "time",
        TimestampType => "timestamp",
        ListType => "array",
        StringType or BinaryType => "string",
        Decimal128Type or FloatType or DoubleType => "number",
        _ => "integer",
    };

    /// <summary>An Arrow type as text, such as <c>decimal128(12,2)</c> or <c>timestamp[us,UTC]</c>.</summary>
    public static string Name(IArrowType type) => type switch
    {
        Decimal128Type d => string.Create(CultureInfo.InvariantCulture, $"decimal128({d.Precision},{d.Scale})"),
        TimestampType { Timezone: null or "" } t => $"timestamp[{Unit(t.Unit)}]",
        TimestampType t => $"timestamp[{Unit(t.Unit)},{t.Timezone}]",
        Time64Type t => $"time64[{Unit(t.Unit)}]",
        ListType list => $"list<{Name(list.ValueDataType)}>",
        FloatType => "float32",
        DoubleType => "float64",
        _ => type.Name,
    };

    /// <summary>The type of a text made by <see cref="Name"/>; null for another text.</summary>
    public static IArrowType? FromName(string name)
    {
        if (name.StartsWith("list<", StringComparison.Ordinal) && name.EndsWith('>'))
        {
            return FromName(name[5..^1]) is { } item ? new ListType(new Field("item", item, true)) : null;
        }

        if (name.StartsWith("decimal128(", StringComparison.Ordinal) && name.EndsWith(')'))
        {
            return Decimal(name, name[11..^1]);
        }

        IArrowType[] simple =
        [
            BooleanType.Default, Int8Type.Default, Int16Type.Default, Int32Type.Default, Int64Type.Default, UInt8Type.Default, UInt16Type.Default,
            UInt32Type.Default, UInt64Type.Default, FloatType.Default, DoubleType.Default, StringType.Default, BinaryType.Default, Date32Type.Default,
            TimeOfDay, WallClock, Instant,
        ];
        return System.Array.Find(simple, t => Name(t) == name);
    }

    private static string Unit(TimeUnit unit) => unit switch { TimeUnit.Second => "s", TimeUnit.Millisecond => "ms", TimeUnit.Microsecond => "us", _ => "ns" };

    private static Decimal128Type Decimal(string type, string arguments)
    {
        var parts = arguments.Split(',', StringSplitOptions.TrimEntries);
        var scale = 0;
        if (!int.TryParse(parts[0], NumberStyles.None, CultureInfo.InvariantCulture, out var precision)
            || (parts.Length > 1 && !int.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out scale)))
        {
            throw new EtlException("ETL1052", $"{type} says neither precision nor scale", "Write numeric(p,s), with p from 1 to 38: a value with more digits is then refused, and none is rounded.");
        }

        return precision is >= 1 and <= 38 && scale >= 0 && scale <= precision
            ? new Decimal128Type(precision, scale)
            : throw new EtlException("ETL1052", $"{type}: decimals have 1 to 38 digits, of which 0 to all are behind the point", "Write numeric(p,s), with p from 1 to 38.");
    }

    // varchar(20), timestamp(6) with time zone, numeric(12,2), integer[]
    [GeneratedRegex(@"^(?<name>[a-z][a-z0-9_ ]*?)( ?\((?<args>[0-9, ]*)\))?(?<rest> [a-z ]+)?(?<array>\[[0-9]*\])?$", RegexOptions.CultureInvariant)]
    private static partial Regex Physical();

    [GeneratedRegex(@"\s+", RegexOptions.CultureInvariant)]
    private static partial Regex WhiteSpace();
}
