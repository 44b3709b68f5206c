namespace Etl.EndToEnd.Tests;

/// <summary>Two pipelines, the second of which reads what the first one loads; nothing of it is ever run.</summary>
internal static class ChainedShop
{
    private const string Connections = """
        connections:
          shop: { type: sqlite, path: shop.db }
          dwh: { type: postgres, host: dwh.example, database: dwh, user: "${DWH_USER}", password: "${DWH_PASSWORD}" }

        """;

    private const string Orders = """
        apiVersion: etl/v1
        pipeline: orders
        params:
          vat: { type: decimal, default: 0.21 }
        stages:
          - id: orders
            extract: table
            connection: shop
            contract: contracts/orders.yaml
            with: { table: orders, incremental: { cursor: updated_at } }
          - id: customers
            extract: table
            connection: shop
            contract: contracts/customers.yaml
            with: { table: customers }
          - id: joined
            transform: join
            from: [orders, customers]
            with: { using: [customer_id], rename: { customer: name }, columns: [customer, country], on_no_match: keep }
          - id: priced
            transform: sql
            from: joined
            with:
              key: [order_id]
              query: |
                select order_id, customer, country, amount, updated_at,
                  round(amount * (1 + $vat), 2) as gross,
                  case when country = 'NL' then 'home' else 'abroad' end as region
                from joined
                where amount is not null
          - id: checked
            transform: check
            from: priced
            with:
              rules:
                - { name: has_key, not_null: [order_id], on_fail: dead_letter }
                - { name: amount_positive, expect: "amount > 0", on_fail: dead_letter }
          - id: warehouse
            load: table
            from: checked
            connection: dwh
            with: { table: sales, mode: upsert, key: [order_id], on_excluded: keep }

        """;

    private const string Totals = """
        apiVersion: etl/v1
        pipeline: totals
        stages:
          - id: sales
            extract: table
            connection: dwh
            contract: contracts/sales.yaml
            with: { table: sales }
          - id: by_country
            transform: aggregate
            from: sales
            with: { group_by: [country], columns: { orders: "count(*)", revenue: "sum(gross)" } }
          - id: report
            load: table
            from: by_country
            connection: dwh
            with: { table: revenue, mode: replace }

        """;

    /// <summary>The project; the contract of the second pipeline says what the first one loads.</summary>
    public static ProjectFolder Project() => ProjectFolder.With(
        ("etl.yaml", "time_zone: UTC\n"),
        ("connections.yaml", Connections),
        ("contracts/orders.yaml", Contract("orders", Column("order_id", "integer", required: true, key: true), Column("customer_id", "integer"), Decimal("amount"), Column("updated_at", "timestamp", required: true))),
        ("contracts/customers.yaml", Contract("customers", Column("customer_id", "integer", required: true, key: true), Column("name", "string"), Column("country", "string"))),
        ("contracts/sales.yaml", Contract("sales", Column("order_id", "integer", required: true, key: true), Column("country", "string"), Decimal("gross"))),
        ("orders.yaml", Orders),
        ("totals.yaml", Totals));

    private static string Contract(string name, params string[] columns) => $"""
        apiVersion: v3.0.2
        kind: DataContract
        id: shop.{name}
        version: "1.0.0"
        status: active
        schema:
          - name: {name}
            physicalName: {name}
            logicalType: object
            properties:
        {string.Join('\n', columns.Select(c => $"      - {c}"))}

        """;

    private static string Column(string name, string type, bool required = false, bool key = false) =>
        $"{{ name: {name}, logicalType: {type}{(required ? ", required: true" : "")}{(key ? ", primaryKey: true, primaryKeyPosition: 1" : "")} }}";

    private static string Decimal(string name) => $"{{ name: {name}, logicalType: number, physicalType: \"decimal(12,2)\", logicalTypeOptions: {{ precision: 12, scale: 2 }} }}";
}
