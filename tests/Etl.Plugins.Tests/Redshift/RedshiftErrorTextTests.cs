using System.Globalization;
using System.Text.RegularExpressions;
using Apache.Arrow.Types;
using Etl.Contracts;
using Etl.Plugins.Redshift;
using Etl.Plugins.Tests.Lake;
using Etl.Plugins.Tests.Postgres;
using NUnit.Framework;
using static Etl.Plugins.Tests.TypedRows;

namespace Etl.Plugins.Tests.Redshift;

/// <summary>What a person reads when rows do not go into Redshift, whole.</summary>
[Category("Integration")]
public sealed partial class RedshiftErrorTextTests
{
    private static readonly RowSchema Narrow = Schema(("id", Int64Type.Default), ("note", StringType.Default));

    private static IEnumerable<TestCaseData> Plans()
    {
        yield return Case("a_time_of_day", Schema(("at", Time)), new(), [], """
            ETL4670: column 'at' has the type time64, for which Redshift, or COPY from Parquet, has none
              Convert it on the way (transform: derive): a list or a struct to JSON text for SUPER, a time or bytes to text.
            """);
        yield return Case("a_length_of_a_number", Narrow, new() { Varchar = new Dictionary<string, int> { ["id"] = 5 } }, [], """
            ETL4670: column 'id' is no text
              Only texts have a length or hold JSON.
              at redshift.varchar.id
            """);
        yield return Case("a_name_with_capitals", Schema(("orderId", Int64Type.Default)), new(), [], """
            ETL4671: the column name 'orderId' has capitals, which Redshift folds to lower case
              Rename it on the way (transform: select).
            """);
        yield return Case("a_long_name", Schema((new string('n', 128), Int64Type.Default)), new(), [], $"""
            ETL4671: the column name '{new string('n', 128)}' has 128 bytes; Redshift takes 1 to 127
              Rename it.
            """);
        yield return Case("more_columns_than_a_table_has", Schema([.. Enumerable.Range(0, 1601).Select(i => ($"c{i}", (IArrowType)Int64Type.Default))]), new(), [], """
            ETL4671: the rows have 1601 columns; 1 to 1600 can be loaded into Redshift
              Leave columns out on the way (transform: select).
            """);
        yield return Case("a_key_with_a_fraction", Schema(("rate", DoubleType.Default)), new(), ["rate"], """
            ETL4681: the key column 'rate' is double precision, which cannot be compared exactly
              Use a decimal or a text, or a hash of it.
              at key[0]
            """);

        static TestCaseData Case(string name, RowSchema schema, RedshiftTableLayout layout, string[] key, string told) => new TestCaseData(schema, layout, key, told).SetArgDisplayNames(name);
    }

    [TestCaseSource(nameof(Plans))]
    public async Task A_plan_of(RowSchema schema, RedshiftTableLayout layout, string[] key, string told)
    {
        await using var connection = new RedshiftConnection(new() { Host = "nowhere.invalid", Database = "dwh", User = "dwh", Password = "x", Staging = "lake", IamRole = Warehouse.Role }, new BucketFolder("/"));
        var loader = new RedshiftTableLoader(new() { Table = "orders", Mode = key.Length > 0 ? TableLoadMode.Upsert : TableLoadMode.Append, Key = key, Redshift = layout }, connection, Warehouse.Context);
        Assert.That(await ErrorText.OfAsync(() => Task.FromResult(loader.Describe(schema))), Is.EqualTo(told));
    }

