using NUnit.Framework;

namespace Etl.EndToEnd.Tests;

/// <summary>
/// A pipeline from a small SQLite table into a table and a lake, with changes of every kind that matters. Under <c>on_excluded: delete</c> the
/// targets equal the good rows of the source, whatever happened on the way: that is what tests of crashes compare with.
/// </summary>
internal static class SmallShop
{
    public const string Contract = """
        apiVersion: v3.0.2
        kind: DataContract
        id: small.orders
        version: "1.0.0"
        status: active
        schema:
          - name: orders
            physicalName: orders
            logicalType: object
            properties:
              - { name: id, logicalType: integer, required: true, primaryKey: true, primaryKeyPosition: 1, customProperties: [{ property: arrowType, value: int64 }] }
              - { name: name, logicalType: string }
              - { name: amount, logicalType: number, physicalType: "decimal(10,2)", logicalTypeOptions: { precision: 10, scale: 2 } }
              - { name: day, logicalType: date, required: true }
              - { name: updated_at, logicalType: timestamp, required: true }
              - { name: deleted_at, logicalType: timestamp }

        """;

    public const string Table = """
        create table orders (id integer primary key, name text, amount decimal(10,2), day date not null, updated_at timestamptz not null, deleted_at timestamptz);
        """;

    /// <summary>Orders 1 to 60 on six days; every tenth is bad.</summary>
    public const string Start = Table + """
        with recursive n(i) as (select 1 union all select i + 1 from n where i < 60)
        insert into orders
        select i, 'order ' || i, case when i % 10 = 0 then -i else i * 1.25 end, date('2026-03-01', (i % 6) || ' days'),
            strftime('%Y-%m-%dT%H:%M:%SZ', 1772323200 + i, 'unixepoch'), null from n;
        """;

    /// <summary>One change of each kind; all are later than any before.</summary>
    public static string Change(int number) => $"""
        update orders set amount = amount + 0.5, updated_at = '2026-04-{number:00}T08:00:00Z' where id in ({number}, {number} + 20);
        update orders set name = null, updated_at = '2026-04-{number:00}T08:00:00Z' where id = {number} + 25;
        update orders set deleted_at = '2026-04-{number:00}T08:01:00Z', updated_at = '2026-04-{number:00}T08:01:00Z' where id in (50 + {number}, 10 * {number});
        update orders set day = date(day, '1 day'), updated_at = '2026-04-{number:00}T08:02:00Z' where id = 30 + {number};
        update orders set amount = -1, updated_at = '2026-04-{number:00}T08:03:00Z' where id = 40 + {number};
        update orders set amount = 7.77, updated_at = '2026-04-{number:00}T08:04:00Z' where id = 40 + {number} - 1 or id = 50 + 10 * ({number} % 2);
        insert into orders values (100 + {number}, 'new', 3.10, '2026-03-2{number % 10}', '2026-04-{number:00}T08:05:00Z', null),
            (200 + {number}, 'new and bad', 0, '2026-03-02', '2026-04-{number:00}T08:05:00Z', null);
        """;

    /// <summary>The pipeline; <paramref name="onExcluded"/> is keep or delete.</summary>
    public static string Pipeline(string onExcluded = "delete") => $$"""
        apiVersion: etl/v1
        pipeline: orders
        stages:
          - id: orders
            extract: table
            connection: shop
            contract: orders.contract.yaml
            with:
              table: orders
              incremental: { cursor: updated_at, deleted_when: "deleted_at is not null" }
          - id: checked
            transform: check
            from: orders
            with:
              rules:
                - { name: amount_positive, expect: "amount > 0", on_fail: dead_letter }
          - id: warehouse
            load: table
            from: checked
            connection: dwh
            with: { table: orders, mode: upsert, key: [id], on_excluded: {{onExcluded}} }
          - id: lake
            load: parquet
            from: checked
            connection: lake
            with: { path: "orders/{year}/{month}/{day}/", partition_by: day, mode: upsert, key: [id], on_excluded: {{onExcluded}} }
        policies:
          dead_letters: { connection: lake, path: "refused/", max_ratio: 1 }
        """;

    /// <summary>A warehouse in a file: <c>duckdb</c> or <c>sqlite</c>.</summary>
    public static ProjectFolder Project(string warehouse, string onExcluded = "delete")
    {
        var project = ProjectFolder.With(
            ("etl.yaml", "time_zone: UTC\n"),
            ("connections.yaml", $$"""
                connections:
                  shop: { type: sqlite, path: shop.db }
                  dwh: { type: {{warehouse}}, path: out/{{warehouse}}.db }
                  lake: { type: file, root: lake }
                """),
            ("orders.contract.yaml", Contract),
            ("orders.yaml", Pipeline(onExcluded)));
        project.Sqlite("shop.db", Start);
        return project;
    }

    /// <summary>A row as text, from DuckDB or PostgreSQL.</summary>
    public static string Line { get; } = Rows.Line(
        "cast(id as varchar)", "name", "cast(amount as varchar)", "cast(day as varchar)", "cast(cast(extract(epoch from updated_at) as bigint) as varchar)");

    /// <summary>The same from SQLite.</summary>
    public static string SqliteLine { get; } = Rows.Line("id", "name", "printf('%.2f', amount)", "day", "strftime('%s', updated_at)");

    /// <summary>The good rows of the source.</summary>
    public static List<string> Expected(ProjectFolder project, string good = "amount > 0") =>
        project.SqliteRows("shop.db", $"select {SqliteLine} from orders where {good} and deleted_at is null");

    public static List<string> Warehouse(ProjectFolder project, string warehouse) => warehouse == "duckdb"
        ? project.DuckRows("out/duckdb.db", $"SELECT {Line} FROM orders")
        : project.SqliteRows("out/sqlite.db", $"select {SqliteLine} from orders");

    public static List<string> Lake(ProjectFolder project) => project.DuckRows(null, $"SELECT {Line} FROM {project.LakeTable("lake/orders")}");

    /// <summary>Numbers of the epochs that a target was given, in order.</summary>
    public static List<string> Epochs(ProjectFolder project, string warehouse) => warehouse == "duckdb"
        ? project.DuckRows("out/duckdb.db", "SELECT n FROM _etl.epoch ORDER BY n")
        : project.SqliteRows("out/sqlite.db", "select n from _etl_epoch order by n");

    /// <summary>What is left of loads that did not come to their end.</summary>
    public static List<string> Leftovers(ProjectFolder project, string warehouse) =>
    [
        .. warehouse == "duckdb"
            ? project.DuckRows("out/duckdb.db", "SELECT table_name FROM information_schema.tables WHERE table_schema = '_etl' AND table_name NOT IN ('checkpoint', 'epoch')")
            : project.SqliteRows("out/sqlite.db", "select name from sqlite_schema where name like '\\_etl\\_stage%' escape '\\'"),
        .. Directory.EnumerateFileSystemEntries(project.PathOf(".etl/tmp")).Where(f => Path.GetFileName(f) != ".held"),
    ];

    public static void BothEqualTheSource(ProjectFolder project, string warehouse)
    {
        var expected = Expected(project);
        using (Assert.EnterMultipleScope())
        {
            Rows.AreEqual(expected, Warehouse(project, warehouse), warehouse);
            Rows.AreEqual(expected, Lake(project), "lake");
        }
    }
}
