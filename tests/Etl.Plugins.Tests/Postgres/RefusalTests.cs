using Apache.Arrow;
using Apache.Arrow.Types;
using Etl.Contracts;
using Etl.Plugins.Postgres;
using NUnit.Framework;

namespace Etl.Plugins.Tests.Postgres;

/// <summary>Rows that a table of PostgreSQL will not take, among rows that it does.</summary>
public sealed class RefusalTests
{
    private const string Table =
        """
        CREATE TYPE mood AS ENUM ('sad', 'ok');
        CREATE DOMAIN even AS bigint CHECK (VALUE % 2 = 0);
        CREATE TABLE t (id bigint PRIMARY KEY, name varchar(5) NOT NULL, amount numeric(5,2) CHECK (amount > 0), doc jsonb, mood mood, half even);
        """;

    private static readonly RowSchema Rows = TypedRows.Schema(
        ("id", Int64Type.Default), ("name", StringType.Default), ("amount", new Decimal128Type(12, 2)), ("doc", StringType.Default), ("mood", StringType.Default), ("half", Int64Type.Default));

    private static readonly object?[] Good = [1L, "a", (Int128)100, "{}", "ok", 2L];

    [TestCase("name", null, "a check constraint does not hold (constraint name not null), SQLSTATE 23514")]
    [TestCase("name", "abcdef", "a check constraint does not hold (constraint name character varying(5)), SQLSTATE 23514")]
    [TestCase("name", "abc   ", "a check constraint does not hold (constraint name character varying(5)), SQLSTATE 23514", TestName = "{m}: spaces are not cut")]
    [TestCase("name", "a\0", "a text holds the character U+0000, or bytes that are no text in the database's encoding (column name), SQLSTATE 22021")]
    [TestCase("amount", -1, "a check constraint does not hold (constraint t_amount_check), SQLSTATE 23514")]
    [TestCase("amount", 100_000, "a number is out of the column's range, SQLSTATE 22003")]
    [TestCase("doc", "{", "a text is not a value of the column's type, SQLSTATE 22P02")]
    [TestCase("doc", """{"a":"\u0000"}""", "a text holds a character that the database's encoding or jsonb cannot hold, SQLSTATE 22P05")]
    [TestCase("mood", "glad", "a text is not a value of the column's type, SQLSTATE 22P02")]
    [TestCase("half", 3L, "a check constraint does not hold (constraint even_check), SQLSTATE 23514")]
    public async Task The_row_alone_is_refused_with_the_servers_reason(string column, object? value, string reason)
    {
        await using var db = await TestDatabase.CreateAsync();
        await db.RunAsync(Table);
        var bad = Row(2, column, value is int cents ? (Int128)cents : value);
        var refused = await LoadAsync(db, Rows, [[Row(1), bad, Row(3)], [Row(4)]]);
        Assert.That(refused, Is.EqualTo(new[] { (2L, reason) }));
        Assert.That(await db.TextAsync("SELECT string_agg(id::text, ',' ORDER BY id) FROM t"), Is.EqualTo("1,3,4"));
    }

    [Test]
    public async Task Few_bad_rows_among_many_cost_a_few_tries_each_and_nothing_else_is_refused()
    {
        await using var db = await TestDatabase.CreateAsync();
        await db.RunAsync(Table);
        var rows = Enumerable.Range(1, 20_000).Select(i => i is 1 or 7_777 or 20_000 ? Row(i, "name", "too long") : Row(i)).ToArray();
        var refused = await LoadAsync(db, Rows, rows.Chunk(3000).ToArray());
        Assert.That(refused.Select(r => r.Id), Is.EqualTo(new[] { 1L, 7_777L, 20_000L }));
        Assert.That(await db.TextAsync("SELECT count(*) || ' ' || sum(id) FROM t"), Is.EqualTo($"19997 {(20_000L * 20_001 / 2) - 27_778}"));
    }

    [Test]
    public async Task A_deletion_is_not_tested_for_it_is_not_written()
    {
        await using var db = await TestDatabase.CreateAsync();
        await db.RunAsync(Table + "INSERT INTO t VALUES (1, 'a'), (2, 'b')");
        var changes = new RowSchema(new Schema([.. Rows.Arrow.FieldsList, new Field(RowSchema.OpColumn, StringType.Default, false)], null));
        var refused = await LoadAsync(db, changes, [[[.. Row(1, "name", null), RowSchema.OpDelete], [.. Row(2, "name", null), RowSchema.OpUpsert]]]);
        Assert.That(refused.Select(r => r.Id), Is.EqualTo(new[] { 2L }));
        Assert.That(await db.TextAsync("SELECT string_agg(id || name, ',') FROM t"), Is.EqualTo("2b"));
    }

    [Test]
    public async Task An_error_of_the_whole_is_thrown_and_no_row_is_blamed()
    {
        await using var db = await TestDatabase.CreateAsync();
        await db.RunAsync("CREATE TABLE t (id bigint PRIMARY KEY, name bytea)");
        var error = await Assert.ThrowsAsync<EtlException>(() => LoadAsync(db, Rows, [[Row(1)]]));
        Assert.That(error!.Code, Is.EqualTo("ETL4473"));
    }

    [Test]
    public async Task Whoever_takes_the_rows_can_end_it()
    {
        await using var db = await TestDatabase.CreateAsync();
        await db.RunAsync(Table);
        var taken = 0;
        await Assert.ThrowsAsync<InvalidOperationException>(() => LoadAsync(db, Rows, [Enumerable.Range(1, 1000).Select(i => Row(i, "name", "too long")).ToArray()], (_, _) => ++taken == 5 ? throw new InvalidOperationException("enough") : true));
        Assert.That(taken, Is.EqualTo(5));
        Assert.That(await db.TextAsync("SELECT count(*) FROM t"), Is.EqualTo("0"));
    }

    private static object?[] Row(long id, string? column = null, object? value = null)
    {
        var row = (object?[])Good.Clone();
        row[0] = id;
        if (column is not null)
        {
            row[Rows.Index(column)] = value;
        }

        return row;
    }

    private static async Task<List<(long Id, string Reason)>> LoadAsync(TestDatabase db, RowSchema schema, object?[][][] batches, Func<long, string, bool>? take = null)
    {
        // Nothing may be widened to fit, so that what does not fit is refused.
        var options = new PostgresTableLoadOptions { Table = "t", Mode = TableLoadMode.Upsert, Key = ["id"], Schema = new SchemaPolicy { Widen = false } };
        var request = Steps.Request(schema);
        await using var session = await new PostgresTableLoader(options, db.Connection).OpenAsync(request, CancellationToken.None);
        var refused = new List<(long, string)>();
        await ((IRefusingLoadSession)session).StageAsync(
            DuckDb.DuckDbFile.Stream([.. batches.Select(b => TypedRows.Batch(schema, b))]),
            (batch, row, reason, _) =>
            {
                var id = ((Int64Array)batch.Column(0)).Values[row];
                if (take?.Invoke(id, reason) ?? true)
                {
                    refused.Add((id, reason));
                }

                return ValueTask.CompletedTask;
            },
            CancellationToken.None);
        await session.PublishAsync(Steps.Next(session, request), CancellationToken.None);
        return refused;
    }
}
