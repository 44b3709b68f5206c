using CsCheck;
using Etl.Model.Tests.Protocol;
using NUnit.Framework;

namespace Etl.Model.Tests;

/// <summary>The model can fail: without a guard of the protocol it finds a sequence that shows why the guard is there.</summary>
public sealed class NegativeControlTests
{
    private const int Most = 60;

    [Test]
    public Task Without_the_fence_a_run_that_lost_its_lease_overwrites_its_successor() =>
        FindAsync(Shape.Mirror, new NoFence(), Steps.With(new Step.Successor("publish.before", new Step.Write(1, 4, Deleted: false))), "lake is epoch");

    [Test]
    public Task With_the_checkpoint_in_a_transaction_of_its_own_rows_are_there_twice() =>
        FindAsync(Shape.Append, new CheckpointApart(), Steps.With(new Step.Crash("sqlite.after_commit", 1, Reading.New, Elsewhere: false)), "table is epoch");

    [Test]
    public Task Without_deduplication_a_key_that_comes_twice_stops_the_run() =>
        FindAsync(Shape.VersionsTakenForRows, Sabotage.None, Steps.With(new Step.Run()), "come more than once");

    // What is found tells of the target whose guard is gone.
    private static async Task FindAsync(Shape shape, Sabotage sabotage, Gen<Step[]> steps, string target)
    {
        foreach (var sequence in steps.Array[Most].Single())
        {
            try
            {
                using var shop = new Shop(shape, sabotage);
                await shop.PlayAsync(sequence);
            }
            catch (CounterexampleException e) when (e.Message.Contains(target, StringComparison.Ordinal))
            {
                return;
            }
        }

        Assert.Fail($"{Most} sequences, and no counterexample");
    }
}
