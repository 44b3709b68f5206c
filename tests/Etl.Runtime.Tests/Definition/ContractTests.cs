using Apache.Arrow;
using Apache.Arrow.Types;
using Etl.Contracts;
using Etl.Runtime.Definition;
using NUnit.Framework;

namespace Etl.Runtime.Tests.Definition;

public class ContractTests
{
    private const string Head = "apiVersion: v3.0.2\nkind: DataContract\nid: shop.orders\nversion: 1.2.0\nstatus: active\nschema:\n  - name: orders\n    logicalType: object\n    properties:\n";

    [TestCase("{ name: c, physicalType: smallint }", "int16")]
    [TestCase("{ name: c, physicalType: integer }", "int32")]
    [TestCase("{ name: c, physicalType: BIGINT }", "int64")]
    [TestCase("{ name: c, physicalType: 'numeric(12,2)' }", "decimal128(12,2)")]
    [TestCase("{ name: c, physicalType: 'decimal(38, 10)' }", "decimal128(38,10)")]
    [TestCase("{ name: c, physicalType: numeric, logicalTypeOptions: { precision: 9, scale: 4 } }", "decimal128(9,4)")]
    [TestCase("{ name: c, physicalType: real }", "float32")]
    [TestCase("{ name: c, physicalType: double precision }", "float64")]
    [TestCase("{ name: c, physicalType: varchar(20) }", "utf8")]
    [TestCase("{ name: c, physicalType: character varying(20) }", "utf8")]
    [TestCase("{ name: c, physicalType: bytea }", "binary")]
    [TestCase("{ name: c, physicalType: uuid }", "utf8")]
    [TestCase("{ name: c, physicalType: jsonb }", "utf8")]
    [TestCase("{ name: c, physicalType: date }", "date32")]
    [TestCase("{ name: c, physicalType: timestamp(3) without time zone }", "timestamp[us]")]
    [TestCase("{ name: c, physicalType: timestamp with time zone }", "timestamp[us,UTC]")]
    [TestCase("{ name: c, physicalType: timestamptz }", "timestamp[us,UTC]")]
    [TestCase("{ name: c, physicalType: time }", "time64[us]")]
    [TestCase("{ name: c, physicalType: 'integer[]' }", "list<int32>")]
    [TestCase("{ name: c, physicalType: mood, logicalType: string }", "utf8")]
    [TestCase("{ name: c, logicalType: integer }", "int64")]
    [TestCase("{ name: c, logicalType: number }", "float64")]
    [TestCase("{ name: c, logicalType: number, logicalTypeOptions: { precision: 12, scale: 2 } }", "decimal128(12,2)")]
    [TestCase("{ name: c, logicalType: boolean }", "bool")]
    [TestCase("{ name: c, logicalType: timestamp }", "timestamp[us,UTC]")]
    [TestCase("{ name: c, logicalType: timestamp, logicalTypeOptions: { timezone: false } }", "timestamp[us]")]
    [TestCase("{ name: c, logicalType: array, items: { logicalType: string } }", "list<utf8>")]
    public void A_column_has_an_arrow_type(string column, string expected)
    {
        using var files = new Workspace();
        var contract = ContractReader.Read(files.Write("c.yaml", $"{Head}      - {column}\n"), files.Bag);
        Assert.That(files.Told, Is.Empty);
        Assert.That(ContractTypes.Name(contract!.Columns[0].Field.DataType), Is.EqualTo(expected));
    }

    [TestCase("      - { name: c, physicalType: numeric }\n", "c.yaml:10:34: error ETL1052: column 'c': numeric says neither precision nor scale. Write numeric(p,s), with p from 1 to 38: a value with more digits is then refused, and none is rounded.")]
    [TestCase("      - { name: c, physicalType: 'numeric(50,2)' }\n", "c.yaml:10:34: error ETL1052: column 'c': numeric(50,2): decimals have 1 to 38 digits, of which 0 to all are behind the point. Write numeric(p,s), with p from 1 to 38.")]
    [TestCase("      - { name: c, physicalType: geometry }\n", "c.yaml:10:34: error ETL1051: column 'c' has the unknown physicalType 'geometry', and no logicalType. logicalType is one of: string, date, timestamp, time, number, integer, boolean, array (with items), object.")]
    [TestCase("      - { name: c }\n", "c.yaml:10:9: error ETL1051: column 'c' says neither physicalType nor logicalType. logicalType is one of: string, date, timestamp, time, number, integer, boolean, array (with items), object.")]
    [TestCase("      - { name: Id, logicalType: string }\n      - { name: id, logicalType: string }\n", "c.yaml:11:17: error ETL1054: the column 'id' is there twice. Names are compared as SQL does, ignoring case.")]
    [TestCase("      - { name: _op, logicalType: string }\n", "c.yaml:10:17: error ETL1056: the column name '_op' is the engine's own. Leave it out, or give it another name in a view.")]
    [TestCase("      - { name: a, logicalType: string, primaryKey: yes }\n", "c.yaml:10:53: error ETL2002: 'schema[0].properties[0].primaryKey' is 'yes'; it must be true or false.")]
    public void What_is_wrong_is_told(string columns, string expected)
    {
        using var files = new Workspace();
        Assert.That(ContractReader.Read(files.Write("c.yaml", Head + columns), files.Bag), Is.Null);
        Assert.That(files.Told, Is.EqualTo(expected));
    }

