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
