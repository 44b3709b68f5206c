using Etl.Runtime.Plugins;
using NUnit.Framework;

[assembly: Parallelizable(ParallelScope.All)]
[assembly: FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
[assembly: LevelOfParallelism(2)]

namespace Etl.Model.Tests;

/// <summary>The project's plugins as they were built, loaded once: thousands of runs share them.</summary>
[SetUpFixture]
public sealed class LoadedPlugins
{
    private static DirectoryInfo? _folder;

    /// <summary>All that can be named in a pipeline.</summary>
    internal static PluginCatalog Catalog { get; private set; } = null!;

    /// <summary>The folder that holds <c>global.json</c>.</summary>
    internal static string Repository { get; } = FindRepository();

    [OneTimeSetUp]
    public void Load()
    {
        _folder = Directory.CreateTempSubdirectory("etl-model-plugins-");
        // bin/CONFIGURATION/FRAMEWORK/SYSTEM: the plugins of the same build.
        var configuration = new DirectoryInfo(AppContext.BaseDirectory).Parent!.Parent!.Name;
        foreach (var plugin in Directory.GetDirectories(Path.Combine(Repository, "plugins"), "Etl.Plugins.*"))
        {
            var target = _folder.CreateSubdirectory(Path.GetFileName(plugin));
            foreach (var file in Directory.GetFiles(Path.Combine(plugin, "bin", configuration, "net10.0"), "*.dll"))
            {
                File.Copy(file, Path.Combine(target.FullName, Path.GetFileName(file)));
            }
        }

        Catalog = PluginCatalog.Scan([_folder.FullName]);
    }

    [OneTimeTearDown]
    public void Unload()
    {
        Catalog?.Dispose();
        _folder?.Delete(recursive: true);
    }

    private static string FindRepository()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(folder.FullName, "global.json")))
        {
            folder = folder.Parent ?? throw new DirectoryNotFoundException("no folder above the tests holds global.json");
        }

        return folder.FullName;
    }
}
