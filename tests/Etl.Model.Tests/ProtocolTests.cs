using CsCheck;
using Etl.Model.Tests.Protocol;
using NUnit.Framework;

namespace Etl.Model.Tests;

/// <summary>
/// Any sequence of changes, runs, crashes, rivals and faults, against a dictionary. A counterexample is shrunk; its message has the seed that repeats it
/// (CsCheck_Seed). ETL_MODEL_SEQUENCES asks for another number of sequences than 1,000.
/// </summary>
public sealed class ProtocolTests
{
    private static readonly int All = int.Parse(Environment.GetEnvironmentVariable("ETL_MODEL_SEQUENCES") ?? "1000", System.Globalization.CultureInfo.InvariantCulture);

    private static IEnumerable<Shape> Shapes() => Shape.All;

    private static IEnumerable<TestCaseData> Found() =>
    [
        new(Shape.Append, new Step[] { new Step.Write(1, -1, Deleted: false), new Step.Run(), new Step.Damage(1), new Step.Run(Reading.Everything), new Step.Write(2, -1, Deleted: false), new Step.Run(), new Step.Edit(-1, WithoutThree: false), new Step.Run(Reading.Letters) }),
        new(Shape.History, new Step[] { new Step.Write(1, -1, Deleted: false), new Step.Run(), new Step.Damage(1), new Step.Run(Reading.Everything), new Step.Write(2, -1, Deleted: false), new Step.Run(), new Step.Edit(-1, WithoutThree: false), new Step.Run(Reading.Letters) }),
        new(Shape.Versions, new Step[] { new Step.Write(1, 0, Deleted: true), new Step.Run(Reading.Letters) }),
    ];

    [TestCaseSource(nameof(Found))]
    public async Task A_sequence_that_once_went_wrong_goes_well(object shape, object steps)
    {
        using var shop = new Shop((Shape)shape);
        await shop.PlayAsync((Step[])steps);
    }

    [TestCaseSource(nameof(Shapes))]
    public async Task After_any_sequence_of_faults_each_target_holds_one_application_of_each_row(object shape)
    {
        var of = (Shape)shape;
        await Steps.Of(of).SampleAsync(
            async steps =>
            {
                using var shop = new Shop(of);
                await shop.PlayAsync(steps);
            },
            iter: Math.Max(1, Share(of)),
            threads: 1,
            print: steps => string.Join("\n", steps.Select(s => s.ToString())));
    }

    // A query is an instance of DuckDB in each run, and a target in DuckDB another: they cost more than all else in a sequence.
    private static int Share(Shape of) => All * (of.Targets.Any(t => t is DuckTarget) ? 3 : of.Refuses ? 8 : 62) / 100;
}
