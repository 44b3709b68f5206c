using System.Buffers;
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Apache.Arrow;
using Apache.Arrow.Types;
using Etl.Contracts;

namespace Etl.Plugins.Lake;

/// <summary>Arrow schemas as the JSON that Delta's <c>metaData.schemaString</c> holds, and back.</summary>
internal static class DeltaSchema
{
    /// <summary>What a column's name may not hold: Spark refuses such columns in Parquet.</summary>
    private static readonly SearchValues<char> Forbidden = SearchValues.Create(" ,;{}()\n\t=");

    /// <summary>The JSON. ETL4552: a type or name that a Delta table cannot hold.</summary>
    public static string ToJson(Schema schema) => new JsonObject
    {
        ["type"] = "struct",
        ["fields"] = new JsonArray([.. schema.FieldsList.Select(f => new JsonObject
        {
            ["name"] = f.Name.AsSpan().IndexOfAny(Forbidden) < 0 ? f.Name : throw Unfit(f, "a name with a space or one of , ; { } ( ) = (or a line break or tab)", "Rename it on the way."),
            ["type"] = TypeOf(f, f.DataType),
            ["nullable"] = f.IsNullable,
            ["metadata"] = new JsonObject(),
        })]),
    }.ToJsonString();

    /// <summary>The Arrow schema of a table's JSON. ETL4553: a type that this version does not read.</summary>
    public static Schema Parse(string json)
    {
        try
        {
            var fields = JsonNode.Parse(json)!["fields"]!.AsArray().Select(f => f!.AsObject()).Select(f =>
            {
                var name = f["name"]!.GetValue<string>();
                if (f["metadata"] is JsonObject metadata && metadata.Any(m => m.Key.StartsWith("delta.", StringComparison.Ordinal)))
                {
                    throw new EtlException("ETL4553", $"column '{name}' of the table has rules of its own (constraints, generated values or a mapping) that this version does not keep", "Load into another table.");
                }

                return new Field(name, ParseType(f["type"]!, name), f["nullable"]!.GetValue<bool>());
            });
            return new Schema(fields, null);
        }
        catch (Exception e) when (e is JsonException or NullReferenceException or InvalidOperationException)
        {
            throw new EtlException("ETL4553", $"the schema in the table's log cannot be read: {e.Message}", "The log is damaged, or written by something that follows another protocol.", e);
        }
    }

    /// <summary>Whether two columns have the same type in a table.</summary>
    public static bool SameType(Field a, Field b) => TypeOf(a, a.DataType).ToJsonString() == TypeOf(b, b.DataType).ToJsonString();

    /// <summary>A type as people write it, such as <c>decimal(12,2)</c>.</summary>
    public static string TypeName(Field field) => TypeOf(field, field.DataType) is JsonValue name ? name.GetValue<string>() : "array";

    /// <summary>Whether the schema needs the table feature for timestamps without a time zone.</summary>
    public static bool HasLocalTimestamps(Schema schema) => schema.FieldsList.Any(f => (f.DataType is ListType list ? list.ValueDataType : f.DataType) is TimestampType t && string.IsNullOrEmpty(t.Timezone));

    private static JsonNode TypeOf(Field field, IArrowType type) => type switch
    {
        BooleanType => "boolean",
        Int8Type => "byte",
        Int16Type => "short",
        Int32Type => "integer",
        Int64Type => "long",
        FloatType => "float",
        DoubleType => "double",
        StringType => "string",
        BinaryType => "binary",
        Date32Type => "date",
        Decimal128Type { Scale: >= 0 } d when d.Scale <= d.Precision => string.Create(CultureInfo.InvariantCulture, $"decimal({d.Precision},{d.Scale})"),
        TimestampType { Unit: TimeUnit.Microsecond } t => string.IsNullOrEmpty(t.Timezone) ? "timestamp_ntz" : "timestamp",
        ListType list => new JsonObject { ["type"] = "array", ["elementType"] = TypeOf(field, list.ValueDataType), ["containsNull"] = list.ValueField.IsNullable },
        Time64Type => throw Unfit(field, "a time of day, a type that Delta does not have", "Cast it to text, or to microseconds as an integer."),
        _ => throw Unfit(field, $"the type {type.Name}", "Cast it on the way."),
    };

    private static IArrowType ParseType(JsonNode type, string column)
    {
        if (type is JsonObject o && o["type"]?.GetValue<string>() == "array")
        {
            return new ListType(new Field("element", ParseType(o["elementType"]!, column), o["containsNull"]!.GetValue<bool>()));
        }

        var name = type is JsonValue value ? value.GetValue<string>() : "a nested type";
        return name switch
        {
            "boolean" => BooleanType.Default,
            "byte" => Int8Type.Default,
            "short" => Int16Type.Default,
            "integer" => Int32Type.Default,
            "long" => Int64Type.Default,
            "float" => FloatType.Default,
            "double" => DoubleType.Default,
            "string" => StringType.Default,
            "binary" => BinaryType.Default,
            "date" => Date32Type.Default,
            "timestamp" => new TimestampType(TimeUnit.Microsecond, "UTC"),
            "timestamp_ntz" => new TimestampType(TimeUnit.Microsecond, (string?)null),
            _ when name.StartsWith("decimal(", StringComparison.Ordinal) && name[8..^1].Split(',') is [var precision, var scale]
                => new Decimal128Type(int.Parse(precision, CultureInfo.InvariantCulture), int.Parse(scale, CultureInfo.InvariantCulture)),
            _ => throw new EtlException("ETL4553", $"column '{column}' of the table has the type {name}, which this version does not read", "Load into another table."),
        };
    }

    private static EtlException Unfit(Field field, string what, string hint) => new("ETL4552", $"column '{field.Name}' has {what}; a Delta table cannot hold it", hint);
}
