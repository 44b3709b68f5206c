using System.Reflection;
using Etl.EndToEnd.Tests;
using Etl.Testing;
using NUnit.Framework;

namespace Etl.Plugins.Tests.Conformance;

/// <summary>What the kit asks of any plugin holds for those that come with the framework.</summary>
public sealed class ConformanceTests
{
    private static IEnumerable<string> Plugins => Directory
        .GetFiles(AppContext.BaseDirectory, "Etl.Plugins.*.dll").Select(f => Path.GetFileNameWithoutExtension(f)).Where(n => n != "Etl.Plugins.Tests").Order(StringComparer.Ordinal);

    [Test]
    public void All_are_looked_through() => Assert.That(Plugins.Count(), Is.EqualTo(Directory.GetDirectories(Path.Combine(RepositoryFolder.Path, "plugins"), "Etl.Plugins.*").Length));

    [TestCaseSource(nameof(Plugins))]
    public void A_plugin_keeps_the_contract(string name) => Assert.That(PluginConformance.CheckAssembly(Assembly.Load(name)), Is.Empty);
}
