using System.Diagnostics;
using System.Globalization;
using Npgsql;
using NUnit.Framework;

namespace Etl.EndToEnd.Tests;

/// <summary>The quickstart with PostgreSQL at both ends, on the server of ETL_TEST_POSTGRES or one of its own.</summary>
[Category("Integration")]
[FixtureLifeCycle(LifeCycle.SingleInstance)]
public sealed partial class PostgresTests
{
    private string? _cluster;
    private NpgsqlConnectionStringBuilder _server = [];

    [OneTimeSetUp]
    public async Task StartAsync()
    {
        var given = Environment.GetEnvironmentVariable("ETL_TEST_POSTGRES");
        if (string.IsNullOrEmpty(given))
        {
            _cluster = Directory.CreateTempSubdirectory("etl-postgres-").FullName;
            given = (await ScriptAsync("postgres-up.sh")).Split('\n').Single(l => l.StartsWith("ETL_TEST_POSTGRES=", StringComparison.Ordinal))["ETL_TEST_POSTGRES=".Length..];
        }

        _server = new NpgsqlConnectionStringBuilder(given) { Pooling = false };
    }

    [OneTimeTearDown]
    public async Task StopAsync()
    {
        if (_cluster is not null)
        {
            await ScriptAsync("postgres-down.sh");
        }
    }

    [Test]
    public async Task Both_targets_hold_what_sql_says_after_each_of_three_rounds_of_changes()
    {
        using var project = await ShopAsync("quickstart_rounds");
        var expected = "";
        for (var round = 1; round <= 4; round++)
        {
            if (round > 1)
            {
                await ExecuteAsync("quickstart_rounds", project.Read("change.postgres.sql"));
            }

            var report = await project.ReportAsync("run", "orders.yaml", "--env", "postgres");
            Assert.That(report["loads"]!.AsArray().Select(l => (l!["status"]!.GetValue<string>(), l["epoch"]!.GetValue<int>())), Is.All.EqualTo(("published", round)));
            expected = await AdvanceAsync("quickstart_rounds");
            Rows.AreEqual(await QueryAsync("quickstart_rounds", expected), await QueryAsync("quickstart_rounds", $"select {QuickstartOracle.Line} from warehouse.orders"), $"warehouse, round {round}");
            Rows.AreEqual(await QueryAsync("quickstart_rounds", expected), project.DuckRows(null, $"SELECT {QuickstartOracle.Line} FROM {project.LakeTable("data/lake-postgres/orders")}"), $"lake, round {round}");
        }

        var again = await project.ReportAsync("run", "orders.yaml", "--env", "postgres");
        Assert.That(again["status"]!.GetValue<string>(), Is.EqualTo("nothing_new"));
    }

    [TestCase("postgres.staged", 1, 1)]
    [TestCase("postgres.publish.before_commit", 1, 1)]
    [TestCase("postgres.publish.after_commit", 2, 1)]
    [TestCase("publish.after", 2, 1)]
    public async Task A_run_after_one_that_was_killed_leaves_one_application_of_each_row(string point, int warehouseEpoch, int lakeEpoch)
    {
        var database = "quickstart_" + point.Replace('.', '_');
        using var project = await ShopAsync(database);
        await project.ReportAsync("run", "orders.yaml", "--env", "postgres");
        await AdvanceAsync(database);
        await ExecuteAsync(database, project.Read("change.postgres.sql"));
        var killed = await project.RunAtAsync($"{point}:kill", "run", "orders.yaml", "--env", "postgres");
        Assert.That(killed.ExitCode, Is.EqualTo(CliResult.Killed), killed.ToString());
        Assert.That(await QueryAsync(database, "select max(n)::text from _etl.epoch"), Is.EqualTo(new[] { warehouseEpoch.ToString(CultureInfo.InvariantCulture) }));
        Assert.That(project.LakeVersions("data/lake-postgres/orders"), Is.EqualTo(lakeEpoch));

        await project.ReportAsync("run", "orders.yaml", "--env", "postgres");
        var expected = await QueryAsync(database, await AdvanceAsync(database));
        Rows.AreEqual(expected, await QueryAsync(database, $"select {QuickstartOracle.Line} from warehouse.orders"), "warehouse");
        Rows.AreEqual(expected, project.DuckRows(null, $"SELECT {QuickstartOracle.Line} FROM {project.LakeTable("data/lake-postgres/orders")}"), "lake");
        Assert.That(await QueryAsync(database, "select tablename::text from pg_tables where schemaname = '_etl' and tablename not in ('checkpoint', 'epoch')"), Is.Empty, "no staging table is left");
    }

