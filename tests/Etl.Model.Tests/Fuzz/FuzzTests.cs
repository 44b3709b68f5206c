using System.Text.Json;
using CsCheck;
using Etl.Model.Tests.Protocol;
using Etl.Runtime;
using Etl.Runtime.Diagnostics;
using NUnit.Framework;

namespace Etl.Model.Tests.Fuzz;

/// <summary>What each parser makes of texts that are nearly right, within two seconds of the processor. <c>tools/fuzz</c> does so for hours, led by what code a text reaches.</summary>
public sealed class FuzzTests
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(2);

    [TestCaseSource(nameof(Parsers))]
    public async Task A_text_has_a_value_or_is_told_what_is_wrong(string parser)
    {
        await using var tried = await Parser.All[parser]();
        // The two files beside a pipeline are read by its parser too.
        var seconds = parser is "contract" or "connections" ? Mutations.Seconds / 4 : Mutations.Seconds;
        Mutations.Of(tried.Corpus, [.. tried.Tokens]).Sample(text => Answers(tried, text), time: seconds, threads: 1, print: Print);
    }

    [Test]
    public async Task Two_stages_with_one_id_are_told()
    {
        using var disk = new Disk();
        disk.Write("etl.yaml", "");
        disk.Write("connections.yaml", Shape.Connections);
        disk.Write("items.contract.yaml", Shape.Mirror.Contract);
        disk.Write("shop.yaml", Shape.Mirror.Pipeline.Replace("id: lake,", "id: warehouse,", StringComparison.Ordinal));
        var runner = new PipelineRunner([], TimeProvider.System) { Shared = LoadedPlugins.Catalog };
        var error = await Assert.ThrowsAsync<InvalidPipelineException>(() => runner.CompileAsync(new PipelineRunRequest(Path.Combine(disk.Folder, "shop.yaml")) { Connects = false }));
        Assert.That(error!.Diagnostics.Select(d => d.Code), Is.EqualTo(new[] { "ETL1023" }));
    }

    private static IEnumerable<string> Parsers => Parser.All.Keys;

    // In time: the processor's, which does not depend on what else the machine does. Other tests of this process count too, so what took too long is tried again.
    private static void Answers(Parser parser, string text)
    {
        for (var attempt = 1; ; attempt++)
        {
            var started = Environment.CpuUsage.TotalTime;
            parser.Read(text);
            var took = Environment.CpuUsage.TotalTime - started;
            if (took < Limit)
            {
                return;
            }

            if (attempt == 3)
            {
                throw new CounterexampleException($"no answer within {Limit}: {took}");
            }
        }
    }

    private static string Print(string text) => JsonSerializer.Serialize(text.Length <= 3000 ? text : text[..3000]);
}
