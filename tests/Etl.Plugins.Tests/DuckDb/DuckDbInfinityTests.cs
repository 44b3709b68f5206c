using Apache.Arrow.Types;
using Etl.Contracts;
using Etl.Plugins.DuckDb;
using NUnit.Framework;

namespace Etl.Plugins.Tests.DuckDb;

/// <summary>DuckDB's infinities, which another system would take for the year 294247.</summary>
public sealed class DuckDbInfinityTests
{
    [TestCase("TIMESTAMP", "'infinity'")]
    [TestCase("TIMESTAMP", "'-infinity'")]
    [TestCase("TIMESTAMPTZ", "'infinity'")]
    [TestCase("DATE", "'-infinity'")]
    public void Are_not_passed_on(string type, string value)
    {
        var error = TypedRows.Thrown<EtlException>(() => ReadAsync(type, value));
        Assert.That(WholeText.Of(error), Is.EqualTo("ETL4124: column 'v' holds infinity, which is no date or time. Replace it at the source, for example by NULL, or read it by a query that does."));
    }

    [TestCase("TIMESTAMP", "'294247-01-10 04:00:54.775806'", long.MaxValue - 1)]
    [TestCase("TIMESTAMP", "NULL", null)]
    [TestCase("DATE", "NULL", null)]
    public async Task What_is_near_or_NULL_is(string type, string value, object? expected)
    {
        var rows = await ReadAsync(type, value);
        Assert.That(rows.Select(r => r[1]), Is.EqualTo(new[] { expected, rows[1][1] }));
    }

    private static async Task<List<object?[]>> ReadAsync(string type, string value)
    {
        using var file = new DuckDbFile();
        file.Sql($"CREATE TABLE s (id BIGINT, v {type}); INSERT INTO s VALUES (1, {value}), (2, '2024-01-01')");
        var contract = TypedRows.Contract("s", ["id"], ("id", Int64Type.Default), ("v", type switch { "DATE" => Date32Type.Default, "TIMESTAMP" => TypedRows.Timestamp, _ => TypedRows.TimestampUtc }));
        var extractor = new DuckDbTableExtractor(new DuckDbTableExtractOptions { Table = "s" }, file.Connection);
        await using var extraction = await extractor.OpenAsync(new ExtractRequest(contract, extractor.DescribeOutput(contract), null, 100, 1, new Dictionary<string, object>()), CancellationToken.None);
        return await TypedRows.ReadAllAsync(extraction);
    }
}