    private static IEnumerable<TestCaseData> Loads()
    {
        yield return Case("with_another_role", async w =>
        {
            await using var other = w.Connect(o => o with { IamRole = "arn:aws:iam::1:role/other" });
            await w.LoadAsync(TableLoadMode.Append, [new(1)], loader: w.Loader(TableLoadMode.Append, connection: other));
        }, """
            ETL4636: COPY failed: S3ServiceException: Access Denied, Status 403, Error AccessDenied (XX000)
              The cluster must be allowed to use s3://lake/ (iam_role, or access_key and secret_key), which must be in its region.
            """);
        yield return Case("whose_file_something_else_replaced", w => w.LoadAsync(TableLoadMode.Append, [new(1), new(2)], failPoint: Then("redshift.manifest_sent", () => CutAsync(w))), """
            ETL4637: COPY loaded 1 rows of 2 that were sent
              Nothing was published. Run again; if it comes back, something else writes to the staging store.
            """);
        yield return Case("into_no_table", w => w.LoadAsync(TableLoadMode.Append, [new(1)], loader: Loader(w, TableLoadMode.Append, o => o with { Schema = new() { Create = false } })), """
            ETL4672: there is no table public.orders, and schema.create is false
              Create it, or allow it.
              at schema.create
            """);
        yield return Case("into_columns_that_are_too_small", async w =>
        {
            await w.RunAsync("CREATE TABLE orders (id integer)");
            await StageAsync(Loader(w, TableLoadMode.Append, o => o with { Schema = new() { AddColumns = false } }), [[1L, "a"]]);
        }, """
            ETL4673: rows do not fit public.orders: column 'id' is integer and cannot take bigint without loss; column 'note' is not there, and schema.add_columns is false
              Change the column, convert the value on the way (transform: derive), or allow the change in schema.
            """);
        yield return Case("without_rows_that_replaces", async w =>
        {
            await w.LoadAsync(TableLoadMode.Replace, [new(1), new(2)]);
            await w.LoadAsync(TableLoadMode.Replace, []);
        }, """
            ETL4674: no rows came, and publishing them would empty public.orders, which holds 2
              If that is meant: allow_empty: true.
              at allow_empty
            """);
        yield return Case("of_one_key_twice", w => w.LoadAsync(TableLoadMode.Upsert, [new(1), new(1, "paid")]), """
            ETL4675: 1 keys (id) come more than once in the rows for public.orders, and which row counts is not known
              Add transform: deduplicate before the load, or correct the key; if the contract calls it the primary key, correct the contract.
              at key
            """);
        yield return Case("of_a_key_that_is_NULL", w => StageAsync(Loader(w, TableLoadMode.Upsert, o => o), [[null, "a"]]), """
            ETL4676: the key of 1 rows for public.orders is NULL in id
              Filter such rows out, or send them to the dead letters with a check.
              at key
            """);
        yield return Case("of_an_epoch_that_is_not_the_next", w => StageAsync(Loader(w, TableLoadMode.Append, o => o), [[1L, "a"]], next => next with { N = 5 }), """
            ETL4677: epoch 5 of default/p/load cannot be published: the last committed is 0
              The checkpoint was changed by someone else: look at it with `etl state show`.
            """);
        yield return Case("of_a_text_that_is_too_long", w => w.LoadAsync(TableLoadMode.Append, [new(1, "paid twice")], loader: w.Loader(TableLoadMode.Append, new() { Varchar = new Dictionary<string, int> { ["status"] = 4 } })), """
            ETL4678: public.orders would refuse rows: a text of 10 bytes is longer than its column's 4 (column status)
              Nothing was published. Add a check before the load that refuses such rows, or change the column.
            """);
        yield return Case("of_a_text_that_is_no_JSON", w => w.LoadAsync(TableLoadMode.Append, [new(1, Note: "{")], loader: w.Loader(TableLoadMode.Append, new() { Super = ["note"] })), """
            ETL4678: public.orders refused the rows, SQLSTATE 22P02
              Nothing was published. A check before the load refuses such rows; the cluster's system views (SYS_QUERY_HISTORY) tell more.
            """);
        yield return Case("into_a_view", async w =>
        {
            await w.Behind.RunAsync("CREATE VIEW orders AS SELECT 1::bigint AS id");
            await w.LoadAsync(TableLoadMode.Append, [new(1)]);
        }, """
            ETL4679: public.orders is a view; rows are loaded into tables only
              Name the table that it shows, or another one.
              at table
            """);
        yield return Case("by_a_user_who_may_make_no_schema", async w =>
        {
            // A role of its own cannot be had behind the stand-in, so the server refuses what it would refuse to one.
            await w.Behind.RunAsync("CREATE FUNCTION deny() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN RAISE insufficient_privilege USING MESSAGE = 'permission denied for database dwh'; END $$; CREATE EVENT TRIGGER deny ON ddl_command_start WHEN TAG IN ('CREATE SCHEMA') EXECUTE FUNCTION deny()");
            await w.LoadAsync(TableLoadMode.Append, [new(1)]);
        }, """
            ETL4680: the tables of the load's state in the schema _etl are missing and may not be created: permission denied for database dwh
              Let an owner of the database run: CREATE SCHEMA _etl AUTHORIZATION the_user_of_this_connection
            """);
        yield return Case("with_more_dead_letters_than_a_checkpoint_holds", w => StageAsync(Loader(w, TableLoadMode.Append, o => o), [[1L, "a"]], next => next with { Note = new string('x', 70_000) }), """
            ETL4682: the checkpoint of default/p/load has N bytes; Redshift keeps 65535
              It lists the dead letters of the epoch: fewer stages that refuse rows make it shorter.
            """);
        yield return Case("into_a_table_that_has_a_key_twice", async w =>
        {
            await w.LoadAsync(TableLoadMode.Upsert, [new(1)]);
            await w.RunAsync("INSERT INTO orders (id, status) SELECT id, 'other' FROM orders");
            await w.LoadAsync(TableLoadMode.Upsert, [new(1, "paid")]);
        }, """
            ETL4683: public.orders has 1 of the keys (id) that came more than once
              Another program wrote to it. Remove the extra rows, or run with --full-refresh.
              at key
            """);

        static TestCaseData Case(string name, Func<Warehouse, Task> load, string told) => new TestCaseData(load, told).SetArgDisplayNames(name);
    }

