using Apache.Arrow;
using Etl.Runtime.Definition;
using Etl.Runtime.Diagnostics;
using Etl.Runtime.Testing;
using Etl.Runtime.Yaml;
using NUnit.Framework;

namespace Etl.Runtime.Tests.Testing;

/// <summary>What a test writes is what the engine is given, and what it gives back is shown as it would be written.</summary>
public sealed class CellTests
{
    [TestCase("boolean", "true")]
    [TestCase("tinyint", "-128")]
    [TestCase("smallint", "32767")]
    [TestCase("integer", "-2147483648")]
    [TestCase("bigint", "9223372036854775807")]
    [TestCase("utinyint", "255")]
    [TestCase("usmallint", "65535")]
    [TestCase("uinteger", "4294967295")]
    [TestCase("ubigint", "18446744073709551615")]
    [TestCase("real", "1.1")]
    [TestCase("double", "0.1")]
    [TestCase("decimal(38,2)", "-123456789012345678901234567890123456.78")]
    [TestCase("decimal(3,3)", "0.001")]
    [TestCase("decimal(5,0)", "12345")]
    [TestCase("text", "Ünï 🚲")]
    [TestCase("text", "'null'")]
    [TestCase("text", "\"\"")]
    [TestCase("text", "'{a, b}'")]
    [TestCase("bytea", "0x00ff7f")]
    [TestCase("date", "1969-12-31")]
    [TestCase("time", "23:59:59.999999")]
    [TestCase("timestamp", "1969-12-31T23:59:59.5")]
    [TestCase("timestamptz", "2026-03-29T01:30:00.000001Z")]
    [TestCase("integer[]", "[1, null, 3]")]
    [TestCase("text[]", "[]")]
    public void A_value_goes_through_arrow_and_comes_back_as_the_same_text(string type, string written)
    {
        var arrow = ContractTypes.FromPhysical(type)!;
        Assert.That(Cell.TryParse(Yaml(written), arrow, out var value), Is.True);
        using var batch = CellBatch.Of(new Schema([new Field("c", arrow, true)], null), [[value], [null], [value]]);
        var rows = CellBatch.Rows(batch).ToList();

        Assert.That(rows.Select(r => Cell.Same(r[0], value)), Is.EqualTo(new[] { true, false, true }));
        Assert.That(rows.Select(r => Cell.Format(r[0], arrow)), Is.EqualTo(new[] { written, "null", written }));
    }

    [TestCase("boolean", "yes")]
    [TestCase("tinyint", "128")]
    [TestCase("integer", "1.0")]
    [TestCase("integer", "1e3")]
    [TestCase("ubigint", "-1")]
    [TestCase("decimal(4,2)", "1.234")]
    [TestCase("decimal(4,2)", "123.4")]
    [TestCase("decimal(4,2)", "1,5")]
    [TestCase("double", "one")]
    [TestCase("bytea", "00ff")]
    [TestCase("bytea", "0x0")]
    [TestCase("date", "2026-02-30")]
    [TestCase("date", "31-01-2026")]
    [TestCase("time", "24:00:00")]
    [TestCase("timestamp", "2026-01-31T12:00:00Z")]
    [TestCase("timestamptz", "2026-01-31T12:00:00")]
    [TestCase("timestamptz", "2026-01-31")]
    [TestCase("integer[]", "1")]
    [TestCase("integer[]", "[a]")]
    [TestCase("text", "[a]")]
    public void What_is_none_of_the_type_is_refused(string type, string written) =>
        Assert.That(Cell.TryParse(Yaml(written), ContractTypes.FromPhysical(type)!, out _), Is.False);

    [TestCase("decimal(4,2)", "1.5", "1.50")]
    [TestCase("decimal(4,2)", "+01.500", "1.50")]
    [TestCase("timestamptz", "2026-01-31 14:00:00+02:00", "2026-01-31T12:00:00Z")]
    [TestCase("timestamp", "2026-01-31 14:00", "2026-01-31T14:00:00")]
    [TestCase("real", "0.10000000149011612", "0.1")]
    public void Texts_of_one_value_are_equal(string type, string one, string other)
    {
        var arrow = ContractTypes.FromPhysical(type)!;
        Assert.That(Cell.TryParse(Yaml(one), arrow, out var a) && Cell.TryParse(Yaml(other), arrow, out var b) && Cell.Same(a, b), Is.True);
    }

    private static YamlNode Yaml(string value) =>
        YamlReader.ReadText("t.yaml", System.Text.Encoding.UTF8.GetBytes($"v: {value}\n"), "file", new DiagnosticBag())!["v"]!;
}
