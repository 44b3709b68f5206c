using System.Text.Json.Nodes;
using NUnit.Framework;

namespace Etl.EndToEnd.Tests;

/// <summary><c>on_drift: evolve</c>: a column that a source gains reaches the targets; what cannot be taken along safely ends the run.</summary>
public sealed partial class EvolutionTests
{
    private const string Gain = "alter table orders add column note text; update orders set note = 'n' || id, updated_at = '2026-05-01T00:00:00Z' where id in (1, 2, 33);";

    private static readonly string[] Told =
    [
        "orders: 'note' (TEXT) is new at the source, and on_drift: evolve: it is read, loaded by warehouse, lake, where rows of earlier runs have NULL in it until --full-refresh. "
        + "Bring it into the contract: etl contract import --connection shop --tables orders",
    ];

    [TestCase("sqlite")]
    [TestCase("duckdb")]
    public async Task A_gained_column_is_added_to_table_and_lake_with_its_values(string warehouse)
    {
        using var project = Project(warehouse);
        Assert.That(Warnings(await project.ReportAsync("run", "orders.yaml")), Is.Empty);
        project.Sqlite("shop.db", Gain);
        var online = await project.RunAsync("plan", "orders.yaml", "--online");
        Assert.That((online.ExitCode, online.Out.Contains("warns     ETL3141 'note' is new (TEXT); it is read, and added to targets\n", StringComparison.Ordinal)), Is.EqualTo((0, true)), online.ToString());

        var report = await project.ReportAsync("run", "orders.yaml");
        Assert.That(Warnings(report), Is.EqualTo(Told));
        string[] notes = ["1 n1", "2 n2", "33 n33"];
        Notes(project, warehouse, notes);
        var again = await project.ReportAsync("run", "orders.yaml");
        Assert.That((again["status"]!.GetValue<string>(), string.Join('\n', Warnings(again))), Is.EqualTo(("nothing_new", Told[0])));

        // In the contract it is a column like any other, and the targets go on as they are.
        project.Replace("orders.contract.yaml", "- { name: deleted_at, logicalType: timestamp }", "- { name: deleted_at, logicalType: timestamp }\n      - { name: note, logicalType: string }");
        project.Sqlite("shop.db", "update orders set note = 'later', updated_at = '2026-05-02T00:00:00Z' where id = 2");
        Assert.That(Warnings(await project.ReportAsync("run", "orders.yaml")), Is.Empty);
        Notes(project, warehouse, ["1 n1", "2 later", "33 n33"]);
    }

    [TestCase("staged")]
    [TestCase("dead_letters.written")]
    public async Task A_run_that_is_killed_on_its_way_leaves_nothing_and_the_next_one_evolves(string point)
    {
        using var project = Project("sqlite");
        await project.ReportAsync("run", "orders.yaml");
        project.Sqlite("shop.db", Gain);
        var killed = await project.RunAtAsync($"{point}:kill", "run", "orders.yaml");
        Assert.That(killed.ExitCode, Is.EqualTo(CliResult.Killed), killed.ToString());
        Assert.That(project.SqliteRows("out/sqlite.db", "select name from pragma_table_info('orders') where name = 'note'"), Is.Empty);
        await project.ReportAsync("run", "orders.yaml");
        Notes(project, "sqlite", ["1 n1", "2 n2", "33 n33"]);
    }

    [Test]
    public async Task A_stage_that_lists_its_columns_leaves_the_new_one_out_and_an_extract_that_lists_them_does_not_read_it()
    {
        using var project = Project("sqlite");
        project.Sqlite("shop.db", Gain);
        project.Replace("orders.yaml", "- id: checked", "- id: few\n    transform: select\n    from: orders\n    with: { columns: [id, name, amount, day, updated_at, deleted_at] }\n  - id: checked");
        project.Replace("orders.yaml", "from: orders\n    with:\n      rules", "from: few\n    with:\n      rules");
        Assert.That(Warnings(await project.ReportAsync("run", "orders.yaml")), Is.EqualTo(new[]
        {
            "orders: 'note' (TEXT) is new at the source, and on_drift: evolve: it is read, and no load takes it. Bring it into the contract: etl contract import --connection shop --tables orders",
        }));

        project.Replace("orders.yaml", "table: orders\n", "table: orders\n      columns: [id, name, amount, day, updated_at, deleted_at]\n");
        Assert.That(Warnings(await project.ReportAsync("run", "orders.yaml")), Is.EqualTo(new[] { "orders: table 'orders' has columns that its contract does not: 'note'; they are not read" }));
        SmallShop.BothEqualTheSource(project, "sqlite");
    }

