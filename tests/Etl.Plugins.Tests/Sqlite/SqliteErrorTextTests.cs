using Apache.Arrow.Types;
using Etl.Contracts;
using Etl.Plugins.Sqlite;
using NUnit.Framework;
using static Etl.Plugins.Tests.TypedRows;

namespace Etl.Plugins.Tests;

/// <summary>What a person reads when rows do not go into an SQLite file, whole.</summary>
public sealed class SqliteErrorTextTests
{
    private static readonly RowSchema Rows = Schema(("id", Int64Type.Default), ("rate", DoubleType.Default), ("day", Date32Type.Default));

    private static IEnumerable<TestCaseData> Cases()
    {
        yield return Case("no_key", TableLoadMode.Upsert, Rows, [[null, 0.5, 1]], """
            ETL4525: a row has no value in 'id', a column of the key
              Refuse such rows above the load: a `check` with not_null: [id].
            """);
        yield return Case("no_number", TableLoadMode.Append, Rows, [[1L, double.NaN, 1]], """
            ETL4526: column 'rate' holds NaN, which SQLite stores as NULL
              Replace it before the load with a `derive`, or refuse such rows with a `check`.
            """);
        yield return Case("beyond_the_calendar", TableLoadMode.Append, Rows, [[1L, 0.5, int.MaxValue]], """
            ETL4526: column 'day' holds a date or time outside the years 0001 to 9999
              SQLite keeps it as ISO 8601 text, which has no form for it: refuse such rows before the load with a `check`.
            """);
        yield return Case("keys_that_are_not_unique", TableLoadMode.Upsert, Rows with { Key = ["id"] }, [[1L, 0.5, 1], [1L, 0.25, 1], [2L, 0.5, 1]], """
            ETL4528: 1 keys (id) come more than once in the rows for 'rates', although they are called unique
              Correct the contract's primary key, or add transform: deduplicate before the load.
              at key
            """);

        static TestCaseData Case(string name, TableLoadMode mode, RowSchema schema, object?[][] rows, string told) => new TestCaseData(mode, schema, rows, told).SetArgDisplayNames(name);
    }

    [TestCaseSource(nameof(Cases))]
    public async Task It_says_which_column_and_what_to_do(TableLoadMode mode, RowSchema schema, object?[][] rows, string told)
    {
        using var folder = new SqliteFolder();
        await using var database = folder.Database();
        var loader = new SqliteTableLoader(new SqliteTableLoadOptions { Table = "rates", Mode = mode, Key = mode == TableLoadMode.Upsert ? ["id"] : [] }, database);
        Assert.That(await ErrorText.OfAsync(() => FilesFolder.LoadAsync(loader, schema, rows)), Is.EqualTo(told));
    }

    [Test]
    public async Task Deletions_that_append_cannot_apply_are_refused_as_by_other_tables()
    {
        using var folder = new SqliteFolder();
        await using var database = folder.Database();
        var loader = new SqliteTableLoader(new SqliteTableLoadOptions { Table = "rates", Mode = TableLoadMode.Append }, database);
        Assert.That(
            await ErrorText.OfAsync(() => Task.FromResult(loader.Describe(Schema(("id", Int64Type.Default), (RowSchema.OpColumn, StringType.Default))))), Is.EqualTo("""
            ETL3021: the rows carry deletions (deleted_when), and mode: append has no way to apply them
              Use mode: upsert with a key, or filter the deleted rows out.
              at mode
            """));
    }
}
