using NUnit.Framework;

namespace Etl.EndToEnd.Tests;

/// <summary>
/// The targets of <c>etl test</c> are models. Here the same rows go through the same pipeline twice, for real and as a test, and the test expects
/// what the real targets hold after each run.
/// </summary>
public sealed class TargetModelTests
{
    private const string Incremental = "incremental: { cursor: updated_at }";
    private const string WithDeletions = "incremental: { cursor: updated_at, deleted_when: \"deleted_at is not null\" }";

    private sealed record Order(int Id, string? Name, string Amount, string Day, string UpdatedAt, bool Deleted = false)
    {
        public string Sql => $"({Id}, {(Name is null ? "null" : $"'{Name}'")}, {Amount}, '{Day}', '{UpdatedAt}', {(Deleted ? $"'{UpdatedAt}'" : "null")})";

        public string Yaml(bool withOp) =>
            $"{{ id: {Id}, name: {Name ?? "null"}, amount: {Amount}, day: {Day}, updated_at: {UpdatedAt}, deleted_at: {(Deleted ? UpdatedAt : "null")}{(Deleted && withOp ? ", _op: delete" : "")} }}";
    }

    private static readonly Order[] First =
    [
        new(1, "a", "1.50", "2026-03-01", "2026-03-01T08:00:00Z"),
        new(2, null, "2.25", "2026-03-01", "2026-03-01T08:00:01Z"),
        new(3, "c", "-3.00", "2026-03-02", "2026-03-01T08:00:02Z"),
        new(4, "d", "4.00", "2026-03-02", "2026-03-01T08:00:03Z"),
        new(5, "e", "5.00", "2026-03-03", "2026-03-01T08:00:04Z"),
    ];

    // Another value, another day, a deletion, one that is good now and one that is bad now, a new one.
    private static readonly Order[] Second =
    [
        new(1, "aa", "1.50", "2026-03-01", "2026-03-02T08:00:00Z"),
        new(2, null, "2.25", "2026-03-04", "2026-03-02T08:00:01Z"),
        new(3, "c", "3.00", "2026-03-02", "2026-03-02T08:00:02Z"),
        new(4, "d", "-4.00", "2026-03-02", "2026-03-02T08:00:03Z"),
        new(5, "e", "5.00", "2026-03-03", "2026-03-02T08:00:04Z", Deleted: true),
        new(6, "f", "6.00", "2026-03-05", "2026-03-02T08:00:05Z"),
    ];

    [TestCase("table", "mode: append", Incremental)]
    [TestCase("table", "mode: upsert, key: [id], on_excluded: keep", WithDeletions)]
    [TestCase("table", "mode: upsert, key: [id], on_excluded: delete", WithDeletions)]
    [TestCase("table", "mode: replace", "")]
    [TestCase("parquet", "mode: replace_partitions, partition_by: day", "")]
    [TestCase("parquet", "mode: replace_partitions, partition_by: $run_date", "")]
    [TestCase("parquet", "mode: changes", WithDeletions)]
    public async Task A_model_holds_what_the_real_target_holds(string load, string with, string reads)
    {
        using var project = Project(load, with, reads);
        var target = await RealAsync(project, load, First);
        var then = await RealAsync(project, load, Second);
        Assert.That((target.Count, then.Count), Is.Not.EqualTo((0, 0)));

        var incremental = reads.Length > 0;
        var pipeline = project.Read("orders.yaml");
        var test = $"""
            tests:
              - name: as in reality
                given: {Rows("orders", First.Select(o => o.Yaml(reads == WithDeletions)))}
                expect: {Rows("target", target)}
                then:
                  given: {Rows("orders", (incremental ? Second : Second.Concat(First.Where(f => Second.All(s => s.Id != f.Id)))).Select(o => o.Yaml(reads == WithDeletions)))}
                  expect: {Rows("target", then)}
            """;
        project.Write("orders.yaml", pipeline + test);
        var tested = await project.RunAsync("test");
        Assert.That(tested.ExitCode, Is.Zero, $"{tested}\n{test}");
    }

    private static string Rows(string stage, IEnumerable<string> rows) => $"{{ {stage}: [{string.Join(", ", rows)}] }}";

    // The rows of the target after a run, as a test writes them.
    private static async Task<List<string>> RealAsync(ProjectFolder project, string load, IEnumerable<Order> orders)
    {
        project.Sqlite("shop.db", $"insert or replace into orders values {string.Join(", ", orders.Select(o => o.Sql))}");
        await project.ReportAsync("run", "orders.yaml");
        const string Columns = "id || ', name: ' || coalesce(name, 'null') || ', amount: ' || amount || ', day: ' || day || ', updated_at: ' || strftime(updated_at AT TIME ZONE 'UTC', '%Y-%m-%dT%H:%M:%SZ')";
        var changes = project.Read("orders.yaml").Contains("mode: changes", StringComparison.Ordinal) ? " || ', _op: ' || _op || ', _etl_epoch: ' || _etl_epoch" : "";
        return project.DuckRows(load == "table" ? "dwh.db" : null, $"SELECT '{{ id: ' || {Columns}{changes} || ' }}' FROM {(load == "table" ? "orders" : project.LakeTable("lake/orders"))}");
    }

    private static ProjectFolder Project(string load, string with, string reads)
    {
        var project = ProjectFolder.With(
            ("etl.yaml", "time_zone: UTC\n"),
            ("connections.yaml", """
                connections:
                  shop: { type: sqlite, path: shop.db }
                  dwh: { type: duckdb, path: dwh.db }
                  lake: { type: file, root: lake }
                """),
            ("orders.contract.yaml", SmallShop.Contract),
            ("orders.yaml", $$"""
                apiVersion: etl/v1
                pipeline: orders
                stages:
                  - id: orders
                    extract: table
                    connection: shop
                    contract: orders.contract.yaml
                    with: { table: orders{{(reads.Length > 0 ? ", " + reads : "")}} }
                  - id: checked
                    transform: check
                    from: orders
                    with:
                      rules:
                        - { name: amount_positive, expect: "amount > 0", on_fail: exclude }
                  - id: target
                    load: {{load}}
                    from: checked
                    connection: {{(load == "table" ? "dwh" : "lake")}}
                    with: { {{(load == "table" ? "table: orders" : "path: orders/")}}, {{with}} }

                """));
        project.Sqlite("shop.db", SmallShop.Table);
        return project;
    }
}
