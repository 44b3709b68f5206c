using CsCheck;
using Etl.Model.Tests.Protocol;
using NUnit.Framework;

namespace Etl.Model.Tests;

/// <summary>The clock of the machine that runs is for people: what is published, and who holds a target, does not depend on it.</summary>
public sealed class ClockTests
{
    private static IEnumerable<Shape> Shapes() => [Shape.Tables, Shape.Plain];

    [TestCaseSource(nameof(Shapes))]
    [Property("Fault", 45)]
    public async Task A_clock_that_jumps_by_two_hours_in_the_middle_of_runs_changes_nothing(object shape)
    {
        var of = (Shape)shape;
        await Steps.Of(of).SampleAsync(
            async steps =>
            {
                using var shop = new Shop(of, time: new JumpingClock());
                await shop.PlayAsync(steps);
            },
            iter: 20,
            threads: 1,
            print: steps => string.Join("\n", steps.Select(s => s.ToString())));
    }

    /// <summary>Two hours early, right, two hours late, and so on, by every look at it; durations are right, as those of a real clock are.</summary>
    private sealed class JumpingClock : TimeProvider
    {
        private int _looks;

        public override DateTimeOffset GetUtcNow() => base.GetUtcNow().AddHours(2 * ((Interlocked.Increment(ref _looks) % 3) - 1));
    }
}
