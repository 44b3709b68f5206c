namespace Etl.Plugins.Tests.Postgres.Types;

/// <summary>A value of a type of PostgreSQL, as SQL.</summary>
/// <param name="Type">The type.</param>
/// <param name="Value">The value.</param>
internal sealed record TypeCase(string Type, string Value)
{
    /// <summary>The form in which it travels, as SQL over <c>v</c>, where that is another type: money shows itself by the server's locale, an array of several dimensions is JSON.</summary>
    public string Form => Type switch
    {
        "money" => "v::numeric",
        "integer[][]" => "to_json(v)::text",
        _ => "v",
    };
}

/// <summary>Every type that a source can have, with the values at its edges.</summary>
internal static class TypeCases
{
    /// <summary>What some of the types need.</summary>
    public const string Setup =
        """
        CREATE EXTENSION IF NOT EXISTS citext;
        CREATE EXTENSION IF NOT EXISTS hstore;
        CREATE TYPE mood AS ENUM ('sad', 'it''s "ok"');
        CREATE TYPE pair AS (a int, b text);
        CREATE DOMAIN price AS numeric(12,2) CHECK (VALUE >= 0);
        """;

    private const string Nines38 = "99999999999999999999999999999999999999";

    public static IReadOnlyList<TypeCase> All { get; } =
    [
        .. Of("boolean", "true", "false", "NULL"),
        .. Of("smallint", "32767", "-32768", "-1", "0"),
        .. Of("integer", "2147483647", "-2147483648"),
        .. Of("bigint", "9223372036854775807", "-9223372036854775808", "9007199254740993", "NULL"),
        .. Of("oid", "4294967295"),
        .. Of("xid", "'4294967295'"),
        .. Of("numeric(38,0)", Nines38, "-" + Nines38, "9007199254740993"),
        .. Of("numeric(38,38)", "1e-38", "-1e-38"),
        .. Of("numeric(10,2)", "1.10", "-0.00", "99999999.99", "'NaN'"),
        .. Of("numeric(15,3)", "999999999999.999", "0.001"),
        .. Of("numeric(16,3)", "9999999999999.999"),
        .. Of("numeric(5,-2)", "12300"),
        .. Of("numeric(2,5)", "0.00012"),
        .. Of("numeric(60,10)", "123456789012345678901234567890123456789.0000000001"),
        .. Of("numeric", "12345678901234567890123456789", "123456789012345678901234567890123456789", "repeat('9', 131072)::numeric", "'NaN'", "'Infinity'", "'-Infinity'", "1.10"),
        .. Of("money", "'92233720368547758.07'", "'-92233720368547758.08'"),
        .. Of("real", "'NaN'", "'Infinity'", "'-Infinity'", "'-0'", "1e-45", "3.4028235e38", "0.1"),
        .. Of("double precision", "'NaN'", "'Infinity'", "'-Infinity'", "'-0'", "4.9e-324", "1.7976931348623157e308", "0.1", "9007199254740993"),
        .. Of("text", "''", "NULL", "'😀'", @"U&'\FFFF'", @"U&'\FFFE'", @"U&'\FDD0'", "repeat('x', 65535)", "repeat('é', 32768)", "repeat('x', 16777216)", "'ab  '", @"'\N'", "'it''s \"ok\"'", @"E'a\r\nb\tc'", "'NULL'"),
        .. Of("varchar(20)", "'ab  '", "'ü'"),
        .. Of("char(5)", "'ab'", "'ü'", "''"),
        .. Of("\"char\"", @"'\200'", "'c'"),
        .. Of("name", "'nm'"),
        .. Of("citext", "'MiXed'"),
        .. Of("xml", "'<a>1</a>'"),
        .. Of("bytea", "''", @"'\x00ff'", "decode(repeat('00', 1048576), 'hex')", "NULL"),
        .. Of("uuid", "'00000000-0000-0000-0000-000000000000'", "'ffffffff-ffff-ffff-ffff-ffffffffffff'"),
        .. Of("date", "'0001-01-01'", "'9999-12-31'", "'10000-01-01'", "'4713-01-01 BC'", "'5874897-12-31'", "'infinity'", "'-infinity'"),
        .. Of("timestamp", "'2024-03-31 01:30:00.123456'", "'1969-12-31 23:59:59.999999'", "'0001-01-01'", "'9999-12-31 23:59:59.999999'", "'10000-01-01'", "'4713-01-01 BC'", "'294246-12-31 23:59:59.999999'", "'294276-12-31'", "'infinity'"),
        .. Of("timestamptz", "'2024-03-31 02:30 Europe/Amsterdam'", "'2024-10-27 02:30 Europe/Amsterdam'", "'1969-12-31 23:59:59.999999+00'", "'4713-01-01 00:00+00 BC'", "'294246-12-31 23:59:59.999999+00'", "'infinity'", "'-infinity'"),
        .. Of("time", "'00:00'", "'23:59:59.999999'", "'24:00'"),
        .. Of("timetz", "'12:00+15:59:59'", "'24:00-00'"),
        .. Of("interval", "'1 mon 2 days -3.5 seconds'", "'-178000000 years'", "'0'"),
        .. Of("json", """'{"b":1, "a":2, "b":3}'""", """'{"a":"\u0000"}'"""),
        .. Of("jsonb", """'{"b":1e400, "a":[null]}'""", "'null'"),
        .. Of("mood", """'it''s "ok"'"""),
        .. Of("price", "1.10"),
        .. Of("integer[]", "'{}'", "'{NULL}'", "'{1,NULL,-3}'", "'{{1,2},{3,4}}'", "'[0:1]={1,2}'", "NULL"),
        .. Of("text[]", """'{"",NULL,"a,b","NULL","it''s \"ok\""}'"""),
        .. Of("numeric(12,2)[]", "'{1.10,NULL,-99.99}'"),
        .. Of("uuid[]", "'{ffffffff-ffff-ffff-ffff-ffffffffffff}'"),
        .. Of("integer[][]", "'{{1,2},{3,4}}'"),
        .. Of("pair", """'(7,"x,y")'"""),
        .. Of("int4range", "'[1,)'", "'empty'"),
        .. Of("int4multirange", "'{[1,3),[5,)}'"),
        .. Of("inet", "'2001:db8::1/64'"),
        .. Of("cidr", "'10.0.0.0/8'"),
        .. Of("macaddr", "'08:00:2b:01:02:03'"),
        .. Of("bit(3)", "B'101'"),
        .. Of("bit varying(8)", "B''", "B'10'"),
        .. Of("point", "'(1.5,-2)'"),
        .. Of("tsvector", "'a:1 b:2'"),
        .. Of("hstore", """'"a"=>"1", "b"=>NULL'"""),
    ];

    private static IEnumerable<TypeCase> Of(string type, params string[] values) => values.Select(v => new TypeCase(type, v));
}
