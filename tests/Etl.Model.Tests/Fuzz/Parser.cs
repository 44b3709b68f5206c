using System.Buffers.Binary;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Etl.Contracts;
using Etl.Model.Tests.Protocol;
using Etl.Runtime;
using Etl.Runtime.Compilation;
using Etl.Runtime.Definition;
using Etl.Runtime.Diagnostics;

namespace Etl.Model.Tests.Fuzz;

/// <summary>
/// A parser of what people and crashes can write, with texts that it takes. Its answer is a value or a diagnostic with a code; any other exception, a stack that overflows
/// and an answer that does not come are faults of the parser.
/// </summary>
internal sealed class Parser : IAsyncDisposable
{
    private readonly Type _diagnostic;
    private readonly Action<string> _read;
    private readonly Disk? _disk;
    private readonly IAsyncDisposable? _pipeline;

    private Parser(Type diagnostic, IReadOnlyList<string> corpus, IReadOnlyList<string> tokens, Action<string> read, Disk? disk = null, IAsyncDisposable? pipeline = null) =>
        (_diagnostic, Corpus, Tokens, _read, _disk, _pipeline) = (diagnostic, corpus, tokens, read, disk, pipeline);

    /// <summary>All of them.</summary>
    public static IReadOnlyDictionary<string, Func<Task<Parser>>> All { get; } = new Dictionary<string, Func<Task<Parser>>>
    {
        ["pipeline"] = () => Task.FromResult(Pipeline()),
        ["contract"] = () => Task.FromResult(Beside("items.contract.yaml", Shape.Mirror.Contract, "arrowType", "decimal(", "decimal(39,2)", "logicalType: ", "precision: ")),
        ["connections"] = () => Task.FromResult(Beside("connections.yaml", Shape.Connections, "${file:", "type: ")),
        ["template"] = () => Task.FromResult(Template()),
        ["checkpoint"] = () => Task.FromResult(StoredCheckpoint()),
        ["lake-log"] = LakeLogAsync,
    };

    /// <summary>Right texts, to be made wrong.</summary>
    public IReadOnlyList<string> Corpus { get; }

    /// <summary>What means something to it.</summary>
    public IReadOnlyList<string> Tokens { get; }

    /// <summary>Returns if it has an answer, and throws what is none.</summary>
    public void Read(string text)
    {
        try
        {
            _read(text);
        }
        catch (Exception e) when (_diagnostic.IsInstanceOfType(e) && e is not EtlException { Code: "" })
        {
            // What is wrong was told.
        }
    }

    public async ValueTask DisposeAsync()
    {
        await (_pipeline?.DisposeAsync() ?? ValueTask.CompletedTask);
        _disk?.Dispose();
    }

    private static Parser Pipeline()
    {
        var disk = Project();
        return new(
            typeof(InvalidPipelineException),
            [.. Shape.All.Select(s => s.Pipeline), .. Directory.EnumerateFiles(Path.Combine(LoadedPlugins.Repository, "pipelines"), "*.yaml", SearchOption.AllDirectories).Select(File.ReadAllText)],
            ["&a ", "*a", "!!binary ", "<<: ", "? ", "|\n", ">-\n", "---\n", "#", "%", "- ", "${", "${X:-", "{{", "}}", "{{ params.", "$p", "stages:", "with:", "from: [", "id: good", "transform: sql", "policies:"],
            text =>
            {
                disk.Write("shop.yaml", text);
                Compile(disk);
            },
            disk);
    }

    // A file that a right pipeline needs.
    private static Parser Beside(string name, string right, params string[] tokens)
    {
        var disk = Project();
        return new(
            typeof(InvalidPipelineException),
            [right],
            ["&a ", "*a", "!!int ", "<<: ", "${", "${X:-", .. tokens],
            text =>
            {
                disk.Write(name, text);
                Compile(disk);
            },
            disk);
    }

