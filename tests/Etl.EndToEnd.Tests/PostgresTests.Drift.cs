using NUnit.Framework;

namespace Etl.EndToEnd.Tests;

/// <summary>PostgreSQL's tables as they are, against what is declared.</summary>
public sealed partial class PostgresTests
{
    [Test]
    public async Task A_plan_tells_how_source_and_target_differ_from_what_is_declared_and_a_run_does_what_it_says()
    {
        const string Database = "drifting";
        using var project = await ItemsAsync(Database, "warn");
        await project.ReportAsync("run", "items.yaml", "--env", "postgres");
        await ExecuteAsync(Database, """
            alter table public.items rename column name to title;
            alter table public.items alter amount type numeric(14,3);
            alter table public.items alter size type smallint;
            alter table public.items alter day drop not null;
            alter table public.items add column note text;
            alter table public.items drop constraint items_pkey;
            alter table public.copied drop column size;
            alter table public.copied alter amount type numeric(5,2);
            """);
        var plan = await project.RunAsync("plan", "items.yaml", "--env", "postgres", "--online");
        Assert.That(plan.ExitCode, Is.EqualTo(3), plan.ToString());
        var port = _server.Port.ToString(System.Globalization.CultureInfo.InvariantCulture);
        Golden.Check("commands/online_postgres.txt", plan.Out[plan.Out.IndexOf("source ", StringComparison.Ordinal)..].Replace($"{_server.Host}:{port}", "SERVER", StringComparison.Ordinal), project);
        var run = await project.RunAsync("run", "items.yaml", "--env", "postgres");
        Assert.That((run.ExitCode, run.Out.Contains("column 'name' is not there; column 'amount' is numeric(14,3), the contract says numeric(12,2); column 'day' can be NULL", StringComparison.Ordinal)), Is.EqualTo((1, true)), run.ToString());
    }

    [Test]
    public async Task A_column_that_the_source_gains_is_added_to_the_target_in_the_publish()
    {
        const string Database = "evolving";
        using var project = await ItemsAsync(Database, "evolve");
        await project.ReportAsync("run", "items.yaml", "--env", "postgres");
        await ExecuteAsync(Database, """
            alter table public.items add column note text, add column seen timestamptz, add column tags int[] not null default '{1,2}';
            update public.items set note = 'n' || id, seen = '2026-05-01T12:00:00Z' where id > 3;
            """);
        var killed = await ShippedCli.RunAsync(project.Folder, new Dictionary<string, string>(project.Environment) { ["ETL_FAILPOINT"] = "postgres.staged:kill" }, "run", "items.yaml", "--env", "postgres");
        Assert.That(killed.ExitCode, Is.EqualTo(CliResult.Killed), killed.ToString());
        Assert.That(await QueryAsync(Database, "select column_name::text from information_schema.columns where table_schema = 'public' and table_name = 'copied' and column_name in ('note', 'seen', 'tags')"), Is.Empty, "it is added with the rows or not at all");

        var report = await project.ReportAsync("run", "items.yaml", "--env", "postgres");
        Assert.That(report["warnings"]!.AsArray().Select(w => w!.GetValue<string>().Split(", and on_drift")[0]), Is.EqualTo(new[]
        {
            "items: 'note' (text) is new at the source", "items: 'seen' (timestamp with time zone) is new at the source", "items: 'tags' (integer[]) is new at the source",
        }));
        Assert.That(await QueryAsync(Database, "select string_agg(column_name || ' ' || data_type || ' ' || is_nullable, ', ' order by column_name) from information_schema.columns where table_schema = 'public' and table_name = 'copied' and column_name in ('note', 'seen', 'tags')"),
            Is.EqualTo(new[] { "note text YES, seen timestamp with time zone YES, tags ARRAY YES" }));
        Assert.That(await QueryAsync(Database, "select count(*)::text from (select * from public.items except select * from public.copied) d union all select count(*)::text from public.copied"), Is.EqualTo(new[] { "0", "5" }));

        // What is declared may still not go, get another name, or hold more.
        foreach (var (change, back) in ((string, string)[])[
            ("alter table public.items rename column name to title", "alter table public.items rename column title to name"),
            ("alter table public.items alter amount type numeric(14,3)", "alter table public.items alter amount type numeric(12,2)"),
            ("alter table public.items rename column note to remark; alter table public.items add column _etl_x int", "alter table public.items drop column _etl_x")])
        {
            await ExecuteAsync(Database, change);
            var refused = await project.RunAsync("run", "items.yaml", "--env", "postgres");
            Assert.That((refused.ExitCode, refused.Out.Contains("ETL4457", StringComparison.Ordinal) || refused.Out.Contains("ETL4123", StringComparison.Ordinal)), Is.EqualTo((1, true)), refused.ToString());
            await ExecuteAsync(Database, back);
        }
    }

    // A small table with a contract of its own, copied within its database.
    private async Task<ProjectFolder> ItemsAsync(string database, string onDrift)
    {
        var project = await ShopAsync(database);
        await ExecuteAsync(database, "create table public.items (id bigint primary key, name text not null, amount numeric(12,2), size int, day date not null); insert into public.items select g, 'item ' || g, g * 1.25, g, date '2026-01-01' + g from generate_series(1, 5) g");
        var imported = await project.RunAsync("contract", "import", "--env", "postgres", "--connection", "shop", "--table", "items", "--out", ".");
        Assert.That(imported.ExitCode, Is.Zero, imported.ToString());
        project.Write("items.yaml", $$"""
            apiVersion: etl/v1
            pipeline: items
            stages:
              - { id: items, extract: table, connection: shop, contract: shop.items.yaml, with: { table: items, on_drift: {{onDrift}} } }
              - { id: copy, load: table, from: items, connection: shop, with: { table: copied, mode: upsert, key: [id] } }
            """);
        return project;
    }
}
