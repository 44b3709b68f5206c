using System.Globalization;

namespace Etl.Benchmarks;

/// <summary>
/// A project of many pipelines, no two alike: each of ten stages, six of them SQL. What a pull request of a large team has checked.
/// </summary>
internal static class ManyPipelines
{
    private const string Contract = """
        apiVersion: v3.0.2
        kind: DataContract
        id: sales
        version: "1.0.0"
        status: active
        schema:
          - name: sales
            physicalName: sales
            logicalType: object
            properties:
              - { name: id, logicalType: integer, required: true, primaryKey: true }
              - { name: customer, logicalType: integer, required: true }
              - { name: status, logicalType: string, required: true }
              - { name: amount, logicalType: number, required: true }
              - { name: sold_on, logicalType: date, required: true }
        """;

    /// <summary>Writes them into an empty folder.</summary>
    public static void Write(string folder, int count)
    {
        Directory.CreateDirectory(folder);
        File.WriteAllText(Path.Combine(folder, "etl.yaml"), "");
        File.WriteAllText(Path.Combine(folder, "connections.yaml"), "connections:\n  files: { type: file, root: data }\n  store: { type: duckdb, path: store.duckdb }\n");
        File.WriteAllText(Path.Combine(folder, "sales.yaml"), Contract);
        for (var i = 0; i < count; i++)
        {
            File.WriteAllText(Path.Combine(folder, string.Create(CultureInfo.InvariantCulture, $"sales_{i:0000}.yaml")), Pipeline(i));
        }
    }

    private static string Pipeline(int i) => string.Create(CultureInfo.InvariantCulture, $$"""
        apiVersion: etl/v1
        pipeline: sales_{{i:0000}}
        stages:
          - { id: sales, extract: csv, connection: files, contract: sales.yaml, with: { path: sales_{{i}}.csv } }
          - { id: tidy, transform: clean, from: sales, with: { trim: [status], lower: [status] } }
          - { id: large, transform: filter, from: tidy, with: { where: "amount >= {{i % 97}} and status <> 'void{{i}}'" } }
          - id: valued
            transform: sql
            from: large
            with: { query: "select id, customer, status, sold_on, amount, cast(amount * {{1 + (i % 13)}} as decimal(18,4)) as value_{{i}} from large where id > {{i}}" }
          - id: dated
            transform: derive
            from: valued
            with: { columns: { month: "date_trunc('month', sold_on)", age_{{i}}: "date_diff('day', sold_on, date '2024-01-{{1 + (i % 28):00}}')" } }
          - id: ranked
            transform: sql
            from: dated
            with: { query: "select *, row_number() over (partition by customer order by sold_on desc, id) as place_{{i}} from dated" }
          - id: newest
            transform: sql
            from: ranked
            with: { query: "with n as (select * from ranked where place_{{i}} <= {{1 + (i % 5)}}) select n.customer, n.month, n.status, sum(n.value_{{i}}) as total, count(*) as sales from n group by all" }
          - id: shares
            transform: sql
            from: newest
            with: { query: "select customer, month, status, sales, total, total / nullif(sum(total) over (partition by month), 0) as share_{{i}} from newest" }
          - id: named
            transform: sql
            from: shares
            with: { query: "select customer, month, upper(status) as status, max(share_{{i}}) as share, sum(sales) as sales, sum(total) as total from shares group by customer, month, upper(status) having count(*) > {{i % 3}}" }
          - { id: stored, load: table, from: named, connection: store, with: { table: sales_{{i}}, mode: replace } }
        """) + "\n";
}