    [Test]
    public void Another_file_is_no_contract()
    {
        using var files = new Workspace();
        Assert.That(ContractReader.Read(files.Write("c.yaml", "a: 1\n"), files.Bag), Is.Null);
        Assert.That(files.Told, Is.EqualTo("c.yaml:1:1: error ETL1050: this is no data contract of the Open Data Contract Standard v3. Write apiVersion: v3.0.2 and kind: DataContract; `etl contract import` writes whole contracts."));
    }

    [Test]
    public void Keys_nullability_and_unknown_parts_are_read()
    {
        using var files = new Workspace();
        var contract = ContractReader.Read(files.Write("c.yaml", Head + """
                  - { name: b, logicalType: integer, primaryKey: true, primaryKeyPosition: 2 }
                  - { name: a, logicalType: integer, primaryKey: true, primaryKeyPosition: 1 }
                  - { name: email, logicalType: string, required: true, unique: true, classification: restricted, quality: [ { rule: nullCheck } ], tags: [pii] }
                  - { name: note, physicalName: nt, logicalType: string }
            team: { name: x }
            """), files.Bag)!;
        Assert.That(files.Told, Is.Empty);
        Assert.That(contract.PrimaryKey, Is.EqualTo(new[] { "a", "b" }));
        Assert.That(contract.Schema.Names, Is.EqualTo(new[] { "b", "a", "email", "nt" }));
        Assert.That(contract.Columns.Select(c => c.Field.IsNullable), Is.EqualTo(new[] { false, false, false, true }));
        Assert.That((contract.Columns[2].Unique, contract.Columns[2].Classification, contract.Id, contract.Version, contract.Name), Is.EqualTo((true, "restricted", "shop.orders", "1.2.0", "orders")));
    }

    [Test]
    public void A_written_contract_reads_back_to_the_same_schema()
    {
        var table = new TableDescription(
            "public.orders",
            [
                Column("order_id", Int64Type.Default, "bigint", false),
                Column("no", StringType.Default, "text"),
                Column("Name with \"quotes\": #", StringType.Default, "character varying(20)"),
                Column("amount", new Decimal128Type(12, 2), "numeric(12,2)"),
                Column("lite", Int64Type.Default, "INTEGER"),
                Column("anything", new Decimal128Type(38, 10), "numeric"),
                Column("at", new TimestampType(TimeUnit.Microsecond, "UTC"), "timestamp with time zone"),
                Column("wall", new TimestampType(TimeUnit.Microsecond, (string?)null), "timestamp without time zone"),
                Column("tags", new ListType(new Field("item", StringType.Default, true)), "text[]"),
                Column("raw", BinaryType.Default, "bytea"),
                Column("mood", StringType.Default, "mood"),
            ],
            ["order_id"]);
        using var files = new Workspace();
        var text = ContractWriter.Write(table, "shop.orders");
        Assert.That(ContractWriter.Write(table, "shop.orders"), Is.EqualTo(text));
        var contract = ContractReader.Read(files.Write("c.yaml", text), files.Bag);
        Assert.That(files.Told, Is.Empty, text);
        Assert.That(contract!.PrimaryKey, Is.EqualTo(table.PrimaryKey));
        Assert.That(
            contract.Columns.Select(c => (c.Field.Name, ContractTypes.Name(c.Field.DataType), c.Field.IsNullable, c.PhysicalType)),
            Is.EqualTo(table.Columns.Select(c => (c.Name, ContractTypes.Name(c.Field.DataType), c.Field.IsNullable, (string?)c.PhysicalType))));
        Assert.That(text, Does.StartWith("""
            apiVersion: v3.0.2
            kind: DataContract
            id: shop.orders
            version: "1.0.0"
            status: active
            schema:
              - name: public.orders
                physicalName: public.orders
                logicalType: object
                properties:
                  - name: order_id
                    logicalType: integer
                    physicalType: bigint
                    required: true
                    primaryKey: true
                    primaryKeyPosition: 1
                  - name: "no"
            """));
    }

    private static ColumnDescription Column(string name, IArrowType type, string physical, bool nullable = true) => new(name, new Field(name, type, nullable), physical);
}
