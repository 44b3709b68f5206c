using System.Globalization;
using CsCheck;
using Etl.Model.Tests.Protocol;
using NUnit.Framework;

namespace Etl.Model.Tests;

/// <summary>Any sequence of transactions that end late, savepoints, prepared ones, runs and crashes, on a real PostgreSQL. ETL_MODEL_LATE asks for another number of sequences.</summary>
[Category("Integration")]
public sealed class LateCommitTests
{
    private static readonly int Sequences = int.Parse(Environment.GetEnvironmentVariable("ETL_MODEL_LATE") ?? "40", CultureInfo.InvariantCulture);

    [Test]
    [Property("Fault", 46)]
    public async Task After_any_sequence_of_late_commits_each_committed_version_took_effect_once() =>
        await LateStep.All.SampleAsync(
            async steps =>
            {
                await using var shop = new LateShop();
                await shop.PlayAsync(steps);
            },
            iter: Sequences,
            threads: 1,
            print: steps => string.Join("\n", steps.Select(s => s.ToString())));

    [Test]
    public async Task A_position_that_forgets_open_transactions_loses_what_they_commit()
    {
        const int most = 60;
        foreach (var steps in LateStep.All.Array[most].Single())
        {
            await using var shop = new LateShop(forgetsOpenTransactions: true);
            try
            {
                await shop.PlayAsync(steps);
            }
            catch (CounterexampleException e) when (e.Message.Contains("table is", StringComparison.Ordinal))
            {
                return;
            }
        }

        Assert.Fail($"{most} sequences, and no counterexample");
    }
}
