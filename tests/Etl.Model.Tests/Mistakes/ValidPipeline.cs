using System.Globalization;

namespace Etl.Model.Tests.Mistakes;

/// <summary>
/// A pipeline that is right, made up from a seed: orders, whole or what is new, through a chain of transformers into one or two targets. Each option has a line of its
/// own, so that a mistake has one too.
/// </summary>
internal sealed class ValidPipeline
{
    public const string Connections = """
        connections:
          shop: { type: sqlite, path: shop.db }
          duck: { type: duckdb, path: out/duck.db }
          lite: { type: sqlite, path: out/lite.db }
          files: { type: file, root: out/files }
        """;

    public const string OrdersContract = "orders.contract.yaml";

    public const string LoadedContract = "loaded.contract.yaml";

    private const string Orders = """
        apiVersion: v3.0.2
        kind: DataContract
        id: shop.orders
        version: "1.0.0"
        status: active
        schema:
          - name: orders
            physicalName: orders
            logicalType: object
            properties:
              - { name: id, logicalType: integer, required: true, primaryKey: true, primaryKeyPosition: 1, customProperties: [{ property: arrowType, value: int64 }] }
              - { name: customer_id, logicalType: integer, required: true, customProperties: [{ property: arrowType, value: int64 }] }
              - name: status
                logicalType: string
                required: true
                quality:
                  - { metric: invalidValues, arguments: { validValues: [" New", paid, sent] }, mustBe: 0 }
              - { name: email, logicalType: string }
              - { name: amount, logicalType: number, physicalType: "decimal(10,2)", logicalTypeOptions: { precision: 10, scale: 2 } }
              - name: quantity
                logicalType: integer
                required: true
                customProperties: [{ property: arrowType, value: int64 }]
                quality:
                  - { metric: invalidValues, arguments: { validValues: [0, 1, 2, 3, 4] }, mustBe: 0, severity: warning }
                  - { metric: nullValues, mustBe: 0 }
              - { name: day, logicalType: date, required: true }
              - { name: updated_at, logicalType: timestamp, required: true }
            quality:
              - { name: some, metric: rowCount, mustBeGreaterThan: 3 }
              - { name: apart, metric: duplicateValues, arguments: { properties: [customer_id, id] }, mustBe: 0 }
              - { name: no_debt, type: sql, query: "SELECT count(*) FROM {object} WHERE quantity < 0", mustBe: 0 }
        """;

    // What no chain of transformers takes away.
    private const string Loaded = """
        apiVersion: v3.0.2
        kind: DataContract
        id: target.orders
        version: "1.0.0"
        status: active
        schema:
          - name: orders
            logicalType: object
            properties:
              - { name: id, logicalType: integer, primaryKey: true, customProperties: [{ property: arrowType, value: int64 }] }
              - { name: customer_id, logicalType: integer, customProperties: [{ property: arrowType, value: int64 }] }
              - { name: status, logicalType: string }
              - { name: amount, physicalType: "decimal(12,2)" }
              - { name: quantity, logicalType: integer, customProperties: [{ property: arrowType, value: int64 }] }
              - { name: day, logicalType: date, required: true }
              - { name: updated_at, logicalType: timestamp, required: true }
        """;

    private const string Customers = """
        apiVersion: v3.0.2
        kind: DataContract
        id: shop.customers
        version: "1.0.0"
        status: active
        schema:
          - name: customers
            physicalName: customers
            logicalType: object
            properties:
              - { name: customer_no, logicalType: integer, required: true, primaryKey: true, primaryKeyPosition: 1, customProperties: [{ property: arrowType, value: int64 }] }
              - { name: country, logicalType: string, required: true }
              - { name: seen_at, logicalType: timestamp, required: true }
        """;

    public const string Source = """
        create table orders (id integer primary key, customer_id integer not null, status text not null, email text, amount decimal(10,2), quantity integer not null, day date not null, updated_at timestamptz not null);
        create table customers (customer_no integer primary key, country text not null, seen_at timestamptz not null);
        with recursive n(i) as (select 1 union all select i + 1 from n where i < 80)
        insert into orders select i, i % 9, case i % 3 when 0 then ' New' when 1 then 'paid' else 'sent' end, case when i % 4 > 0 then 'U' || i || '@x.org' end,
            case when i % 7 > 0 then i * 1.25 end, i % 5, date('2026-03-01', (i % 6) || ' days'), strftime('%Y-%m-%dT%H:%M:%SZ', 1772323200 + i, 'unixepoch') from n;
        with recursive n(i) as (select 0 union all select i + 1 from n where i < 6)
        insert into customers select i, 'C' || i, '2026-01-01T00:00:00Z' from n;
        """;

    /// <summary>By file.</summary>
    public static readonly IReadOnlyDictionary<string, string> Contracts = new Dictionary<string, string> { [OrdersContract] = Orders, ["customers.contract.yaml"] = Customers, [LoadedContract] = Loaded };

    private readonly Random _random;
    private readonly List<string> _lines;
    private readonly List<string> _columns = ["id", "customer_id", "status", "email", "amount", "quantity", "day", "updated_at"];
    private string _last = "orders";
    private int _stages;
    private bool _isJoined;