    [TestCase("postgres.publish.before_commit", 1)]
    [TestCase("postgres.publish.after_commit", 2)]
    public async Task A_replay_after_one_that_was_killed_leaves_what_a_full_refresh_would(string point, int epoch)
    {
        var database = "quickstart_replay_" + epoch;
        using var project = await ShopAsync(database);
        await project.ReportAsync("run", "orders.yaml", "--env", "postgres");
        var before = await QueryAsync(database, $"select {QuickstartOracle.Line} from warehouse.orders");
        project.Replace("orders.yaml", "amount > 0", "amount is not null");
        var killed = await project.RunAtAsync($"{point}:kill", "dead-letters", "replay", "orders.yaml", "--env", "postgres", "--rule", "amount_positive");
        Assert.That(killed.ExitCode, Is.EqualTo(CliResult.Killed), killed.ToString());
        Assert.That(await QueryAsync(database, "select max(n)::text from _etl.epoch"), Is.EqualTo(new[] { epoch.ToString(CultureInfo.InvariantCulture) }));
        await project.ReportAsync("dead-letters", "replay", "orders.yaml", "--env", "postgres", "--rule", "amount_positive");

        var warehouse = await QueryAsync(database, $"select {QuickstartOracle.Line} from warehouse.orders");
        var lake = project.DuckRows(null, $"SELECT {QuickstartOracle.Line} FROM {project.LakeTable("data/lake-postgres/orders")}");
        Assert.That(warehouse, Has.Count.GreaterThan(before.Count));
        Rows.AreEqual(warehouse, lake, "lake");
        await project.ReportAsync("run", "orders.yaml", "--env", "postgres", "--full-refresh");
        Rows.AreEqual(await QueryAsync(database, $"select {QuickstartOracle.Line} from warehouse.orders"), warehouse, "warehouse");
    }

    [Test]
    public async Task An_append_gets_each_row_once_though_an_older_transaction_ends_late_and_the_report_warns_of_a_missing_index()
    {
        const string Database = "late_commit";
        using var project = await ShopAsync(Database);
        await ExecuteAsync(Database, "create table public.events (id bigint primary key, at timestamptz not null default now())");
        var imported = await project.RunAsync("contract", "import", "--env", "postgres", "--connection", "shop", "--table", "events", "--out", ".");
        Assert.That(imported.ExitCode, Is.Zero, imported.ToString());
        project.Write("events.yaml",
            """
            apiVersion: etl/v1
            pipeline: events
            stages:
              - { id: events, extract: table, connection: shop, contract: shop.events.yaml, with: { table: events, incremental: { cursor: at, exact: window } } }
              - { id: copy, load: table, from: events, connection: shop, with: { table: copied, mode: append } }
            """);
        await using (var late = await OpenAsync(Database))
        {
            await using var transaction = await late.BeginTransactionAsync();
            await using var insert = new NpgsqlCommand("insert into public.events values (1)", late);
            await insert.ExecuteNonQueryAsync();
            await ExecuteAsync(Database, "insert into public.events values (2)");
            var report = await project.ReportAsync("run", "events.yaml", "--env", "postgres");
            Assert.That(report["warnings"]!.AsArray().Select(w => w!.GetValue<string>()), Is.EqualTo(new[]
            {
                "events: exact: window reads the whole of public.events in each run, as no index begins with at: CREATE INDEX CONCURRENTLY ON \"public\".\"events\" (\"at\")",
            }));
            var again = await project.ReportAsync("run", "events.yaml", "--env", "postgres");
            Assert.That(again["status"]!.GetValue<string>(), Is.EqualTo("nothing_new"));
            await transaction.CommitAsync();
        }

        await project.ReportAsync("run", "events.yaml", "--env", "postgres");
        Assert.That(await QueryAsync(Database, "select id::text from public.copied order by id"), Is.EqualTo(new[] { "1", "2" }));
    }

