using Etl.Contracts;
using Etl.Plugins.DuckDb;
using NUnit.Framework;

namespace Etl.Plugins.Tests.DuckDb;

/// <summary>What is told of a load into DuckDB that no pipeline which compiles gets to, pinned whole: another checks first.</summary>
public sealed class DuckDbTextTests
{
    [Test]
    public async Task A_key_without_a_value_is_told()
    {
        using var file = new DuckDbFile();
        var loader = new DuckDbTableLoader(new DuckDbTableLoadOptions { Table = "orders", Mode = TableLoadMode.Upsert, Key = ["name"] }, file.Connection);
        var request = new LoadRequest(new CheckpointKey("default", "p", "load"), DuckDbFile.Orders, "run", false, "host:1", TimeSpan.FromMinutes(1), _ => { });
        await using var session = await loader.OpenAsync(request, default);
        await session.StageAsync(DuckDbFile.Stream(DuckDbFile.Batch((1, null, 1), (2, "b", 2))), default);
        var next = new Checkpoint
        {
            Key = request.Key, N = 1, Fence = session.Fence, BatchId = "batch", RunId = "run", PlanHash = "plan", Fingerprint = "", Sources = new Dictionary<string, SourcePosition>(), Rows = 2,
        };
        Assert.That(await WholeText.OfAsync(async () => await session.PublishAsync(next, default)), Is.EqualTo("key: ETL4420: 1 rows for main.orders have NULL in the key (name). A key has a value in every row; refuse those rows with a check, or choose another key."));
    }
}
