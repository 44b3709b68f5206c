using Etl.Contracts;
using Etl.Plugins.Redshift;
using Etl.Plugins.Tests.Postgres;
using NUnit.Framework;

namespace Etl.Plugins.Tests.Redshift;

/// <summary>The loader against the stand-in.</summary>
[Category("Integration")]
public sealed class LoaderTests
{
    [Test]
    public async Task Rows_arrive_with_every_value_as_it_was()
    {
        await using var warehouse = await Warehouse.StartAsync();
        var result = await warehouse.LoadAsync(TableLoadMode.Append, [new(1, "née\\t'x'", "a\nb"), new(2, null)]);
        Assert.That(result, Is.EqualTo(new PublishResult(2, 0, 0, 0)));
        Assert.That(
            await warehouse.Behind.TextAsync("SELECT string_agg(o::text, ' ' ORDER BY id) FROM orders o"),
            Is.EqualTo("(1,\"née\\\\t'x'\",\"a\nb\",1.05,1,\"2026-03-01 10:30:00.000001+00\",2024-10-05,f,0.25) (2,,,2.05,2,\"2026-03-01 10:30:00.000002+00\",2024-10-06,t,0.5)"));
        Assert.That(await warehouse.LeftoversAsync(), Is.Empty);
    }

    [Test]
    public async Task An_upsert_inserts_changes_deletes_and_leaves_equal_rows_alone()
    {
        await using var warehouse = await Warehouse.StartAsync();
        await warehouse.LoadAsync(TableLoadMode.Upsert, [new(1), new(2, null), new(3), new(4)], schema: Order.Changes);
        var result = await warehouse.LoadAsync(TableLoadMode.Upsert, [new(1), new(2, null), new(3, "paid"), new(4, IsDeleted: true), new(5), new(6, IsDeleted: true)], schema: Order.Changes);
        Assert.That(result, Is.EqualTo(new PublishResult(Inserted: 1, Updated: 1, Deleted: 1, Unchanged: 2)));
        Assert.That(await warehouse.Behind.TextAsync("SELECT string_agg(id || ' ' || coalesce(status, '-'), ', ' ORDER BY id) FROM orders"), Is.EqualTo("1 new, 2 -, 3 paid, 5 new"));
    }

    [Test]
    public async Task A_replace_holds_the_new_rows_and_no_others_and_does_not_empty_the_table_by_mistake()
    {
        await using var warehouse = await Warehouse.StartAsync();
        await warehouse.LoadAsync(TableLoadMode.Replace, [new(1), new(2)]);
        Assert.That(await warehouse.LoadAsync(TableLoadMode.Replace, [new(3)]), Is.EqualTo(new PublishResult(1, 0, 2, 0, "replaced")));
        Assert.That(async () => await warehouse.LoadAsync(TableLoadMode.Replace, []), Throws.TypeOf<EtlException>().With.Property("Code").EqualTo("ETL4674"));
        Assert.That(await warehouse.Behind.TextAsync("SELECT string_agg(id::text, ',') FROM orders"), Is.EqualTo("3"));
    }

    [Test]
    public async Task A_full_refresh_replaces_in_one_step_whatever_the_mode()
    {
        await using var warehouse = await Warehouse.StartAsync();
        await warehouse.LoadAsync(TableLoadMode.Upsert, [new(1), new(2)]);
        await warehouse.LoadAsync(TableLoadMode.Upsert, [new(2, "paid")], fullRefresh: true);
        Assert.That(await warehouse.Behind.TextAsync("SELECT string_agg(id || status, ',') FROM orders"), Is.EqualTo("2paid"));
    }

    [Test]
    public async Task The_plan_shows_a_table_with_lengths_in_bytes_super_and_the_layout()
    {
        await using var warehouse = await Warehouse.StartAsync();
        var plan = warehouse.Loader(TableLoadMode.Upsert, new RedshiftTableLayout { Distkey = "id", Sortkey = ["day"], Varchar = new Dictionary<string, int> { ["status"] = 8 }, Super = ["note"] }).Describe(Order.Schema);
        Assert.That(plan.Statements[0], Is.EqualTo(
            "CREATE TABLE \"public\".\"orders\" (\"id\" bigint NOT NULL, \"status\" varchar(8), \"note\" super, \"amount\" decimal(12,2), \"rank\" smallint, \"made_at\" timestamptz, \"day\" date, \"paid\" boolean, "
            + "\"weight\" double precision, PRIMARY KEY (\"id\")) DISTSTYLE KEY DISTKEY (\"id\") COMPOUND SORTKEY (\"day\")"));
        Assert.That(plan.Conversions.Single(c => c.Column == "note").Verdict, Is.EqualTo(ConversionVerdict.Lossy));
        foreach (var statement in plan.Statements.Take(1))
        {
            Assert.That(async () => await warehouse.RunAsync(statement), Throws.Nothing);
        }
    }

