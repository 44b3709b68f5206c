using Etl.Contracts;
using Etl.Model.Tests.Protocol;
using Etl.Runtime;
using Etl.Runtime.Execution;
using Microsoft.Data.Sqlite;
using NUnit.Framework;

namespace Etl.Model.Tests;

/// <summary>What a run tells when the answer to a commit is lost, pinned whole.</summary>
public sealed class LostAnswerTextTests
{
    private const string Contract = """
        apiVersion: v3.0.2
        kind: DataContract
        id: items
        version: "1.0.0"
        status: active
        schema:
          - name: items
            properties:
              - { name: id, logicalType: integer, required: true, primaryKey: true, customProperties: [{ property: arrowType, value: int64 }] }

        """;

    private const string Pipeline = """
        apiVersion: etl/v1
        pipeline: items
        stages:
          - { id: items, extract: table, connection: shop, contract: items.contract.yaml, with: { table: items } }
          - { id: copy, load: table, from: items, connection: dwh, with: { table: items, mode: replace } }

        """;

    [TestCase("sqlite.before_commit", false, "ETL4305 in stage copy: the commit to items in sqlite dwh.db did not happen: the connection broke. Nothing of it is visible; run again.")]
    [TestCase("sqlite.after_commit", true, "ETL4306 in stage copy: whether items in sqlite dwh.db was published is not known: there is no database 'dwh.db'. Nothing is lost: the next run reads the target's checkpoint and goes on from there.")]
    public async Task It_is_told_with_what_the_target_says_or_that_it_says_nothing(string point, bool targetIsGone, string told)
    {
        using var disk = new Disk();
        disk.Write("etl.yaml", "");
        disk.Write("connections.yaml", "connections:\n  shop: { type: sqlite, path: shop.db }\n  dwh: { type: sqlite, path: dwh.db }\n");
        disk.Write("items.contract.yaml", Contract);
        disk.Write("items.yaml", Pipeline);
        await using (var shop = new SqliteConnection($"Data Source={Path.Combine(disk.Folder, "shop.db")};Pooling=False"))
        {
            await shop.OpenAsync();
            await using var table = shop.CreateCommand();
            table.CommandText = "create table items (id integer primary key); insert into items values (1)";
            await table.ExecuteNonQueryAsync();
        }

        var points = new FailPoints(passed =>
        {
            if (passed != point)
            {
                return;
            }

            if (targetIsGone)
            {
                File.Delete(Path.Combine(disk.Folder, "dwh.db"));
            }

            throw new CommitOutcomeUnknownException("the connection broke", new IOException("broken pipe"));
        });
        var report = await new PipelineRunner([], new Impatient()) { Shared = LoadedPlugins.Catalog }
            .RunAsync(new PipelineRunRequest(Path.Combine(disk.Folder, "items.yaml")) { FailPoints = points }, CancellationToken.None);
        Assert.That($"{report.Error!.Code} in stage {report.Error.Stage}: {report.Error.Message}. {report.Error.Hint}", Is.EqualTo(told));
    }

    // The engine asks again after seconds, which nothing here depends on.
    private sealed class Impatient : TimeProvider
    {
        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) =>
            base.CreateTimer(callback, state, dueTime > TimeSpan.Zero && dueTime < TimeSpan.FromSeconds(10) ? TimeSpan.FromMilliseconds(1) : dueTime, period);
    }
}
