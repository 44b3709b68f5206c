using System.Globalization;
using CsCheck;
using Etl.Model.Tests.Protocol;
using NUnit.Framework;

namespace Etl.Model.Tests;

/// <summary>
/// The same model against the command line, killed by SIGKILL: what <see cref="Disk"/> cannot imitate. At least 51 sequences; ETL_MODEL_KILLS asks for another number
/// of kills than 54.
/// </summary>
public sealed class KillTests
{
    private const int Sequences = 51;

    private static readonly int Kills = int.Parse(Environment.GetEnvironmentVariable("ETL_MODEL_KILLS") ?? "54", CultureInfo.InvariantCulture);

    private static IEnumerable<Shape> Shapes() => [Shape.Mirror, Shape.Append, Shape.Tables];

    [TestCaseSource(nameof(Shapes))]
    public async Task After_any_sequence_of_kills_each_target_holds_one_application_of_each_row(object shape)
    {
        var of = (Shape)shape;
        var cli = await Cli.FindAsync();
        var shapes = Shapes().Count();
        for (var played = 0; cli.Kills * shapes < Kills || played * shapes < Sequences; played++)
        {
            await Steps.ForCli(of).SampleAsync(
                async steps =>
                {
                    using var shop = new Shop(of, cli: cli);
                    await shop.PlayAsync(steps);
                },
                iter: 1,
                threads: 1,
                print: steps => string.Join("\n", steps.Select(s => s.ToString())));
        }
    }
}
