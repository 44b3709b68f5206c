using System.Globalization;

namespace Etl.Redshift.StandIn;

/// <summary>Redshift's types, and the PostgreSQL types that stand for them.</summary>
internal static class Types
{
    /// <summary>The longest VARCHAR, in bytes.</summary>
    public const int MaxVarchar = 65535;

    private static readonly Dictionary<string, string> Refused = new()
    {
        ["json"] = "SUPER takes its place", ["jsonb"] = "SUPER takes its place", ["uuid"] = "CHAR(36) takes its place", ["bytea"] = "VARBYTE takes its place",
        ["money"] = "DECIMAL takes its place", ["serial"] = "IDENTITY takes its place", ["bigserial"] = "IDENTITY takes its place", ["xml"] = "", ["inet"] = "", ["cidr"] = "",
        ["macaddr"] = "", ["bit"] = "", ["tsvector"] = "", ["hstore"] = "", ["citext"] = "", ["point"] = "", ["int4range"] = "", ["name"] = "only the leader node has it", ["regclass"] = "only the leader node has it",
    };

    /// <summary>The type that is next, as PostgreSQL's, and its greatest length in bytes where it is a text.</summary>
    public static (string Sql, int? Bytes) Read(TokenWalk walk)
    {
        var word = walk.Take().Text;
        var (sql, bytes) = word switch
        {
            "smallint" or "int2" => ("smallint", (int?)null),
            "integer" or "int" or "int4" => ("integer", null),
            "bigint" or "int8" => ("bigint", null),
            "real" or "float4" => ("real", null),
            "float8" => ("double precision", null),
            "float" => ("double precision", null),
            "double" when walk.TryTake("precision") => ("double precision", null),
            "boolean" or "bool" => ("boolean", null),
            "date" => ("date", null),
            "super" => ("_redshift.super", null),
            "decimal" or "numeric" => (Decimal(walk), null),
            "timestamp" => (Zoned(walk, "timestamp"), null),
            "timestamptz" => ("timestamptz", null),
            "time" => (Zoned(walk, "time"), null),
            "timetz" => ("timetz", null),
            // Without a length TEXT is no endless text, but VARCHAR(256).
            "text" => ("varchar(256)", 256),
            "char" or "nchar" or "bpchar" when !walk.Current.Is("varying") => Text(walk, "char", 1, 4096),
            "varchar" or "nvarchar" => Text(walk, "varchar", 256, MaxVarchar),
            "character" => walk.TryTake("varying") ? Text(walk, "varchar", 256, MaxVarchar) : Text(walk, "char", 1, 4096),
            "interval" => ("interval", null),
            _ => throw new RefusedException(Refused.TryGetValue(word, out var instead)
                ? $"type \"{word}\" is not supported in Redshift{(instead.Length > 0 ? "; " + instead : "")}"
                : $"type \"{word}\" does not exist, or is not known to this stand-in"),
        };
        return walk.Current.Is("[") || walk.Current.Is("array") ? throw new RefusedException("arrays are not supported; SUPER takes their place") : (sql, bytes);
    }

    private static string Zoned(TokenWalk walk, string type) =>
        walk.TryTake("with", "time", "zone") ? type + "tz" : walk.TryTake("without", "time", "zone") ? type
            : walk.Current.Is("(") ? throw new RefusedException($"{type.ToUpperInvariant()} takes no precision; it is microseconds") : type;

    private static string Decimal(TokenWalk walk)
    {
        var (precision, scale) = (18, 0);
        if (walk.TryTake("("))
        {
            precision = Number(walk);
            scale = walk.TryTake(",") ? Number(walk) : 0;
            walk.Require(")");
        }

        return precision is < 1 or > 38 || scale > 37 || scale > precision
            ? throw new RefusedException($"DECIMAL precision {precision} must be between 1 and 38, and scale {scale} at most 37", "22023")
            : $"numeric({precision},{scale})";
    }

    private static (string Sql, int? Bytes) Text(TokenWalk walk, string type, int length, int greatest)
    {
        if (walk.TryTake("("))
        {
            length = walk.TryTake("max") ? greatest : Number(walk);
            walk.Require(")");
        }

        return length < 1 || length > greatest
            ? throw new RefusedException($"length for type {type} cannot exceed {greatest}", "22023")
            : ($"{type}({length})", length);
    }

    private static int Number(TokenWalk walk) =>
        walk.Current.Kind == TokenKind.Number ? int.Parse(walk.Take().Text, CultureInfo.InvariantCulture) : throw walk.Unexpected();
}