    [Test]
    public async Task Rows_that_the_warehouse_refuses_are_dead_letters_and_all_others_are_loaded_once()
    {
        await ExecuteAsync(_server.Database!, "create database refusals");
        await ExecuteAsync("refusals", "create table people (id bigint primary key, name varchar(20) not null, age bigint check (age > 0))");
        using var project = People.Project("""{ type: postgres, host: "${PGHOST}", port: "${PGPORT}", user: "${PGUSER}", password: "${PGPASSWORD}", database: refusals }""");
        SetServer(project);
        await People.LoadedOnceAsync(project, [
            "a check constraint does not hold (constraint name character varying(20)), SQLSTATE 23514",
            "a check constraint does not hold (constraint name not null), SQLSTATE 23514",
            "a check constraint does not hold (constraint people_age_check), SQLSTATE 23514"]);
        Assert.That(await QueryAsync("refusals", "select count(*) || ' ' || sum(id) || ' ' || count(distinct id) from people"), Is.EqualTo(new[] { People.Good }));
    }

    [Test]
    public async Task Reconciling_while_others_write_deletes_no_row_that_lives_and_ends_with_what_the_source_has()
    {
        const string Database = "reconciled";
        using var project = await ShopAsync(Database);
        await ExecuteAsync(Database, "create table public.items (id bigint primary key, v int not null, at timestamptz not null default now()); create index on public.items (at); insert into public.items select g, 0 from generate_series(1, 2000) g");
        var imported = await project.RunAsync("contract", "import", "--env", "postgres", "--connection", "shop", "--table", "items", "--out", ".");
        Assert.That(imported.ExitCode, Is.Zero, imported.ToString());
        project.Write("items.yaml",
            """
            apiVersion: etl/v1
            pipeline: items
            stages:
              - { id: items, extract: table, connection: shop, contract: shop.items.yaml, with: { table: items, incremental: { cursor: at, exact: window, late_window: 2s } } }
              - { id: copy, load: table, from: items, connection: shop, with: { table: copied, mode: upsert, key: [id] } }
            """);
        await project.ReportAsync("run", "items.yaml", "--env", "postgres");

        // Odd rows may be deleted without a trace, even ones live for ever; some rows are older than the window when they come, or change behind the cursor.
        const string Same = "select count(*)::text from (select * from public.items except select * from public.copied) d union all select count(*)::text from (select * from public.copied except select * from public.items) e";
        const string Living = "select count(*)::text from public.copied where id % 2 = 0";
        using var stop = new CancellationTokenSource();
        var writers = Enumerable.Range(0, 4).Select(w => Task.Run(() => WriteItemsAsync(Database, w, stop.Token))).ToList();
        var living = 0L;
        for (var round = 0; round < 2; round++)
        {
            foreach (var command in (string[][])[["run"], ["reconcile", "--repair"]])
            {
                await project.ReportAsync([command[0], "items.yaml", "--env", "postgres", .. command[1..]]);
                var now = long.Parse((await QueryAsync(Database, Living)).Single(), CultureInfo.InvariantCulture);
                Assert.That(now, Is.GreaterThanOrEqualTo(living), $"{command[0]}, round {round}: a row that lives is not deleted");
                living = now;
            }
        }

        await stop.CancelAsync();
        await Task.WhenAll(writers);
        await project.ReportAsync("run", "items.yaml", "--env", "postgres");
        Assert.That(await QueryAsync(Database, Same), Has.Some.Not.EqualTo("0"), "the control: increments alone do not see it all");
        var compared = await project.RunAsync("reconcile", "items.yaml", "--env", "postgres");
        Assert.That(compared.ExitCode, Is.EqualTo(3), compared.ToString());
        await project.ReportAsync("reconcile", "items.yaml", "--env", "postgres", "--repair");
        Assert.That(await QueryAsync(Database, Same), Is.EqualTo(new[] { "0", "0" }));
        Assert.That((await project.RunAsync("reconcile", "items.yaml", "--env", "postgres")).ExitCode, Is.Zero);
        Assert.That(await QueryAsync(Database, "select tablename::text from pg_tables where schemaname = '_etl' and tablename not in ('checkpoint', 'epoch')"), Is.Empty, "no staging table is left");

        await ExecuteAsync(Database, "delete from public.items");
        var emptied = await project.RunAsync("reconcile", "items.yaml", "--env", "postgres", "--repair");
        Assert.That((emptied.ExitCode, emptied.Out.Contains("ETL4474", StringComparison.Ordinal)), Is.EqualTo((1, true)), emptied.ToString());
    }

