using System.Runtime.Loader;
using Etl.Contracts;
using Etl.Plugins.Tests;
using Etl.Runtime.Options;
using Etl.Runtime.Plugins;
using Etl.Testing;
using NUnit.Framework;

namespace Etl.Runtime.Tests.Plugins;

/// <summary>What the catalog makes of folders with real DLLs, good and broken.</summary>
public sealed class PluginCatalogTests
{
    private PluginFolder folder = null!;

    [SetUp]
    public void Create() => folder = new PluginFolder();

    [TearDown]
    public void Delete() => folder.Dispose();

    [Test]
    public void A_scan_lists_components_and_loads_nothing()
    {
        using var catalog = PluginCatalog.Scan([folder.WithSample("Listed").Root]);

        Assert.That(catalog.Components.Select(c => $"{c.Kind} {c.Name} {c.TypeName} {c.Plugin}"), Is.EqualTo((string[])
        [
            "Extractor numbers Etl.SamplePlugin.Numbers Listed",
            "Extractor unsound Etl.SamplePlugin.Unsound Listed",
            "Transformer keep_columns Etl.SamplePlugin.KeepColumns Listed",
            "Transformer misdeclared Etl.SamplePlugin.Misdeclared Listed",
            "Transformer stranger Etl.SamplePlugin.Stranger Listed",
            "Loader tally Etl.SamplePlugin.Tally Listed",
        ]));
        Assert.That(AppDomain.CurrentDomain.GetAssemblies().Where(a => !a.IsDynamic && a.Location.StartsWith(folder.Root, StringComparison.Ordinal)), Is.Empty);
    }

    [Test]
    public void A_plugin_has_a_load_context_of_its_own_and_shares_the_contract()
    {
        using var catalog = PluginCatalog.Scan([folder.WithSample().Root]);
        var type = catalog.Load(catalog.Find(ComponentKind.Transformer, "stranger")!);
        var context = AssemblyLoadContext.GetLoadContext(type.Assembly)!;
        Version? Sees(string name) => context.LoadFromAssemblyName(new System.Reflection.AssemblyName(name)).GetName().Version;

        Assert.Multiple(() =>
        {
            Assert.That(context, Is.Not.SameAs(AssemblyLoadContext.Default));
            Assert.That(type.GetInterface(typeof(IBatchTransformer).FullName!), Is.SameAs(typeof(IBatchTransformer)));
            Assert.That((Sees("YamlDotNet")!.Major, typeof(YamlDotNet.Core.Parser).Assembly.GetName().Version!.Major), Is.EqualTo((16, 18)));
            Assert.That(context.LoadFromAssemblyName(typeof(DuckDB.NET.Data.DuckDBConnection).Assembly.GetName()), Is.SameAs(typeof(DuckDB.NET.Data.DuckDBConnection).Assembly));
            Assert.That(context.LoadFromAssemblyName(typeof(FluentValidation.IValidator).Assembly.GetName()), Is.SameAs(typeof(FluentValidation.IValidator).Assembly));
        });
    }

    [Test]
    public void Rules_of_a_plugins_options_are_found_across_the_load_contexts()
    {
        using var catalog = PluginCatalog.Scan([folder.WithSample().Root]);
        var options = Factory(catalog).OptionsType(catalog.Find(ComponentKind.Transformer, "keep_columns")!)!;

        Assert.That(OptionSet.For(options).Rules.Select(r => r.GetType().Name), Is.EqualTo((string[])["KeepColumnsRules"]));
    }

    [Test]
    public void The_sample_keeps_the_contract() => Assert.That(PluginConformance.CheckFolder(folder.WithSample().Root), Is.Empty);

    [Test]
    public void A_folder_that_is_not_there() => AssertTold(
        [Path.Combine(folder.Root, "none")],
        "ETL5001: the plugin folder 'ROOT/none' is not there. Folders come from --plugins, from etl.yaml and from ETL_PLUGINS.");

    [Test]
    public void A_dll_that_is_not_dotnet()
    {
        folder.WithFile("Native", "Native.dll", "MZ, but nothing more"u8.ToArray());
        AssertTold("ETL5002: 'ROOT/Native/Native.dll' is not a .NET assembly. A plugin is a class library for .NET; publish it with `dotnet publish` and copy the whole folder.");
    }

