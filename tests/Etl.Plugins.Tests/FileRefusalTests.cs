using Apache.Arrow;
using Apache.Arrow.Types;
using Etl.Contracts;
using Etl.Plugins.DuckDb;
using Etl.Plugins.Sqlite;
using Etl.Plugins.Tests.DuckDb;
using NUnit.Framework;

namespace Etl.Plugins.Tests;

/// <summary>Rows that a table of a database file will not take, among rows that it does.</summary>
public sealed class FileRefusalTests
{
    private static readonly RowSchema Rows = TypedRows.Schema(("id", Int64Type.Default), ("name", StringType.Default), ("amount", Int64Type.Default), ("f", DoubleType.Default));

    private static readonly object?[][] Some = [[1L, "a", 5L, 0.5], [2L, null, 5L, 0.5], [3L, "c", -5L, 0.5], [4L, "d", 5L, 0.5], [5L, "e", 0L, double.NaN]];

    [Test]
    public async Task Sqlite_refuses_what_its_table_does_not_allow_or_has_no_form_for()
    {
        using var folder = new SqliteFolder();
        folder.Execute("""
            create table t (id integer primary key, name text not null, -- check (false) is only said here
              amount integer check (amount > 0 or 'check ()' = name), [check (x] text check (length("check (x") > 2), f real, constraint big CHECK(amount < 1000))
            """);
        await using var database = folder.Database();
        var loader = new SqliteTableLoader(new SqliteTableLoadOptions { Table = "t", Mode = TableLoadMode.Append }, database);
        Assert.That(await LoadAsync(loader, Rows, [.. Some, [6L, "f", 1000L, 0.5]]), Is.EqualTo(new[]
        {
            (2L, "SQLite: CHECK constraint failed: \"name\" is not null (result 275)"),
            (3L, "SQLite: CHECK constraint failed: amount > 0 or 'check ()' = name (result 275)"),
            (5L, "column 'f' holds NaN, which SQLite stores as NULL"),
            (6L, "SQLite: CHECK constraint failed: amount < 1000 (result 275)"),
        }));
        Assert.That(folder.Query("select id from t order by id").Select(r => r[0]), Is.EqualTo(new object[] { 1L, 4L }));
    }

    [Test]
    public async Task Sqlite_tests_no_deletion_for_it_is_not_written()
    {
        using var folder = new SqliteFolder();
        folder.Execute("create table t (id integer primary key, name text not null, amount integer, f real); insert into t values (1, 'a', 1, 1), (2, 'b', 1, 1)");
        await using var database = folder.Database();
        var loader = new SqliteTableLoader(new SqliteTableLoadOptions { Table = "t", Mode = TableLoadMode.Upsert, Key = ["id"] }, database);
        var changes = new RowSchema(new Schema([.. Rows.Arrow.FieldsList, new Field(RowSchema.OpColumn, StringType.Default, false)], null));
        var refused = await LoadAsync(loader, changes, [[1L, null, 1L, 1.0, RowSchema.OpDelete], [2L, null, 1L, 1.0, RowSchema.OpUpsert]]);
        Assert.That(refused.Select(r => r.Id), Is.EqualTo(new[] { 2L }));
        Assert.That(folder.Query("select id, name from t").Single(), Is.EqualTo(new object[] { 2L, "b" }));
    }

    [Test]
    public async Task DuckDb_refuses_what_its_table_does_not_allow()
    {
        using var file = new DuckDbFile();
        file.Sql("CREATE TYPE mood AS ENUM ('a', 'c', 'd', 'e'); CREATE TABLE t (id BIGINT PRIMARY KEY, name mood NOT NULL, amount BIGINT CHECK (amount > 0), f DOUBLE, more INT DEFAULT 1 CHECK (more > 0))");
        var loader = new DuckDbTableLoader(new DuckDbTableLoadOptions { Table = "t", Mode = TableLoadMode.Append }, file.Connection);
        var refused = await LoadAsync(loader, Rows, [.. Some, [6L, "sad", 1L, 0.5]]);
        Assert.That(refused.Select(r => r.Id), Is.EqualTo(new[] { 2L, 3L, 5L, 6L }));
        Assert.That(refused.Select(r => r.Reason), Is.All.Contains("CHECK constraint failed").And.All.Not.Contains("sad"));
        Assert.That(refused[1].Reason, Does.Contain("amount > 0"));
        Assert.That(file.Sql("SELECT id FROM t ORDER BY id"), Is.EqualTo("1\n4"));
    }

    private static async Task<List<(long Id, string Reason)>> LoadAsync(ILoader loader, RowSchema schema, object?[][] rows)
    {
        var request = new LoadRequest(new CheckpointKey("default", "p", "load"), schema, "run", false, "test:1", TimeSpan.FromMinutes(1), _ => { });
        await using var session = await loader.OpenAsync(request, CancellationToken.None);
        var refused = new List<(long, string)>();
        await ((IRefusingLoadSession)session).StageAsync(
            DuckDbFile.Stream(TypedRows.Batch(schema, rows)),
            (batch, row, reason, _) =>
            {
                refused.Add((((Int64Array)batch.Column(0)).Values[row], reason));
                return ValueTask.CompletedTask;
            },
            CancellationToken.None);
        await session.PublishAsync(Postgres.Steps.Next(session, request), CancellationToken.None);
        return refused;
    }
}