    private static Parser Template()
    {
        var run = new RunContext("20260131T120000-abcdef", new DateOnly(2026, 1, 31), new DateTimeOffset(2026, 1, 31, 12, 0, 0, TimeSpan.Zero), new Dictionary<string, string>());
        var model = new TemplateModel("shop", run, new Dictionary<string, object> { ["n"] = 5L, ["s"] = "text", ["d"] = new DateOnly(2026, 1, 1) });
        return new(
            typeof(TemplateException),
            [
                "{{ params.n | math.plus 1 }}", "x {{ if params.s == 'text' }}a{{ else }}b{{ end }}", "{{ for i in 1..3 }}{{ i }}{{ end }}", "{{ run.date | date.add_days -1 | date.to_string '%Y-%m-%d' }}",
                "{{ func f(x) }}{{ x }}{{ end }}{{ f 3 }}", "{{ x = [1, 2]; x[0] }}", "{{ s = { a: 1 }; s.a }}", "{{ case params.n; when 5; 'five'; end }}", "{{ 'a' | string.pad_left 8 | string.upcase }}",
            ],
            [
                "{{", "}}", "{{~", "~}}", "{%{", "}%}", "while true", "for i in ", "1..1000000", "end", "func ", "ret", "capture x", "wrap ", "include 'x'", "import ", "this", "params", "run.", "date.now", "string.", "math.",
                "| ", "?", "??", "**", "&&", "@", "$", "$0", "=>", "do ", "string.split ", "string.slice ", "string.pad_left 100000", "math.divided_by 0", "% 0", "/ 0", "(", ")",
            ],
            text => model.Render(text));
    }

    private static Parser StoredCheckpoint()
    {
        var stored = new Checkpoint
        {
            Key = new("default", "shop", "lake"), N = 3, Fence = 4, BatchId = "b-1", RunId = "20261103T100000-abcdef", PlanHash = "sha256:00", Fingerprint = "items seq",
            Sources = new Dictionary<string, SourcePosition> { ["items"] = new("sqlite.table/1", "/data/shop.db", JsonNode.Parse("""{"values":[{"type":"integer","value":"7"}]}""")!.AsObject()) },
            DeadLetters = [new(null, "refused/b-1.parquet", "good", 2, "00")],
            Rows = 5,
        };
        return new(typeof(EtlException), [stored.ToJson()], ["\"version\":2", "\"n\":", "\"sources\":", "\"position\":"], text => Checkpoint.Parse(Sealed(text)));
    }

    private static async Task<Parser> LakeLogAsync()
    {
        // Versions of a log as runs write them, each as if it were the first.
        IReadOnlyList<string> corpus;
        using (var shop = new Shop(Shape.Mirror))
        {
            await shop.PlayAsync([new Step.Write(1, 2, false), new Step.Write(2, -1, false), new Step.Run(), new Step.Write(1, 3, false), new Step.Run()]);
            corpus = shop.LakeLog();
        }

        var disk = Project();
        var pipeline = await Runner.CompileAsync(new PipelineRunRequest(Path.Combine(disk.Folder, "shop.yaml")));
        var load = pipeline.Nodes.OfType<LoadNode>().Single(l => l.Id == "lake");
        var request = new LoadRequest(new CheckpointKey("default", "shop", "lake"), load.Schema, "run-1", false, "host:1", TimeSpan.FromMinutes(1), _ => { });
        return new(
            typeof(EtlException),
            corpus,
            ["{\"add\":{}}\n", "{\"remove\":null}\n", "{\"protocol\":{\"minReaderVersion\":2}}\n", "{\"metaData\":{}}\n", "{\"txn\":{}}\n", "\"path\":\"../../x\"", "deletionVector", "\"struct\"", "schemaString", "decimal(99,1)"],
            text =>
            {
                disk.Write("out/files/lake/_delta_log/00000000000000000000.json", text);
                load.Loader.ReadCheckpointAsync(request.Key, default).AsTask().GetAwaiter().GetResult();
                load.Loader.OpenAsync(request, default).AsTask().GetAwaiter().GetResult().DisposeAsync().AsTask().GetAwaiter().GetResult();
            },
            disk,
            pipeline);
    }

    private static PipelineRunner Runner => new([], TimeProvider.System) { Shared = LoadedPlugins.Catalog };

    private static void Compile(Disk disk)
    {
        var pipeline = Runner.CompileAsync(new PipelineRunRequest(Path.Combine(disk.Folder, "shop.yaml")) { Connects = false }).GetAwaiter().GetResult();
        pipeline.DisposeAsync().AsTask().GetAwaiter().GetResult();
    }

    private static Disk Project()
    {
        var disk = new Disk();
        disk.Write("etl.yaml", "");
        disk.Write("connections.yaml", Shape.Connections);
        disk.Write("items.contract.yaml", Shape.Mirror.Contract);
        disk.Write("shop.yaml", Shape.Mirror.Pipeline);
        return disk;
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
}