    [Test]
    public async Task A_row_that_is_held_back_for_a_late_transaction_is_not_taken_for_a_deleted_one()
    {
        const string Database = "reconciled_view";
        using var project = await ShopAsync(Database);
        await ExecuteAsync(Database, "create table public.t (id bigint primary key, v int not null, at timestamptz not null default now()); insert into public.t select g, 0 from generate_series(1, 3) g; create view public.items as select * from public.t");
        project.Write("shop.items.yaml",
            """
            apiVersion: v3.0.2
            kind: DataContract
            id: shop.items
            version: "1.0.0"
            status: active
            schema:
              - name: items
                logicalType: object
                properties:
                  - { name: id, logicalType: integer, required: true, primaryKey: true, primaryKeyPosition: 1, customProperties: [{ property: arrowType, value: int64 }] }
                  - { name: v, logicalType: integer, customProperties: [{ property: arrowType, value: int32 }] }
                  - { name: at, logicalType: timestamp }
            """);
        project.Write("items.yaml",
            """
            apiVersion: etl/v1
            pipeline: items
            stages:
              - { id: items, extract: table, connection: shop, contract: shop.items.yaml, with: { table: items, incremental: { cursor: at, key: [id], exact: hold_back } } }
              - { id: copy, load: table, from: items, connection: shop, with: { table: copied, mode: upsert, key: [id] } }
            """);
        await Task.Delay(1500);
        await project.ReportAsync("run", "items.yaml", "--env", "postgres");
        Assert.That(await QueryAsync(Database, "select count(*)::text from public.copied"), Is.EqualTo(new[] { "3" }));

        await using var late = await OpenAsync(Database);
        await using var transaction = await late.BeginTransactionAsync();
        await using var insert = new NpgsqlCommand("insert into public.t values (4, 0)", late);
        await insert.ExecuteNonQueryAsync();
        await ExecuteAsync(Database, "update public.t set v = 1, at = now() where id = 1; delete from public.t where id = 2");
        var load = (await project.ReportAsync("reconcile", "items.yaml", "--env", "postgres", "--repair"))["loads"]![0]!;
        Assert.That((load["inserted"]!.GetValue<int>(), load["updated"]!.GetValue<int>(), load["deleted"]!.GetValue<int>()), Is.EqualTo((0, 1, 1)));
        await transaction.CommitAsync();
        await Task.Delay(1500);
        await project.ReportAsync("run", "items.yaml", "--env", "postgres");
        Assert.That(await QueryAsync(Database, "select id || ' ' || v from public.copied order by id"), Is.EqualTo(new[] { "1 1", "3 0", "4 0" }));
    }

    private async Task WriteItemsAsync(string database, int writer, CancellationToken stop)
    {
        var random = new Random(writer);
        await using var session = await OpenAsync(database);
        for (var n = 0; !stop.IsCancellationRequested; n++)
        {
            var id = 10_000 + (((n * 4) + writer) * 2);
            await using var begin = new NpgsqlCommand(
                $"""
                begin;
                insert into public.items values ({id}, 0, now()), ({id + 1}, 0, now() - interval '1 day');
                update public.items set v = v + 1 where id = {(random.Next(100) * 16) + (writer * 4) + 16};
                update public.items set v = v + 1, at = now() where id = {(random.Next(100) * 16) + (writer * 4) + 2};
                delete from public.items where id % 8 = {1 + (2 * writer)} and id between {random.Next(2000)} and {random.Next(2000)};
                """, session);
            await begin.ExecuteNonQueryAsync(CancellationToken.None);
            await Task.Delay(random.Next(300), CancellationToken.None);
            await using var end = new NpgsqlCommand(random.Next(8) == 0 ? "rollback" : "commit", session);
            await end.ExecuteNonQueryAsync(CancellationToken.None);
        }
    }

    [Test]
    public async Task A_wrong_password_is_told_without_the_password()
    {
        using var project = await ShopAsync("quickstart_password");
        project.Environment["PGPASSWORD"] = "hunter2-secret";
        var result = await project.RunAsync("run", "orders.yaml", "--env", "postgres");
        using (Assert.EnterMultipleScope())
        {
            Assert.That(result.ExitCode, Is.EqualTo(1), result.ToString());
            Assert.That(result.Out, Does.Contain("ETL44").And.Contain("in stage").And.Contain("password"));
            Assert.That(result.Out + result.Error, Does.Not.Contain("hunter2-secret").And.Not.Contain("   at "));
        }
    }

