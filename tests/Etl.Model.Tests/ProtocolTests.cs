using CsCheck;
using Etl.Model.Tests.Protocol;
using NUnit.Framework;

namespace Etl.Model.Tests;

/// <summary>
/// Any sequence of changes, runs, crashes, rivals and faults, against a dictionary. A counterexample is shrunk; its message has the seed that repeats it
/// (CsCheck_Seed). ETL_MODEL_SEQUENCES asks for another number of sequences than 160; 1,000 take four minutes.
/// </summary>
public sealed class ProtocolTests
{
    private static readonly int All = int.Parse(Environment.GetEnvironmentVariable("ETL_MODEL_SEQUENCES") ?? "160", System.Globalization.CultureInfo.InvariantCulture);

    private static IEnumerable<Shape> Shapes() => Shape.All;

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

    // To open DuckDB costs more than all else in a sequence.
    private static int Share(Shape of) => All * (of.Targets.Any(t => t is DuckTarget) ? 15 : 35) / 100;
}
