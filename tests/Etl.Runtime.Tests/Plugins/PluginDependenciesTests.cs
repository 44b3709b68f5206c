using System.Runtime.Loader;
using System.Text;
using Etl.Contracts;
using Etl.Runtime.Plugins;
using NUnit.Framework;

namespace Etl.Runtime.Tests.Plugins;

/// <summary>A deps.json that .NET's host cannot read would abort the process: it is refused before.</summary>
public sealed class PluginDependenciesTests
{
    private const string Target = "\"runtimeTarget\":{\"name\":\"a\"}";

    [TestCase("", "it is not JSON: The input does not contain any JSON tokens. Expected the input to start with a valid JSON token, when isFinalBlock is true. LineNumber: 0 | BytePositionInLine: 0")]
    [TestCase("[]", "it is no object")]
    [TestCase("{}", "runtimeTarget has no name")]
    [TestCase("{\"runtimeTarget\":{\"name\":1},\"targets\":{},\"libraries\":{}}", "runtimeTarget has no name")]
    [TestCase("{" + Target + ",\"targets\":{}}", "targets or libraries is no object")]
    [TestCase("{" + Target + ",\"targets\":{\"a\":{\"x/1\":{\"runtime\":{\"x.dll\":{}}}}},\"libraries\":{\"x/1\":{}}}", "libraries has 'x/1' without type, serviceable or sha512")]
    [TestCase("{" + Target + ",\"targets\":{\"a\":{\"x/1\":1}},\"libraries\":{}}", "targets has 'x/1', which is no object")]
    [TestCase("{" + Target + ",\"targets\":{\"a\":{\"x/1\":{\"native\":[]}}},\"libraries\":{}}", "native of 'x/1' is no object")]
    [TestCase("{" + Target + ",\"targets\":{\"a\":{\"x/1\":{\"runtimeTargets\":{\"x.so\":{\"rid\":\"linux-x64\"}}}}},\"libraries\":{}}", "runtimeTargets of 'x/1' has 'x.so' without what belongs to it")]
    public void A_damaged_file_is_told_and_nothing_is_loaded(string json, string fault)
    {
        using var folder = new PluginFolder().WithSample().WithFile(PluginFolder.Sample, PluginFolder.Sample + ".deps.json", Encoding.UTF8.GetBytes(json));
        using var catalog = PluginCatalog.Scan([folder.Root]);
        var error = Assert.Throws<EtlException>(() => catalog.Load(catalog.Components[0]))!;
        Assert.That($"{error.Code}: {error.Message}. {error.Hint}", Is.EqualTo(
            $"ETL5026: plugin 'Etl.SamplePlugin' cannot be loaded with its Etl.SamplePlugin.deps.json: {fault}. Publish the plugin with `dotnet publish` and copy the whole folder; without the file, it is loaded by the DLLs beside it."));
    }

    [Test]
    public void Without_the_file_the_dlls_beside_the_plugin_are_taken()
    {
        using var folder = new PluginFolder().WithSample();
        File.Delete(Path.Combine(folder.Root, PluginFolder.Sample, PluginFolder.Sample + ".deps.json"));
        using var catalog = PluginCatalog.Scan([folder.Root]);
        var context = AssemblyLoadContext.GetLoadContext(catalog.Load(catalog.Components[0]).Assembly)!;
        Assert.That(context.LoadFromAssemblyName(new System.Reflection.AssemblyName("YamlDotNet")).GetName().Version!.Major, Is.EqualTo(16), "the plugin's own, and not the one of this process");
    }
}
