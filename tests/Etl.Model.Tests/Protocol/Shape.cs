namespace Etl.Model.Tests.Protocol;

/// <summary>A pipeline to put to the test: one source, a check, and targets that take the same rows in their ways.</summary>
/// <param name="Name">For test names.</param>
/// <param name="SeesDeletions">Whether the extraction has <c>deleted_when</c>.</param>
/// <param name="Targets">In declared order, which is the order of publishing.</param>
internal sealed record Shape(string Name, bool SeesDeletions, IReadOnlyList<Target> Targets)
{
    public override string ToString() => Name;

    /// <summary>Keyed targets that equal the source's good rows.</summary>
    public static Shape Mirror { get; } = new("mirror", true, [new DuckTarget("warehouse", Taking.Delete), new LakeTarget("lake", Taking.Delete)]);

    /// <summary>A keyed table and a log of changes, in both of which the last good version stays.</summary>
    public static Shape History { get; } = new("history", true, [new SqliteTarget("table", Taking.Keep), new LakeTarget("changes", Taking.Changes)]);

    /// <summary>Append only, where a row too many or too few stays for ever.</summary>
    public static Shape Append { get; } = new("append", false, [new SqliteTarget("table", Taking.Append), new CsvTarget("files", Taking.Append), new DuckTarget("warehouse", Taking.Append)]);

    public static IReadOnlyList<Shape> All { get; } = [Mirror, History, Append];

    public string Pipeline => $$"""
        apiVersion: etl/v1
        pipeline: shop
        stages:
          - id: items
            extract: table
            connection: shop
            contract: items.contract.yaml
            with: { table: items, incremental: { cursor: seq{{(SeesDeletions ? ", deleted_when: \"deleted = 1\"" : "")}} } }
          - id: good
            transform: check
            from: items
            with: { rules: [{ name: not_negative, expect: "value >= 0", on_fail: dead_letter }] }

        """ + string.Concat(Targets.Select(t => $"  - {{ id: {t.Name}, from: good, {t.Stage} }}\n"));

    public const string Contract = """
        apiVersion: v3.0.2
        kind: DataContract
        id: shop.items
        version: "1.0.0"
        status: active
        schema:
          - name: items
            physicalName: items
            logicalType: object
            properties:
              - { name: id, logicalType: integer, required: true, primaryKey: true, primaryKeyPosition: 1, customProperties: [{ property: arrowType, value: int64 }] }
              - { name: value, logicalType: integer, required: true, customProperties: [{ property: arrowType, value: int64 }] }
              - { name: deleted, logicalType: integer, required: true, customProperties: [{ property: arrowType, value: int64 }] }
              - { name: seq, logicalType: integer, required: true, customProperties: [{ property: arrowType, value: int64 }] }
        """;

    public const string Connections = """
        connections:
          shop: { type: sqlite, path: shop.db }
          duck: { type: duckdb, path: out/duck.db }
          lite: { type: sqlite, path: out/lite.db }
          files: { type: file, root: out/files }
        """;

    public const string Table = "create table items (id integer primary key, value integer not null, deleted integer not null, seq integer not null); pragma journal_mode = wal";
}