    [TestCaseSource(nameof(Loads))]
    public async Task A_load(Delegate load, string told)
    {
        await using var warehouse = await Warehouse.StartAsync();
        Assert.That(Length().Replace(await ErrorText.OfAsync(() => ((Func<Warehouse, Task>)load)(warehouse)), "has N bytes"), Is.EqualTo(told));
    }

    // With fewer rows than were sent; the manifest has its length.
    private static async Task CutAsync(Warehouse warehouse)
    {
        var file = Directory.GetFiles(warehouse.BucketFolder, "*.parquet", SearchOption.AllDirectories).Single();
        var manifest = Directory.GetFiles(warehouse.BucketFolder, "*manifest*", SearchOption.AllDirectories).Single();
        var before = new FileInfo(file).Length;
        Duck.Rows($"copy (select * from read_parquet('{file}') limit 1) to '{file}.new' (format parquet)");
        File.Move(file + ".new", file, overwrite: true);
        await File.WriteAllTextAsync(manifest, (await File.ReadAllTextAsync(manifest)).Replace(before.ToString(CultureInfo.InvariantCulture), new FileInfo(file).Length.ToString(CultureInfo.InvariantCulture), StringComparison.Ordinal));
    }

    private static RedshiftTableLoader Loader(Warehouse warehouse, TableLoadMode mode, Func<RedshiftTableLoadOptions, RedshiftTableLoadOptions> change) =>
        new(change(new RedshiftTableLoadOptions { Table = "orders", Mode = mode, Key = mode == TableLoadMode.Upsert ? ["id"] : [] }), warehouse.Connection, Warehouse.Context);

    private static async Task StageAsync(RedshiftTableLoader loader, object?[][] rows, Func<Checkpoint, Checkpoint>? change = null)
    {
        var request = Steps.Request(Narrow);
        await using var load = await loader.OpenAsync(request, CancellationToken.None);
        using var batch = Batch(Narrow, rows);
        await load.StageAsync(Stream(batch), CancellationToken.None);
        var next = Steps.Next(load, request);
        await load.PublishAsync(change?.Invoke(next) ?? next, CancellationToken.None);
    }

    private static Action<string> Then(string point, Func<Task> act) => p =>
    {
        if (p == point)
        {
            act().GetAwaiter().GetResult();
        }
    };

    [GeneratedRegex("(?<=^ETL4682.*)has [0-9]+ bytes")]
    private static partial Regex Length();
}