    private ValidPipeline(int seed)
    {
        _random = new Random(seed);
        IsIncremental = _random.Next(2) == 0;
        _lines = ["apiVersion: etl/v1", $"pipeline: p{seed.ToString(CultureInfo.InvariantCulture)}", "stages:"];
        Stage("orders", ["extract: table", "connection: shop", $"contract: {OrdersContract}", "with:", "  table: orders", .. IsIncremental ? new[] { "  incremental: { cursor: updated_at, key: [id] }" } : []]);
        for (var length = _random.Next(3, 8); length > 0; length--)
        {
            Transform();
        }

        if (!IsIncremental && _random.Next(4) == 0)
        {
            Stage("per_day", "transform: aggregate", $"from: {_last}", "with:", "  group_by: [day]", "  columns: { orders: \"count(*)\", total: \"sum(amount)\" }");
            Stage("duck_total", "load: table", "from: per_day", "connection: duck", "with:", "  table: totals", "  mode: replace");
        }

        Loads();
    }

    public bool IsIncremental { get; }

    public string[] Lines => [.. _lines];

    public static ValidPipeline Of(int seed) => new(seed);

    private void Transform()
    {
        var name = string.Create(CultureInfo.InvariantCulture, $"s{++_stages}");
        var from = $"from: {_last}";
        switch (_random.Next(9))
        {
            case 0:
                Stage(name, "transform: clean", from, "with:", "  trim: [status]", "  lower: [status]", "  fill: { status: unknown }");
                break;
            case 1:
                Stage(name, "transform: derive", from, "with:", "  columns:", $"    {name}_gross: \"round(quantity * 1.21, 2)\"", $"    {name}_label: \"upper(status) || '-' || cast(quantity as varchar)\"");
                _columns.AddRange([$"{name}_gross", $"{name}_label"]);
                break;
            case 2:
                Stage(name, "transform: filter", from, "with:", "  where: \"quantity >= 0\"");
                break;
            case 3:
                Stage(name, "transform: check", from, "with:", "  rules:", $"    - {{ name: {name}_positive, expect: \"quantity > 0\", on_fail: dead_letter }}",
                    $"    - {{ name: {name}_known, not_null: [status], on_fail: exclude }}", $"    - {{ name: {name}_range, range: {{ quantity: {{ min: 0, max: 1000 }} }}, on_fail: warn }}");
                break;
            case 4 when _columns.Contains("email"):
                Stage(name, "transform: select", from, "with:", "  drop: [email]");
                _columns.Remove("email");
                break;
            case 5:
                Stage(name, "transform: cast", from, "with:", "  columns: { quantity: bigint }", "  on_fail: dead_letter");
                break;
            case 6:
                Stage(name, "transform: sql", from, "with:", $"  query: \"select *, quantity * 3 as {name}_three from {_last} where quantity is not null\"");
                _columns.Add($"{name}_three");
                break;
            case 7:
                Stage(name, "transform: deduplicate", from, "with:", "  key: [id]", "  order_by: [updated_at desc]");
                break;
            case 8 when !_isJoined:
                _isJoined = true;
                Stage("customers", "extract: table", "connection: shop", "contract: customers.contract.yaml", "with:", "  table: customers");
                Stage(name, "transform: join", $"from: [{_last}, customers]", "with:", $"  on: {_last}.customer_id = customers.customer_no", "  columns: [country]", "  on_no_match: keep");
                _columns.Add("country");
                break;
            default:
                Stage(name, "transform: derive", from, "with:", "  columns:", $"    {name}_big: \"case when quantity > 2 then 'big' else 'small' end\"");
                _columns.Add($"{name}_big");
                break;
        }

        _last = name;
    }

    private void Loads()
    {
        var isBoth = _random.Next(2) == 0;
        var first = _random.Next(3);
        for (var i = 0; i < (isBoth ? 2 : 1); i++)
        {
            switch ((first + i) % 3)
            {
                case 0:
                    Stage("warehouse", "load: table", $"from: {_last}", "connection: duck", $"contract: {LoadedContract}", "with:", "  table: orders", "  mode: upsert", "  key: [id]", "  on_excluded: keep");
                    break;
                case 1:
                    Stage("copy", "load: table", $"from: {_last}", "connection: lite", $"contract: {LoadedContract}", "with:", "  table: orders", "  mode: upsert", "  key: [id]", "  on_excluded: keep");
                    break;
                default:
                    Stage("lake", "load: parquet", $"from: {_last}", "connection: files", $"contract: {LoadedContract}", "with:", "  path: \"orders/{year}/{month}/\"", "  partition_by: day", "  mode: upsert", "  key: [id]", "  on_excluded: keep");
                    break;
            }
        }
    }

    private void Stage(string id, params string[] lines)
    {
        _lines.Add($"  - id: {id}");
        _lines.AddRange(lines.Select(l => $"    {l}"));
        if (!id.Equals("customers", StringComparison.Ordinal))
        {
            _last = id is "warehouse" or "copy" or "lake" or "per_day" or "duck_total" ? _last : id;
        }
    }
}
