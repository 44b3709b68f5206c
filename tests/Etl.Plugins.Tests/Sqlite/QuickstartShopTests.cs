using Apache.Arrow.Types;
using Etl.Contracts;
using Etl.Plugins.Sqlite;
using NUnit.Framework;
using static Etl.Plugins.Tests.TypedRows;

namespace Etl.Plugins.Tests;

public sealed class QuickstartShopTests
{
    [Test]
    public async Task The_shop_is_made_by_its_seed_and_every_value_fits_its_declared_type()
    {
        using var folder = new SqliteFolder();
        var scripts = Path.Combine(Root(), "pipelines", "quickstart");
        File.Copy(Path.Combine(scripts, "shop.sql"), Path.Combine(folder.Path, "shop.sql"));
        await using var database = folder.Database("shop.sql");
        var (rows, position) = await ReadAsync(database, null);
        Assert.That(rows, Is.EqualTo(100_000));

        var change = await File.ReadAllTextAsync(Path.Combine(scripts, "change.sql"));
        for (var run = 0; run < 3; run++)
        {
            folder.Execute(change);
            (rows, position) = await ReadAsync(database, position);
            Assert.That(rows, Is.InRange(800, 1_300));
        }

        Assert.That((await ReadAsync(database, position)).Rows, Is.Zero);
    }

    private static async Task<(long Rows, SourcePosition Reached)> ReadAsync(SqliteDatabase database, SourcePosition? from)
    {
        var live = (await database.DescribeTableAsync("orders", default))!;
        Assert.That(live.Columns.Single(c => c.Name == "amount").Field.DataType, Is.InstanceOf<Decimal128Type>());
        var contract = Contract("orders", ["order_id"], [.. live.Columns.Select(c => (c.Name, c.Field.DataType))]);
        var extractor = new SqliteTableExtractor(new() { Table = "orders", Incremental = new() { Cursor = "updated_at", DeletedWhen = "deleted_at is not null" } }, database);
        await using var extraction = await extractor.OpenAsync(new(contract, extractor.DescribeOutput(contract), from, 65_536, 1, new Dictionary<string, object>()), default);
        var rows = 0L;
        foreach (var split in extraction.Splits)
        {
            await foreach (var batch in extraction.ReadAsync(split, default))
            {
                rows += batch.Length;
                batch.Dispose();
            }
        }

        return (rows, extraction.Reached);
    }

    private static string Root()
    {
        var folder = TestContext.CurrentContext.TestDirectory;
        while (!File.Exists(Path.Combine(folder, "global.json")))
        {
            folder = Path.GetDirectoryName(folder)!;
        }

        return folder;
    }
}