    // An oracle in SQL of its own: what is new since the last round (the source keeps no version of a row but the last), one row for each reference.
    private async Task<string> AdvanceAsync(string database)
    {
        await ExecuteAsync(database,
            $"""
            create schema if not exists oracle;
            create table if not exists oracle.seen (order_id bigint primary key, row text not null);
            create table if not exists oracle.target (external_ref text primary key, line text not null);
            create temp table judged as
            select *, case
                when deleted_at is not null then 'deleted'
                when amount is null or amount <= 0 or status is null or status not in ('new', 'paid', 'sent', 'cancelled') or currency not in ('EUR', 'USD', 'GBP') then 'refused'
                else 'passed' end as fate
            from (
                select order_id, external_ref, customer_id, nullif(lower(trim(email)), '') as email, nullif(lower(trim(status)), '') as status,
                    coalesce(nullif(upper(trim(currency)), ''), 'EUR') as currency, amount, nullif(note, '') as note, created_at, updated_at, deleted_at,
                    round(amount * 1.21, 2) as gross, (created_at at time zone 'UTC')::date as order_date,
                    row_number() over (partition by external_ref order by updated_at desc, order_id desc) as place
                from public.orders as o where not exists (select 1 from oracle.seen as s where s.order_id = o.order_id and s.row = o::text)) as fresh
            where place = 1;
            insert into oracle.seen select order_id, o::text from public.orders as o on conflict (order_id) do update set row = excluded.row;
            delete from oracle.target where external_ref in (select external_ref from judged where fate = 'deleted');
            insert into oracle.target select external_ref, {QuickstartOracle.Line} from judged where fate = 'passed'
            on conflict (external_ref) do update set line = excluded.line;
            """);
        return "select line from oracle.target";
    }

    private async Task<ProjectFolder> ShopAsync(string database)
    {
        await ExecuteAsync(_server.Database!, $"create database {database}");
        var project = ProjectFolder.Quickstart();
        await ExecuteAsync(database, project.Read("shop.postgres.sql"));
        SetServer(project);
        project.Environment["PGDATABASE"] = database;
        return project;
    }

    private void SetServer(ProjectFolder project)
    {
        project.Environment["PGHOST"] = _server.Host!;
        project.Environment["PGPORT"] = _server.Port.ToString(CultureInfo.InvariantCulture);
        project.Environment["PGUSER"] = _server.Username!;
        project.Environment["PGPASSWORD"] = _server.Password ?? "";
    }

    private async Task ExecuteAsync(string database, string sql)
    {
        await using var connection = await OpenAsync(database);
        await using var command = new NpgsqlCommand(sql, connection) { CommandTimeout = 300 };
        await command.ExecuteNonQueryAsync();
    }

    private async Task<List<string>> QueryAsync(string database, string sql)
    {
        await using var connection = await OpenAsync(database);
        await using var command = new NpgsqlCommand(sql, connection) { CommandTimeout = 300 };
        await using var reader = await command.ExecuteReaderAsync();
        var rows = new List<string>();
        while (await reader.ReadAsync())
        {
            rows.Add(reader.GetString(0));
        }

        return rows;
    }

    private async Task<NpgsqlConnection> OpenAsync(string database)
    {
        var connection = new NpgsqlConnection(new NpgsqlConnectionStringBuilder(_server.ConnectionString) { Database = database, Options = "-c TimeZone=UTC" }.ConnectionString);
        await connection.OpenAsync();
        return connection;
    }

    private async Task<string> ScriptAsync(string name)
    {
        // To a file: the server inherits the script's output and would keep a pipe open for ever.
        var output = $"{_cluster}.{name}.out";
        using var script = Process.Start(new ProcessStartInfo("bash", ["-c", "\"$0\" \"$1\" > \"$2\" 2>&1", Path.Combine(ShippedCli.Repository, "tools", name), _cluster!, output]))!;
        await script.WaitForExitAsync();
        var text = await File.ReadAllTextAsync(output);
        File.Delete(output);
        return script.ExitCode == 0 ? text : throw new InvalidOperationException($"{name} failed: {text}");
    }
}
