using NUnit.Framework;

namespace Etl.EndToEnd.Tests;

/// <summary>A join and an aggregate over CSV and a table, into CSV and a table, compared with SQL.</summary>
public sealed class TransformTests
{
    private const string Customers = """
        apiVersion: v3.0.2
        kind: DataContract
        id: small.customers
        version: "1.0.0"
        status: active
        schema:
          - name: customers
            physicalName: customers
            logicalType: object
            properties:
              - { name: name, logicalType: string, required: true, primaryKey: true, primaryKeyPosition: 1 }
              - { name: country, logicalType: string }

        """;

    private const string Pipeline = """
        apiVersion: etl/v1
        pipeline: totals
        stages:
          - { id: orders, extract: table, connection: shop, contract: orders.contract.yaml, with: { table: orders } }
          - { id: customers, extract: csv, connection: files, contract: customers.contract.yaml, with: { path: customers.csv } }
          - { id: customer, transform: deduplicate, from: customers, with: { key: [name] } }
          - { id: known, transform: join, from: [orders, customer], with: { using: [name], on_no_match: dead_letter, columns: [country] } }
          - id: totals
            transform: aggregate
            from: known
            with:
              group_by: [country]
              columns: { orders: "count(*)", total: "cast(sum(amount) as decimal(18,2))", last_day: "max(day)" }
          - { id: table, load: table, from: totals, connection: dwh, with: { table: totals, mode: replace } }
          - { id: csv, load: csv, from: totals, connection: files, with: { path: totals, mode: replace } }
        policies:
          dead_letters: { max_ratio: 1 }
        """;

    [Test]
    public async Task A_join_and_an_aggregate_equal_sql_in_both_targets_and_again_after_a_change()
    {
        using var project = ProjectFolder.With(
            ("etl.yaml", "time_zone: UTC\n"),
            ("connections.yaml", """
                connections:
                  shop: { type: sqlite, path: shop.db }
                  dwh: { type: duckdb, path: dwh.db }
                  files: { type: file, root: files }
                """),
            ("orders.contract.yaml", SmallShop.Contract),
            ("customers.contract.yaml", Customers),
            ("totals.yaml", Pipeline),
            ("files/customers.csv", string.Concat("name,country\n", string.Concat(Enumerable.Range(1, 40).Select(i => $"order {i},{(i % 7 == 0 ? "" : i % 3 == 0 ? "\"Côte d'Ivoire, \"\"CI\"\"\"" : "NL")}\n")))));
        project.Sqlite("shop.db", SmallShop.Start);
        await CheckAsync(project);
        project.Sqlite("shop.db", "delete from orders where id < 12; update orders set amount = amount + 1");
        await CheckAsync(project);
    }

    [Test]
    public async Task A_window_does_not_see_rows_that_a_stage_above_has_left_out()
    {
        using var project = ProjectFolder.With(
            ("etl.yaml", ""),
            ("connections.yaml", "connections:\n  shop: { type: sqlite, path: shop.db }\n  dwh: { type: duckdb, path: dwh.db }\n"),
            ("orders.contract.yaml", SmallShop.Contract),
            ("placed.yaml", """
                apiVersion: etl/v1
                pipeline: placed
                stages:
                  - { id: orders, extract: table, connection: shop, contract: orders.contract.yaml, with: { table: orders } }
                  - { id: kept, transform: filter, from: orders, with: { where: "id = 7" } }
                  - { id: placed, transform: derive, from: kept, with: { columns: { place: "row_number() over (order by id)" } } }
                  - { id: target, load: table, from: placed, connection: dwh, with: { table: orders, mode: replace } }
                """));
        project.Sqlite("shop.db", SmallShop.Start);
        await project.ReportAsync("run", "placed.yaml");
        Assert.That(project.DuckRows("dwh.db", "SELECT id || ' ' || place FROM orders"), Is.EqualTo(["7 1"]));
    }

    private static async Task CheckAsync(ProjectFolder project)
    {
        var report = await project.ReportAsync("run", "totals.yaml");
        // The lookup, written again for SQLite: orders 1 to 40 are known.
        const string country = "case when substr(name, 7) % 7 = 0 then null when substr(name, 7) % 3 = 0 then 'Côte d''Ivoire, \"CI\"' else 'NL' end";
        var expected = project.SqliteRows("shop.db",
            $"select coalesce({country}, '∅') || '|' || count(*) || '|' || printf('%.2f', sum(amount)) || '|' || max(day) from orders where id <= 40 group by {country}");
        const string line = "coalesce(country, '∅') || '|' || orders || '|' || total || '|' || last_day";
        Rows.AreEqual(expected, project.DuckRows("dwh.db", $"SELECT {line} FROM totals"), "table");
        var file = Directory.GetFiles(project.PathOf("files/totals"), "*.csv").Single();
        Rows.AreEqual(expected, project.DuckRows(null, $"SELECT {line} FROM read_csv('{file}', header = true, all_varchar = true)"), "csv");
        Assert.That(report["stages"]!.AsArray().Single(s => s!["stage"]!.GetValue<string>() == "known")!["dead_lettered"]!.GetValue<int>(), Is.EqualTo(20));
    }
}
