using Apache.Arrow;
using Etl.Contracts;
using Etl.Plugins.Redshift.Extract;
using Etl.Plugins.Tests.Postgres;
using NUnit.Framework;

namespace Etl.Plugins.Tests.Redshift;

/// <summary>Extraction by UNLOAD, against the stand-in.</summary>
[Category("Integration")]
public sealed class ExtractorTests
{
    private static readonly DataContract Contract = new("orders", "1", "orders", [.. Order.Schema.Arrow.FieldsList
        .Where(f => f.Name != "rank").Select(f => new ContractColumn(f, null, f.Name == "id" ? 1 : null, false, null))], "orders.yaml");

    [Test]
    public async Task What_was_loaded_is_read_back_with_every_value_and_the_files_are_deleted()
    {
        await using var warehouse = await Warehouse.StartAsync();
        await warehouse.LoadAsync(TableLoadMode.Upsert, [new(1, "née\\t'x'", "a\nb"), new(2, null), new(3)]);
        var extractor = new RedshiftTableExtractor(new RedshiftTableExtractOptions { Table = "orders" }, warehouse.Connection, Warehouse.Context);
        await using (var extraction = await extractor.OpenAsync(Contract))
        {
            Assert.That(extraction.EstimatedRows, Is.EqualTo(3));
            Assert.That(extraction.Splits, Has.Count.EqualTo(2), "a file of each slice");
            Assert.That(await RowsAsync(extraction), Is.EquivalentTo(new[]
            {
                "1|née\\t'x'|a\nb|1.05|1772361000000001|20001|False|0.25", "2|||2.05|1772361000000002|20002|True|0.5", "3|new||3.05|1772361000000003|20003|False|0.75",
            }));
        }

        Assert.That(await warehouse.LeftoversAsync(), Is.Empty);
    }

    [Test]
    public async Task An_increment_begins_an_overlap_before_the_highest_cursor_and_marks_deletions()
    {
        await using var warehouse = await Warehouse.StartAsync();
        await warehouse.RunAsync("CREATE TABLE orders (id bigint NOT NULL, status varchar(10), changed_at timestamp NOT NULL)");
        await warehouse.RunAsync("INSERT INTO orders VALUES (1, 'new', '2026-01-01 10:00:00'), (2, 'gone', '2026-01-01 11:30:00'), (3, 'new', '2026-01-01 12:00:00')");
        var contract = await warehouse.ContractAsync("orders", "id");
        var extractor = new RedshiftTableExtractor(
            new RedshiftTableExtractOptions { Table = "orders", Incremental = new RedshiftIncrementalOptions { Cursor = "changed_at", DeletedWhen = "status = 'gone'", Overlap = TimeSpan.FromMinutes(45) } }, warehouse.Connection, Warehouse.Context);
        SourcePosition reached;
        await using (var first = await extractor.OpenAsync(contract))
        {
            Assert.That(await RowsAsync(first), Has.Count.EqualTo(3));
            reached = first.Reached;
        }

        Assert.That(reached.Position["cursor"]!.GetValue<string>(), Is.EqualTo("2026-01-01 11:15:00"));
        await warehouse.RunAsync("INSERT INTO orders VALUES (4, 'late', '2026-01-01 11:20:00')");
        await using var second = await extractor.OpenAsync(contract, reached);
        Assert.That((await RowsAsync(second)).Select(r => $"{r.Split('|')[0]} {r.Split('|')[^1]}"), Is.EquivalentTo(new[] { "2 delete", "3 upsert", "4 upsert" }));
        Assert.That(async () => await extractor.OpenAsync(contract, reached with { Identity = "another" }), Throws.TypeOf<EtlException>().With.Property("Code").EqualTo("ETL4639"));
        Assert.That(async () => await extractor.OpenAsync(contract, once: true), Throws.TypeOf<EtlException>().With.Property("Code").EqualTo("ETL4686"));
    }

    [Test]
    public async Task A_query_has_its_parameters_as_literals_whatever_is_in_them()
    {
        await using var warehouse = await Warehouse.StartAsync();
        await warehouse.LoadAsync(TableLoadMode.Append, [new(1, "it's \\'"), new(2)]);
        var extractor = new RedshiftQueryExtractor(
            new RedshiftQueryExtractOptions { Query = "SELECT id, status, note, amount, made_at, day, paid, weight FROM orders WHERE status = $status -- a ' in a comment" }, warehouse.Connection, Warehouse.Context);
        var request = new ExtractRequest(Contract, extractor.DescribeOutput(Contract), null, 1000, 2, new Dictionary<string, object> { ["status"] = "it's \\'" });
        await using var extraction = await extractor.OpenAsync(request, CancellationToken.None);
        Assert.That((await RowsAsync(extraction)).Single(), Does.StartWith("1|it's \\'|"));
    }

    [Test]
    public async Task A_source_that_is_not_as_declared_is_refused_before_it_is_unloaded()
    {
        await using var warehouse = await Warehouse.StartAsync();
        await warehouse.RunAsync("CREATE TABLE orders (id integer, status varchar(10))");
        var extractor = new RedshiftTableExtractor(new RedshiftTableExtractOptions { Table = "orders", Columns = ["id", "amount"] }, warehouse.Connection, Warehouse.Context);
        Assert.That(
            async () => await extractor.OpenAsync(Contract),
            Throws.TypeOf<EtlException>().With.Property("Code").EqualTo("ETL4638").And.Message.Contains("column 'id' can be NULL").And.Message.Contains("column 'amount' is not there"));
        Assert.That(warehouse.Server.Heard.Where(s => s.StartsWith("UNLOAD", StringComparison.Ordinal)), Is.Empty);
    }

    private static async Task<List<string>> RowsAsync(IExtraction extraction)
    {
        var rows = new List<string>();
        foreach (var split in extraction.Splits)
        {
            await foreach (var batch in extraction.ReadDisposingAsync(split))
            {
                for (var row = 0; row < batch.Length; row++)
                {
                    rows.Add(string.Join('|', batch.Arrays.Select(a => a.IsNull(row) ? "" : a switch
                    {
                        Int64Array v => $"{v.GetValue(row)}",
                        StringArray v => v.GetString(row),
                        Decimal128Array v => v.GetString(row),
                        TimestampArray v => $"{v.GetValue(row)}",
                        Date32Array v => $"{v.GetValue(row)}",
                        BooleanArray v => $"{v.GetValue(row)}",
                        DoubleArray v => FormattableString.Invariant($"{v.GetValue(row)}"),
                        _ => throw new InvalidOperationException(a.Data.DataType.Name),
                    })));
                }
            }
        }

        return rows;
    }
}
