using System.Buffers.Binary;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using CsCheck;
using Etl.Contracts;
using Etl.Model.Tests.Protocol;
using Etl.Runtime;
using Etl.Runtime.Compilation;
using Etl.Runtime.Definition;
using Etl.Runtime.Diagnostics;
using NUnit.Framework;

namespace Etl.Model.Tests.Fuzz;

/// <summary>
/// What people and crashes can write, read by each parser that takes it: the answer is a value or a diagnostic with a code, within two seconds of the processor. Any other
/// exception, and a stack that overflows, is a fault of the parser.
/// </summary>
public sealed class FuzzTests
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(2);

    private static readonly Checkpoint Stored = new()
    {
        Key = new("default", "shop", "lake"), N = 3, Fence = 4, BatchId = "b-1", RunId = "20261103T100000-abcdef", PlanHash = "sha256:00", Fingerprint = "items seq",
        Sources = new Dictionary<string, SourcePosition> { ["items"] = new("sqlite.table/1", "/data/shop.db", JsonNode.Parse("""{"values":[{"type":"integer","value":"7"}]}""")!.AsObject()) },
        DeadLetters = [new(null, "refused/b-1.parquet", "good", 2, "00")],
        Rows = 5,
    };

    [Test]
    public void A_pipeline_is_compiled_or_told_what_is_wrong()
    {
        using var disk = Project();
        string[] corpus = [.. Shape.All.Select(s => s.Pipeline), .. Directory.EnumerateFiles(Path.Combine(LoadedPlugins.Repository, "pipelines"), "*.yaml", SearchOption.AllDirectories).Select(File.ReadAllText)];
        string[] tokens = ["&a ", "*a", "!!binary ", "<<: ", "? ", "|\n", ">-\n", "---\n", "#", "%", "- ", "${", "${X:-", "{{", "}}", "{{ params.", "$p", "stages:", "with:", "from: [", "id: good", "transform: sql", "policies:"];
        var file = Path.Combine(disk.Folder, "shop.yaml");
        Mutations.Of(corpus, tokens).Sample(
            text => Answers<InvalidPipelineException>(() =>
            {
                File.WriteAllBytes(file, Encoding.UTF8.GetBytes(text));
                var pipeline = Runner.CompileAsync(new PipelineRunRequest(file) { Connects = false }).GetAwaiter().GetResult();
                pipeline.DisposeAsync().AsTask().GetAwaiter().GetResult();
            }),
            time: Mutations.Seconds,
            threads: 1,
            print: Print);
    }

    [Test]
    public async Task Two_stages_with_one_id_are_told()
    {
        using var disk = Project();
        disk.Write("shop.yaml", Shape.Mirror.Pipeline.Replace("id: lake,", "id: warehouse,", StringComparison.Ordinal));
        var error = await Assert.ThrowsAsync<InvalidPipelineException>(() => Runner.CompileAsync(new PipelineRunRequest(Path.Combine(disk.Folder, "shop.yaml")) { Connects = false }));
        Assert.That(error!.Diagnostics.Select(d => d.Code), Is.EqualTo(new[] { "ETL1023" }));
    }

    [Test]
    public void A_contract_and_the_connections_are_read_or_told_what_is_wrong()
    {
        using var disk = Project();
        string[] tokens = ["&a ", "*a", "!!int ", "<<: ", "${", "${X:-", "${file:", "type: ", "arrowType", "decimal(", "decimal(39,2)", "logicalType: ", "precision: "];
        Gen.Select(Gen.Bool, Mutations.Of([Shape.Mirror.Contract], tokens), Mutations.Of([Shape.Connections], tokens)).Sample(
            (contract, one, two) => Answers<InvalidPipelineException>(() =>
            {
                disk.Write("items.contract.yaml", contract ? one : Shape.Mirror.Contract);
                disk.Write("connections.yaml", contract ? Shape.Connections : two);
                var pipeline = Runner.CompileAsync(new PipelineRunRequest(Path.Combine(disk.Folder, "shop.yaml")) { Connects = false }).GetAwaiter().GetResult();
                pipeline.DisposeAsync().AsTask().GetAwaiter().GetResult();
            }),
            time: Mutations.Seconds,
            threads: 1);
    }

    [Test]
    public void A_template_has_a_value_or_is_told_what_is_wrong()
    {
        var run = new RunContext("20260131T120000-abcdef", new DateOnly(2026, 1, 31), new DateTimeOffset(2026, 1, 31, 12, 0, 0, TimeSpan.Zero), new Dictionary<string, string>());
        var model = new TemplateModel("shop", run, new Dictionary<string, object> { ["n"] = 5L, ["s"] = "text", ["d"] = new DateOnly(2026, 1, 1) });
        string[] corpus =
        [
            "{{ params.n | math.plus 1 }}", "x {{ if params.s == 'text' }}a{{ else }}b{{ end }}", "{{ for i in 1..3 }}{{ i }}{{ end }}", "{{ run.date | date.add_days -1 | date.to_string '%Y-%m-%d' }}",
            "{{ func f(x) }}{{ x }}{{ end }}{{ f 3 }}", "{{ x = [1, 2]; x[0] }}", "{{ s = { a: 1 }; s.a }}", "{{ case params.n; when 5; 'five'; end }}", "{{ 'a' | string.pad_left 8 | string.upcase }}",
        ];
        string[] tokens =
        [
            "{{", "}}", "{{~", "~}}", "{%{", "}%}", "while true", "for i in ", "1..1000000", "end", "func ", "ret", "capture x", "wrap ", "include 'x'", "import ", "this", "params", "run.", "date.now", "string.", "math.",
            "| ", "?", "??", "**", "&&", "@", "$", "$0", "=>", "do ", "string.split ", "string.slice ", "string.pad_left 100000", "math.divided_by 0", "% 0", "/ 0", "(", ")",
        ];
        Mutations.Of(corpus, tokens).Sample(text => Answers<TemplateException>(() => model.Render(text)), time: Mutations.Seconds, threads: 1, print: Print);
    }

    [Test]
    public void A_checkpoint_with_a_right_checksum_is_read_or_told_to_be_damaged() => Mutations.Of([Stored.ToJson()], "\"version\":2", "\"n\":", "\"sources\":", "\"position\":").Sample(
        text => Answers<EtlException>(() => Checkpoint.Parse(Sealed(text))),
        time: Mutations.Seconds,
        threads: 1,
        print: Print);

    [Test]
    public async Task A_lakes_log_is_read_or_told_to_be_damaged()
    {
        string[] corpus = [.. await LogsAsync()];
        using var disk = Project();
        var pipeline = await Runner.CompileAsync(new PipelineRunRequest(Path.Combine(disk.Folder, "shop.yaml")));
        await using var owned = pipeline;
        var load = pipeline.Nodes.OfType<LoadNode>().Single(l => l.Id == "lake");
        var request = new LoadRequest(new CheckpointKey("default", "shop", "lake"), load.Schema, "run-1", false, "host:1", TimeSpan.FromMinutes(1), _ => { });
        string[] tokens = ["{\"add\":{}}\n", "{\"remove\":null}\n", "{\"protocol\":{\"minReaderVersion\":2}}\n", "{\"metaData\":{}}\n", "{\"txn\":{}}\n", "\"path\":\"../../x\"", "deletionVector", "\"struct\"", "schemaString", "decimal(99,1)"];
        Mutations.Of(corpus, tokens).Sample(
            text => Answers<EtlException>(() =>
            {
                disk.Write("out/files/lake/_delta_log/00000000000000000000.json", text);
                load.Loader.ReadCheckpointAsync(request.Key, default).AsTask().GetAwaiter().GetResult();
                load.Loader.OpenAsync(request, default).AsTask().GetAwaiter().GetResult().DisposeAsync().AsTask().GetAwaiter().GetResult();
            }),
            time: Mutations.Seconds,
            threads: 1,
            print: Print);
    }

    private static PipelineRunner Runner => new([], TimeProvider.System) { Shared = LoadedPlugins.Catalog };

    private static Disk Project()
    {
        var disk = new Disk();
        disk.Write("etl.yaml", "");
        disk.Write("connections.yaml", Shape.Connections);
        disk.Write("items.contract.yaml", Shape.Mirror.Contract);
        disk.Write("shop.yaml", Shape.Mirror.Pipeline);
        return disk;
    }

    // Versions of a log as runs write them, each as if it were the first.
    private static async Task<IReadOnlyList<string>> LogsAsync()
    {
        using var shop = new Shop(Shape.Mirror);
        await shop.PlayAsync([new Step.Write(1, 2, false), new Step.Write(2, -1, false), new Step.Run(), new Step.Write(1, 3, false), new Step.Run()]);
        return shop.LakeLog();
    }

    // A value or the declared diagnostic, in time: the processor's, which does not depend on what else the machine does. Other tests of this process count too, so what took
    // too long is tried again.
    private static void Answers<TDiagnostic>(Action read) where TDiagnostic : Exception
    {
        for (var attempt = 1; ; attempt++)
        {
            var started = Environment.CpuUsage.TotalTime;
            try
            {
                read();
            }
            catch (TDiagnostic e) when (e is not EtlException { Code: "" })
            {
                // What is wrong was told.
            }

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

    // With the checksum that a damaged text would not have; a text that is no object stays as it is.
    private static string Sealed(string text)
    {
        try
        {
            if (JsonNode.Parse(text) is JsonObject json)
            {
                json.Remove("checksum");
                json["checksum"] = BinaryPrimitives.ReadUInt64BigEndian(SHA256.HashData(Encoding.UTF8.GetBytes(json.ToJsonString()))).ToString("x16", CultureInfo.InvariantCulture);
                return json.ToJsonString();
            }
        }
        catch (Exception e) when (e is JsonException or ArgumentException or InvalidOperationException)
        {
            return text;
        }

        return text;
    }

    private static string Print(string text) => JsonSerializer.Serialize(text.Length <= 3000 ? text : text[..3000]);
}
