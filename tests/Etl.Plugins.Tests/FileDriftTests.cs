using Apache.Arrow.Types;
using Etl.Contracts;
using Etl.Plugins.DuckDb;
using Etl.Plugins.Sqlite;
using Etl.Plugins.Tests.DuckDb;
using NUnit.Framework;

namespace Etl.Plugins.Tests;

/// <summary>A table of a database file whose columns change between two runs, or while one is between its batches.</summary>
public sealed class FileDriftTests
{
    private const string Source = "create table s (id integer primary key, a integer, b text); with recursive n(i) as (select 1 union all select i + 1 from n where i < 500) insert into s select i, i * 2, 'r' || i from n;";

    private static readonly DataContract Contract = TypedRows.Contract("s", ["id"], ("id", Int64Type.Default), ("a", Int64Type.Default), ("b", StringType.Default));

    [TestCase("alter table s drop column a")]
    [TestCase("alter table s rename column a to c")]
    [TestCase("alter table s add column c integer default 7")]
    [TestCase("alter table s rename column a to t; alter table s rename column b to a; alter table s rename column t to b")]
    public async Task Sqlite_reads_its_snapshot_to_the_end_whatever_happens_to_the_columns_meanwhile(string change)
    {
        using var folder = new SqliteFolder();
        folder.Execute("pragma journal_mode = wal; " + Source);
        await using var database = folder.Database();
        await using var extraction = await OpenAsync(new SqliteTableExtractor(new SqliteTableExtractOptions { Table = "s" }, database));
        var rows = new List<object?[]>();
        await foreach (var batch in extraction.ReadAsync(extraction.Splits.Single(), CancellationToken.None))
        {
            using (batch)
            {
                if (rows.Count == 0)
                {
                    folder.Execute(change);
                }

                rows.AddRange(TypedRows.Read(batch));
            }
        }

        Assert.That(rows, Is.EqualTo(Enumerable.Range(1, 500).Select(i => new object?[] { (long)i, (long)i * 2, $"r{i}" })));
    }

    [TestCase("alter table s drop column a", "ETL4507")]
    [TestCase("alter table s rename column a to c", "ETL4507")]
    [TestCase("update s set a = 'five' where id = 5", "ETL4512", TestName = "{m}: another type")]
    public async Task A_change_of_sqlites_columns_between_runs_ends_the_next_one_with_a_code(string change, string code)
    {
        using var folder = new SqliteFolder();
        folder.Execute(Source + change);
        await using var database = folder.Database();
        var error = TypedRows.Thrown<EtlException>(async () =>
        {
            await using var extraction = await OpenAsync(new SqliteTableExtractor(new SqliteTableExtractOptions { Table = "s" }, database));
            await TypedRows.ReadAllAsync(extraction);
        });
        Assert.That(error.Code, Is.EqualTo(code));
    }

    [Test]
    public async Task A_column_that_a_file_gains_is_told_or_ends_the_run_as_on_drift_says()
    {
        using var folder = new SqliteFolder();
        folder.Execute(Source + "alter table s add column more text");
        await using var database = folder.Database();
        using var file = new DuckDbFile();
        file.Sql("CREATE TABLE s (id BIGINT, more VARCHAR, a BIGINT, b VARCHAR); INSERT INTO s VALUES (1, 'm', 2, 'b')");

        Task<IExtraction> Sqlite(OnDrift onDrift) => OpenAsync(new SqliteTableExtractor(new SqliteTableExtractOptions { Table = "s", OnDrift = onDrift }, database));
        Task<IExtraction> Duck(OnDrift onDrift) => OpenAsync(new DuckDbTableExtractor(new DuckDbTableExtractOptions { Table = "s", OnDrift = onDrift }, file.Connection));
        foreach (var open in (Func<OnDrift, Task<IExtraction>>[])[Sqlite, Duck])
        {
            await using var told = await open(OnDrift.Warn);
            Assert.That(told.Warnings.Single(), Does.EndWith("has columns that its contract does not: 'more'; they are not read"));
            Assert.That((await TypedRows.ReadAllAsync(told))[0], Is.EqualTo(new object[] { 1L, 2L, open == Duck ? "b" : "r1" }));
            await using var ignored = await open(OnDrift.Ignore);
            Assert.That(ignored.Warnings, Is.Empty);
            Assert.That(TypedRows.Thrown<EtlException>(() => open(OnDrift.Fail)).Code, Is.EqualTo("ETL4123"));
        }
    }

    private static async Task<IExtraction> OpenAsync(IExtractor extractor) => await extractor.OpenAsync(
        new ExtractRequest(Contract, extractor.DescribeOutput(Contract), null, 100, 1, new Dictionary<string, object>()), CancellationToken.None);
}