    [Test]
    public async Task Json_is_parsed_into_super_and_equal_json_is_an_equal_row()
    {
        await using var warehouse = await Warehouse.StartAsync();
        var loader = warehouse.Loader(TableLoadMode.Upsert, new RedshiftTableLayout { Super = ["note"] });
        await warehouse.LoadAsync(TableLoadMode.Upsert, [new(1, Note: "{\"a\": [1, 2]}"), new(2)], loader: loader);
        Assert.That(await warehouse.RunAsync("SELECT json_serialize(note) FROM orders WHERE id = 1"), Is.EqualTo("{\"a\": [1, 2]}"));
        Assert.That((await warehouse.LoadAsync(TableLoadMode.Upsert, [new(1, Note: "{\"a\":[1,2]}"), new(2)], loader: loader)).Unchanged, Is.EqualTo(2));
    }

    [Test]
    public async Task A_text_that_is_too_long_in_bytes_is_refused_by_itself_and_the_others_are_loaded()
    {
        await using var warehouse = await Warehouse.StartAsync();
        var loader = warehouse.Loader(TableLoadMode.Append, new RedshiftTableLayout { Varchar = new Dictionary<string, int> { ["status"] = 4 } });
        var request = Steps.Request(Order.Schema);
        var refused = new List<string>();
        await using (var load = (IRefusingLoadSession)await loader.OpenAsync(request, CancellationToken.None))
        {
            await load.StageAsync(Order.Batch(Order.Schema, new(1, "éé"), new(2, "ééé"), new(3, "abcd")), (_, row, reason, _) => { refused.Add($"{row}: {reason}"); return default; }, CancellationToken.None);
            await load.PublishAsync(Steps.Next(load, request), CancellationToken.None);
        }

        Assert.That(refused, Is.EqualTo(new[] { "1: a text of 6 bytes is longer than its column's 4 (column status)" }));
        Assert.That(await warehouse.Behind.TextAsync("SELECT string_agg(id::text, ',') FROM orders"), Is.EqualTo("1,3"));
    }

    [Test]
    public async Task A_declared_length_that_grew_lengthens_the_column()
    {
        await using var warehouse = await Warehouse.StartAsync();
        RedshiftTableLoader Loader(int bytes) => warehouse.Loader(TableLoadMode.Append, new RedshiftTableLayout { Varchar = new Dictionary<string, int> { ["status"] = bytes } });
        await warehouse.LoadAsync(TableLoadMode.Append, [new(1, "abc")], loader: Loader(3));
        await warehouse.LoadAsync(TableLoadMode.Append, [new(2, "abcdef")], loader: Loader(6));
        Assert.That(await warehouse.Behind.TextAsync("SELECT string_agg(status, ',' ORDER BY id) FROM orders"), Is.EqualTo("abc,abcdef"));
    }

    [Test]
    public async Task A_live_column_that_cannot_hold_the_values_is_refused_before_anything_is_written()
    {
        await using var warehouse = await Warehouse.StartAsync();
        await warehouse.RunAsync("CREATE TABLE orders (id integer, status varchar(5), amount decimal(8,2))");
        Assert.That(
            async () => await warehouse.LoadAsync(TableLoadMode.Append, [new(1)]),
            Throws.TypeOf<EtlException>().With.Property("Code").EqualTo("ETL4673").And.Message.Contains("column 'id' is integer").And.Message.Contains("column 'amount' is numeric(8,2)"));
    }

    [Test]
    public async Task Keys_are_counted_as_nobody_enforces_them()
    {
        await using var warehouse = await Warehouse.StartAsync();
        Assert.That(async () => await warehouse.LoadAsync(TableLoadMode.Upsert, [new(1), new(1, "paid")]), Throws.TypeOf<EtlException>().With.Property("Code").EqualTo("ETL4675"));
        await warehouse.LoadAsync(TableLoadMode.Upsert, [new(1)]);
        await warehouse.RunAsync("INSERT INTO orders (id, status) SELECT id, 'other' FROM orders");
        Assert.That(async () => await warehouse.LoadAsync(TableLoadMode.Upsert, [new(1, "paid")]), Throws.TypeOf<EtlException>().With.Property("Code").EqualTo("ETL4683"));
        Assert.That(await warehouse.Behind.TextAsync("SELECT string_agg(status, ',' ORDER BY status) FROM orders"), Is.EqualTo("new,other"));
    }

    [Test]
    public async Task Access_keys_go_into_COPY_and_into_no_error()
    {
        await using var warehouse = await Warehouse.StartAsync();
        await using var right = warehouse.Connect(o => o with { IamRole = null, AccessKey = "test-key", SecretKey = "test-secret" });
        await warehouse.LoadAsync(TableLoadMode.Append, [new(1)], loader: warehouse.Loader(TableLoadMode.Append, connection: right));
        await using var wrong = warehouse.Connect(o => o with { IamRole = null, AccessKey = "test-key", SecretKey = "not-the-secret" });
        var error = await Assert.ThrowsAsync<EtlException>(async () => await warehouse.LoadAsync(TableLoadMode.Append, [new(2)], loader: warehouse.Loader(TableLoadMode.Append, connection: wrong)));
        Assert.That(error!.Code, Is.EqualTo("ETL4636"));
        Assert.That(error.ToString(), Does.Contain("Access Denied").And.Not.Contain("not-the-secret").And.Not.Contain("test-key"));
        Assert.That(await warehouse.LeftoversAsync(), Is.Empty);
    }
}
