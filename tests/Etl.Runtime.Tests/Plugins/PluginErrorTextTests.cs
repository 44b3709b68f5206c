using System.Runtime.Versioning;
using Etl.Plugins.Tests;
using Etl.Runtime.Plugins;
using NUnit.Framework;

namespace Etl.Runtime.Tests.Plugins;

/// <summary>What a person reads when a plugin's files are not to be trusted, or the plugin does not keep its word, whole.</summary>
public sealed class PluginErrorTextTests
{
    private PluginFolder folder = null!;
    private string project = "";

    private string Dll => Path.Combine(folder.Root, PluginFolder.Sample, PluginFolder.Sample + ".dll");

    [SetUp]
    public void Create()
    {
        folder = new PluginFolder().WithSample();
        project = Directory.CreateTempSubdirectory("etl-plugin-text-").FullName;
    }

    [TearDown]
    public void Delete()
    {
        folder.Dispose();
        Directory.Delete(project, recursive: true);
    }

    [Test]
    [Platform(Exclude = "Win")]
    [UnsupportedOSPlatform("windows")]
    public async Task A_file_that_everybody_may_write_to()
    {
        File.SetUnixFileMode(Dll, File.GetUnixFileMode(Dll) | UnixFileMode.OtherWrite);
        Assert.That(await ToldAsync(), Is.EqualTo("""
            ETL5021: everybody on this machine may write to 'PLUGINS/Etl.SamplePlugin/Etl.SamplePlugin.dll'
              A plugin runs with all rights of this process. Take the right away: chmod -R o-w on the plugin folder.
            """));
    }

    [Test]
    [Platform(Exclude = "Win")]
    public async Task A_link_that_leads_elsewhere()
    {
        File.CreateSymbolicLink(Path.Combine(Path.GetDirectoryName(Dll)!, "link.dll"), "/etc/hostname");
        Assert.That(await ToldAsync(), Is.EqualTo("""
            ETL5022: 'PLUGINS/Etl.SamplePlugin/link.dll' is a link that leads out of its plugin's folder
              Copy the file itself into the folder.
            """));
    }

    [TestCase("", "The input does not contain any JSON tokens. Expected the input to start with a valid JSON token, when isFinalBlock is true. Path: $ | LineNumber: 0 | BytePositionInLine: 0.")]
    [TestCase("{\"version\": 2, \"plugins\": {}}", "it has version 2, and this program reads 1")]
    public async Task A_lock_that_cannot_be_read(string text, string why)
    {
        await File.WriteAllTextAsync(Path.Combine(project, PluginLock.FileName), text);
        Assert.That(await ToldAsync(), Is.EqualTo($"""
            ETL5023: 'PROJECT/plugins.lock' cannot be read: {why}
              Take it from version control again, or make it anew with `etl plugins lock` after a review of the plugins.
            """));
    }

    [Test]
    public async Task An_extractor_that_yields_other_columns_than_it_declared()
    {
        var file = Path.Combine(project, "p.yaml");
        await File.WriteAllTextAsync(Path.Combine(project, "etl.yaml"), "");
        await File.WriteAllTextAsync(file, """
            apiVersion: etl/v1
            pipeline: p
            stages:
              - { id: numbers, extract: unsound, with: { fault: other_columns } }
              - { id: counted, load: tally, from: numbers, with: { file: tally.json } }
            """);
        using var runner = new PipelineRunner([folder.Root], TimeProvider.System);
        var error = (await runner.RunAsync(new PipelineRunRequest(file), CancellationToken.None)).Error!;
        Assert.That($"{error.Code} in stage {error.Stage}: {error.Message}\n  {error.Hint}", Is.EqualTo("""
            ETL5020 in stage numbers: extractor 'unsound' of stage 'numbers' yields 'count' of type int64 where it declared 'number' of type int64
              This is an error of the plugin: tell its author, or take the version before it.
            """));
    }

    [TestCase("count", "2 columns where it declared 3")]
    [TestCase("name", "'cost' of type decimal128(10,2) where it declared 'price' of type decimal128(10,2)")]
    [TestCase("order", "'number' of type decimal128(10,2) where it declared 'number' of type int64")]
    [TestCase("scale", "'price' of type decimal128(10,4) where it declared 'price' of type decimal128(10,2)")]
    [TestCase("zone", "'at' of type timestamp[us] where it declared 'at' of type timestamp[us,UTC]")]
    [TestCase("no_value", "NULL in 'price', which it declared never to be NULL")]
    [TestCase("none", null)]
    public async Task A_transformer_that_yields_other_rows_than_it_declared(string fault, string? told)
    {
        var file = Path.Combine(project, "p.yaml");
        await File.WriteAllTextAsync(Path.Combine(project, "etl.yaml"), "");
        await File.WriteAllTextAsync(file, $$"""
            apiVersion: etl/v1
            pipeline: p
            stages:
              - { id: numbers, extract: numbers, with: { count: 10 } }
              - { id: priced, transform: misdeclared, from: numbers, with: { fault: {{fault}} } }
              - { id: counted, load: tally, from: priced, with: { file: tally.json } }
            """);
        using var runner = new PipelineRunner([folder.Root], TimeProvider.System);
        var report = await runner.RunAsync(new PipelineRunRequest(file), CancellationToken.None);
        Assert.That(report.Error is { } error ? $"{error.Code} in stage {error.Stage}: {error.Message}\n  {error.Hint}" : null, Is.EqualTo(told is null ? null : $"""
            ETL5020 in stage priced: transformer 'misdeclared' of stage 'priced' yields {told}
              This is an error of the plugin: tell its author, or take the version before it.
            """));
    }

    private Task<string> ToldAsync() => ErrorText.OfAsync(
        () =>
        {
            PluginCatalog.Scan([folder.Root], PluginLock.Read(project, Path.Combine(project, ".etl"))).Dispose();
            return Task.CompletedTask;
        },
        (folder.Root, "PLUGINS"), (project, "PROJECT"));
}
