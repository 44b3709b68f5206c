namespace Etl.Model.Tests.Protocol;

/// <summary>A pipeline to put to the test: one source, a check, and targets that take the same rows in their ways.</summary>
/// <param name="Name">For test names.</param>
/// <param name="SeesDeletions">Whether the extraction has <c>deleted_when</c>.</param>
/// <param name="Targets">In declared order, which is the order of publishing.</param>
/// <param name="Keeps">What the source keeps of a row that is written again.</param>
internal sealed record Shape(string Name, bool SeesDeletions, IReadOnlyList<Target> Targets, Keeps Keeps = Keeps.Newest)
{
    /// <summary>Whether a check refuses bad rows; otherwise no query is in the way, which costs most of a run.</summary>
    public bool Refuses { get; init; } = true;

    /// <summary>Whether rows are looked up by their key; those of a query are not, and are replayed as they were read.</summary>
    public bool LooksUp { get; init; } = true;

    /// <summary>Whether a range of keys can be read again.</summary>
    public bool HasRange => LooksUp && Keeps == Keeps.Newest && Targets.All(t => t.Taking is Taking.Keep or Taking.Delete);

    /// <summary>The keys of that range: from, and to, which is not part of it.</summary>
    public static (int From, int To) Range { get; } = (2, 4);

    public override string ToString() => Name;

    /// <summary>Keyed targets that equal the source's good rows.</summary>
    public static Shape Mirror { get; } = new("mirror", true, [new DuckTarget("warehouse", Taking.Delete), new LakeTarget("lake", Taking.Delete)]);

    /// <summary>A keyed table and a log of changes, in both of which the last good version stays.</summary>
    public static Shape History { get; } = new("history", true, [new SqliteTarget("table", Taking.Keep), new LakeTarget("changes", Taking.Changes)]);

    /// <summary>Append only, where a row too many or too few stays for ever.</summary>
    public static Shape Append { get; } = new("append", false, [new SqliteTarget("table", Taking.Append), new CsvTarget("files", Taking.Append), new DuckTarget("warehouse", Taking.Append)]);

    /// <summary>The source is a log of versions, and the newest of a reading counts.</summary>
    public static Shape Versions { get; } = new("versions", true, [new SqliteTarget("table", Taking.Delete), new LakeTarget("lake", Taking.Delete)], Keeps.Versions);

    /// <summary>For a source with open transactions: what is committed, and all versions that were seen.</summary>
    public static Shape Late { get; } = new("late commits", true, [new SqliteTarget("table", Taking.Keep), new LakeTarget("changes", Taking.Changes)]);

    /// <summary>Two keyed tables without DuckDB's file, which costs as much as five other sequences.</summary>
    public static Shape Tables { get; } = new("tables", true, [new SqliteTarget("table", Taking.Delete), new LakeTarget("lake", Taking.Delete)]);

    /// <summary>No query between the source and its targets.</summary>
    public static Shape Plain { get; } = new("plain", false, [new SqliteTarget("table", Taking.Keep), new CsvTarget("files", Taking.Append)]) { Refuses = false };

    /// <summary>Rows that no key finds.</summary>
    public static Shape Stored { get; } = new("stored letters", false, [new CsvTarget("files", Taking.Append), new SqliteTarget("table", Taking.Append)]) { LooksUp = false };

    /// <summary>The same, and the pipeline is told that there is one version of each.</summary>
    public static Shape VersionsTakenForRows { get; } = new("versions taken for rows", true, [new SqliteTarget("table", Taking.Delete)], Keeps.VersionsUnsaid);

    public static IReadOnlyList<Shape> All { get; } = [Mirror, Append, History, Versions, Stored, Tables, Plain];

    /// <summary>The pipeline as it is at first.</summary>
    public string Pipeline => Edited(Step.Edit.None);

    /// <summary>The pipeline as somebody edited it last.</summary>
    public string Edited(Step.Edit rules) => $$"""
        apiVersion: etl/v1
        pipeline: shop
        stages:
          - id: items
            extract: {{(LooksUp ? "table" : "query")}}
            connection: shop
            contract: items.contract.yaml
            with: { {{(LooksUp ? "table: items" : "query: select * from items")}}, {{(HasRange ? "backfill: { column: id }, " : "")}}incremental: { cursor: seq{{(SeesDeletions ? ", deleted_when: \"deleted = 1\"" : "")}} } }

        """ + string.Concat(Stages(rules)) + string.Concat(Targets.Select(t => $"  - {{ id: {t.Name}, from: {(Refuses ? "good" : "items")}, {t.Stage} }}\n"));

    public string Contract => $$"""
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
              - { name: id, logicalType: integer, required: true, {{Key(Keeps != Keeps.Versions)}}customProperties: [{ property: arrowType, value: int64 }] }
              - { name: value, logicalType: integer, required: true, customProperties: [{ property: arrowType, value: int64 }] }
              - { name: deleted, logicalType: integer, required: true, customProperties: [{ property: arrowType, value: int64 }] }
              - { name: seq, logicalType: integer, required: true, {{Key(Keeps == Keeps.Versions)}}customProperties: [{ property: arrowType, value: int64 }] }
        """;

    public const string Connections = """
        connections:
          shop: { type: sqlite, path: shop.db }
          duck: { type: duckdb, path: out/duck.db }
          lite: { type: sqlite, path: out/lite.db }
          files: { type: file, root: out/files }
        """;

    public string Table =>
        $"create table items (id integer not null, value integer not null, deleted integer not null, seq integer not null, primary key ({(Keeps == Keeps.Newest ? "id" : "seq")})); pragma journal_mode = wal";

    private IEnumerable<string> Stages(Step.Edit rules)
    {
        if (!Refuses)
        {
            yield break;
        }

        var from = "items";
        if (Keeps == Keeps.Versions)
        {
            yield return "  - { id: newest, transform: deduplicate, from: items, with: { key: [id], order_by: [seq desc] } }\n";
            from = "newest";
        }

        if (rules.WithoutThree)
        {
            yield return $"  - {{ id: wanted, transform: filter, from: {from}, with: {{ where: \"value <> 3\" }} }}\n";
            from = "wanted";
        }

        yield return FormattableString.Invariant($$"""
              - id: good
                transform: check
                from: {{from}}
                with: { rules: [{ name: not_less, expect: "value >= {{rules.Least}}", on_fail: dead_letter }] }

            """);
    }

    private static string Key(bool isKey) => isKey ? "primaryKey: true, primaryKeyPosition: 1, " : "";
}

/// <summary>What a source keeps of a row that is written again.</summary>
internal enum Keeps
{
    /// <summary>Its newest version.</summary>
    Newest,

    /// <summary>All versions, of which the pipeline takes the newest.</summary>
    Versions,

    /// <summary>All versions, which the pipeline does not know: what deduplication is there for.</summary>
    VersionsUnsaid,
}