    private static IEnumerable<TestCaseData> Unsafe()
    {
        yield return Case("dropped", "alter table orders drop column name");
        yield return Case("renamed", "alter table orders rename column name to title");
        yield return Case("narrowed", "alter table orders drop column day; alter table orders add column day text not null default 'some day'; update orders set updated_at = '2026-05-01T00:00:00Z' where id = 1");
        // In SQL a column goes before an alias of its name.
        yield return Case("name_of_an_alias", "alter table orders add column half integer", p => p.Write("orders.yaml", SmallShop.Pipeline()
            .Replace("table: orders\n      incremental: { cursor: updated_at, deleted_when: \"deleted_at is not null\" }", "table: orders\n      on_drift: evolve", StringComparison.Ordinal)
            .Replace("- id: checked\n    transform: check\n    from: orders", "- id: halved\n    transform: sql\n    from: orders\n    with: { key: [id], query: \"select id, name, amount, day, updated_at, cast(amount / 2 as decimal(12,2)) as half from orders where half > 1\" }\n  - id: checked\n    transform: check\n    from: halved", StringComparison.Ordinal)
            .Replace("on_excluded: delete", "on_excluded: keep", StringComparison.Ordinal)));
        yield return Case("name_of_the_engine", "alter table orders add column _op text");
        yield return Case("not_allowed_in_the_target", Gain, p => p.Replace("orders.yaml", "table: orders, mode: upsert", "table: orders, schema: { add_columns: false }, mode: upsert"));

        static TestCaseData Case(string name, string change, Action<ProjectFolder>? before = null) => new TestCaseData(name, change, before).SetArgDisplayNames(name);
    }

    [TestCaseSource(nameof(Unsafe))]
    public async Task What_cannot_evolve_safely_ends_the_run_with_words_and_publishes_nothing(string name, string change, Action<ProjectFolder>? before)
    {
        using var project = Project("sqlite");
        before?.Invoke(project);
        await project.ReportAsync("run", "orders.yaml");
        project.Sqlite("shop.db", change);
        var plan = await project.RunAsync("plan", "orders.yaml", "--online");
        Assert.That(plan.ExitCode, Is.EqualTo(name == "narrowed" ? 0 : 3), $"told before a run, if it does not take the values to see it: {plan}");
        var run = await project.RunAsync("run", "orders.yaml");
        Assert.That(run.ExitCode, Is.EqualTo(1), run.ToString());
        Golden.Check($"errors/evolve_{name}.txt", string.Join('\n', run.Out.Split('\n').Where(l => l.Contains("ETL", StringComparison.Ordinal))), project);
        Assert.That((SmallShop.Epochs(project, "sqlite").Count, project.LakeVersions("lake/orders")), Is.EqualTo((1, 1)));
    }

    [Test]
    public async Task A_project_says_it_for_all_stages_that_do_not_say_it_themselves()
    {
        using var project = SmallShop.Project("sqlite");
        project.Write("etl.yaml", "time_zone: UTC\non_drift: evolve\n");
        project.Sqlite("shop.db", Gain);
        Assert.That(Warnings(await project.ReportAsync("run", "orders.yaml")), Is.EqualTo(Told));

        project.Replace("orders.yaml", "table: orders\n", "table: orders\n      on_drift: ignore\n");
        Assert.That(Warnings(await project.ReportAsync("run", "orders.yaml", "--full-refresh")), Is.Empty);
        project.Write("etl.yaml", "on_drift: evolved\n");
        var wrong = await project.RunAsync("validate", "orders.yaml");
        Assert.That((wrong.ExitCode, wrong.Out.Contains("etl.yaml:1:11: error ETL2003: 'on_drift' is 'evolved'; it must be one of: warn, fail, ignore, evolve. Did you mean 'evolve'?", StringComparison.Ordinal)), Is.EqualTo((2, true)), wrong.ToString());
    }

    [System.Text.RegularExpressions.GeneratedRegex(", (DATE '[^']*'|NULL::DATE) AS day")]
    private static partial System.Text.RegularExpressions.Regex PartitionValue();

    private static ProjectFolder Project(string warehouse)
    {
        var project = SmallShop.Project(warehouse);
        project.Replace("orders.yaml", "table: orders\n", "table: orders\n      on_drift: evolve\n");
        return project;
    }

    private static string[] Warnings(JsonNode report) => [.. report["warnings"]!.AsArray().Select(w => w!.GetValue<string>())];

    private static void Notes(ProjectFolder project, string warehouse, string[] expected)
    {
        const string Sql = "select id || ' ' || note from {0} where note is not null order by id";
        var table = warehouse == "duckdb"
            ? project.DuckRows("out/duckdb.db", string.Format(null, Sql, "orders"))
            : project.SqliteRows("out/sqlite.db", string.Format(null, Sql, "orders"));
        // Files of before lack the column, as Delta's readers know from the log's schema.
        var lake = PartitionValue().Replace(project.LakeTable("lake/orders"), "").Replace(" UNION ALL ", " UNION ALL BY NAME ", StringComparison.Ordinal);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(table, Is.EqualTo(expected));
            Assert.That(project.DuckRows(null, string.Format(null, Sql, lake)), Is.EqualTo(expected));
            Rows.AreEqual(SmallShop.Expected(project), SmallShop.Warehouse(project, warehouse), warehouse);
            Rows.AreEqual(SmallShop.Expected(project), project.DuckRows(null, $"SELECT {SmallShop.Line} FROM {lake}"), "lake");
        }
    }
}