    [Test]
    public void Another_contract()
    {
        folder.WithReferences("Newer", ("Etl.Contracts", new Version(9, 0, 0, 0)));
        AssertTold("ETL5003: plugin 'Newer' is built against Etl.Contracts 9.0.0; this version has 0.1.0. Build it against this version, or take a release of it that is.");
    }

    [Test]
    public void No_contract()
    {
        folder.WithReferences("Library", ("Something", new Version(1, 0, 0, 0)));
        AssertTold("ETL5003: plugin 'Library' is not built against Etl.Contracts. If it is no plugin, move it out of the plugin folder.");
    }

    [Test]
    public void One_component_in_two_plugins()
    {
        folder.WithSample().WithSample("Twin");
        AssertTold("ETL5004: two plugins offer the transformer 'keep_columns': 'Etl.SamplePlugin' and 'Twin'. Remove one of the plugins, or rename the component in one of them.");
    }

    [Test]
    public void One_plugin_in_two_folders()
    {
        using var other = new PluginFolder().WithSample();
        folder.WithSample();
        AssertTold(
            [folder.Root, other.Root],
            $"ETL5004: two plugins are named 'Etl.SamplePlugin': 'ROOT/Etl.SamplePlugin' and '{other.Root}/Etl.SamplePlugin'. Remove one of the folders.");
    }

    [Test]
    public void A_folder_without_its_dll()
    {
        folder.WithFile("Lost", "readme.txt", []);
        AssertTold("ETL5005: the plugin folder 'ROOT/Lost' has no 'Lost.dll'. A plugin's folder has the name of its DLL. If this is no plugin, move it out of the plugin folder.");
    }

    [Test]
    public void A_newer_shared_engine()
    {
        var host = typeof(DuckDB.NET.Data.DuckDBConnection).Assembly.GetName().Version;
        folder.WithReferences("Eager", ("Etl.Contracts", new Version(0, 1, 0, 0)), ("DuckDB.NET.Data", new Version(99, 0, 0, 0)));
        AssertTold($"ETL5006: plugin 'Eager' needs DuckDB.NET.Data 99.0.0.0; this process has {host}, and two copies of it would corrupt files. Build the plugin against that version.");
    }

    [Test]
    public void A_class_that_is_not_in_the_dll()
    {
        using var catalog = PluginCatalog.Scan([folder.WithSample().Root]);
        var missing = catalog.Components[0] with { TypeName = "Etl.SamplePlugin.Gone" };
        var error = Assert.Throws<EtlException>(() => catalog.Load(missing))!;

        Assert.That(WholeText.Of(error), Is.EqualTo(
            $"ETL5007: plugin 'Etl.SamplePlugin' could not be loaded: {error.InnerException!.Message}. Publish it with `dotnet publish`, so that its folder holds all that it needs, and copy the whole folder."));
        Assert.That(error.Message, Does.StartWith("plugin 'Etl.SamplePlugin' could not be loaded: Could not resolve type 'Etl.SamplePlugin.Gone' in assembly 'Etl.SamplePlugin"));
    }

    [Test]
    public void A_class_without_a_single_constructor()
    {
        using var catalog = PluginCatalog.Scan([folder.WithSample().Root]);
        var twoWays = catalog.Components[0] with { TypeName = "Etl.SamplePlugin.TwoWays" };
        var error = Assert.Throws<EtlException>(() => Factory(catalog).OptionsType(twoWays))!;

        Assert.That($"{error.Code}: {error.Message}", Is.EqualTo("ETL5008: 'Etl.SamplePlugin.TwoWays' of plugin 'Etl.SamplePlugin' has 2 public constructors; a component has one"));
    }

    private static ComponentFactory Factory(PluginCatalog catalog) => new(catalog, new PluginContext("/", "/", 1, TimeProvider.System));

    private void AssertTold(string text) => AssertTold([folder.Root], text);

    private void AssertTold(string[] folders, string text)
    {
        var error = Assert.Throws<EtlException>(() => PluginCatalog.Scan(folders))!;
        Assert.That($"{error.Code}: {error.Message}. {error.Hint}".Replace(folder.Root, "ROOT", StringComparison.Ordinal), Is.EqualTo(text));
    }
}
