using System.Globalization;
using System.Reflection.PortableExecutable;
using System.Text;
using System.Text.RegularExpressions;
using NUnit.Framework;

namespace Etl.EndToEnd.Tests;

/// <summary>
/// What a start of the shipped command line costs: methods that are compiled at the start although it was compiled when it was published, and assemblies that are loaded. They
/// are counted, not timed, so that a busy machine gives the same answer; the ceilings are a tenth above what was counted.
/// </summary>
public sealed partial class StartUpTests
{
    private const string ToDo =
        "What this adds to each start is listed above by type, most first; all of it is in the file that DOTNET_JitStdOutFile=FILE DOTNET_JitDisasmSummary=1 has written. "
        + "Common causes: a regular expression or an expression tree that is compiled at run time, JSON by reflection, a generic type of the framework over a struct, reflection for what is "
        + "known when it is built. If it is worth its price, raise the ceiling; if fewer are counted now, lower it.";

    private const string Contract = """
        apiVersion: v3.0.2
        kind: DataContract
        id: orders
        version: "1.0.0"
        status: active
        schema:
          - name: orders
            physicalName: orders
            logicalType: object
            properties:
              - { name: id, logicalType: integer, required: true, primaryKey: true }
              - { name: email, logicalType: string }
              - { name: created_at, logicalType: timestamp, required: true }
        """;

    private const string Queried = """
        apiVersion: etl/v1
        pipeline: queried
        stages:
          - { id: orders, extract: table, connection: shop, contract: orders.yaml, with: { table: orders } }
          - { id: tidy, transform: clean, from: orders, with: { trim: [email], lower: [email] } }
          - { id: dated, transform: derive, from: tidy, with: { columns: { day: "cast(created_at as date)" } } }
          - { id: dwh, load: table, from: dated, connection: shop, with: { table: copied, mode: upsert, key: [id] } }
        """;

    private const string Moved = """
        apiVersion: etl/v1
        pipeline: moved
        stages:
          - { id: orders, extract: csv, connection: files, contract: orders.yaml, with: { path: orders.csv } }
          - { id: copied, load: csv, from: orders, connection: files, with: { path: copied, mode: replace } }
        """;

    [TestCase(358, "validate", "queried.yaml")]
    [TestCase(1295, "run", "moved.yaml")]
    public async Task Methods_that_are_compiled_at_the_start(int most, params string[] command)
    {
        RequirePublished();
        using var project = Project();
        var list = project.PathOf("compiled.txt");
        project.Environment["DOTNET_JitStdOutFile"] = list;
        project.Environment["DOTNET_JitDisasmSummary"] = "1";
        await RunAsync(project, command);

        // Later tiers are made beside the run, the more the longer it takes.
        var compiled = (await File.ReadAllLinesAsync(list)).Where(l => !l.Contains("[Tier1", StringComparison.Ordinal)).ToList();
        var types = compiled.CountBy(l => Owner().Match(l).Groups[1].Value).OrderByDescending(t => t.Value).Take(30).Select(t => string.Create(CultureInfo.InvariantCulture, $"{t.Value,5}  {t.Key}"));
        TestContext.Out.WriteLine($"{string.Join(' ', command)}: {compiled.Count}");
        Assert.That(compiled, Has.Count.InRange(1, most), $"{string.Join('\n', types)}\n{ToDo}");
    }

    [TestCase(55, "validate", "queried.yaml")]
    [TestCase(73, "run", "moved.yaml")]
    public async Task Assemblies_that_are_loaded_at_the_start(int most, params string[] command)
    {
        RequirePublished();
        using var project = Project();
        var trace = project.PathOf("trace.nettrace");
        project.Environment["DOTNET_EnableEventPipe"] = "1";
        project.Environment["DOTNET_EventPipeOutputPath"] = trace;
        project.Environment["DOTNET_EventPipeConfig"] = "Microsoft-Windows-DotNETRuntime:8:4";
        await RunAsync(project, command);

        // An assembly's name is UTF-16 in the trace, at an even or an odd place.
        var bytes = await File.ReadAllBytesAsync(trace);
        var loaded = new[] { 0, 1 }.SelectMany(at => AssemblyName().Matches(Encoding.Unicode.GetString(bytes, at, bytes.Length - at))).Select(m => m.Groups[1].Value).Distinct().Order(StringComparer.Ordinal).ToList();
        TestContext.Out.WriteLine($"{string.Join(' ', command)}: {loaded.Count}");
        Assert.That(loaded, Has.Count.InRange(10, most), string.Join('\n', loaded));
    }

    private static void RequirePublished()
    {
        using var file = new PEReader(File.OpenRead(ShippedCli.Dll));
        if (file.PEHeaders.CorHeader!.ManagedNativeHeaderDirectory.Size == 0)
        {
            Assert.Ignore("ETL_CLI names a build that compiles everything at its start; tools/etl publishes the one that this is about.");
        }
    }

    private static ProjectFolder Project() => ProjectFolder.With(
        ("etl.yaml", ""),
        ("connections.yaml", "connections:\n  shop: { type: postgres, host: localhost, database: shop, user: etl, password: \"${SHOP_PASSWORD:-none}\" }\n  files: { type: file, root: data }\n"),
        ("orders.yaml", Contract),
        ("queried.yaml", Queried),
        ("moved.yaml", Moved),
        ("data/orders.csv", "id,email,created_at\n1,a@example.com,2026-01-01T00:00:00Z\n"));

    private static async Task RunAsync(ProjectFolder project, string[] command)
    {
        var result = await project.RunAsync(command);
        Assert.That(result.ExitCode, Is.Zero, result.ToString());
    }

    // The type of a line such as " 12: JIT compiled System.Collections.Generic.List`1[long]:Add(long) [Tier0, IL size=12, code size=34]".
    [GeneratedRegex(@"JIT compiled ([^:(`\[]*)", RegexOptions.CultureInvariant)]
    private static partial Regex Owner();

    [GeneratedRegex(@"([A-Za-z0-9_.]+), Version=[0-9.]+, Culture=", RegexOptions.CultureInvariant)]
    private static partial Regex AssemblyName();
}
