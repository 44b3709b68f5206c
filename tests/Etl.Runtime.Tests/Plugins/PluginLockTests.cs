using Etl.Contracts;
using Etl.Plugins.Tests;
using Etl.Runtime.Plugins;
using NUnit.Framework;

namespace Etl.Runtime.Tests.Plugins;

/// <summary>Only what was locked is loaded, from a copy that nobody else can write to.</summary>
public sealed class PluginLockTests
{
    private PluginFolder folder = null!;
    private string project = "";

    private string State => Path.Combine(project, ".etl");

    private string Plugin => Path.Combine(folder.Root, PluginFolder.Sample);

    private string Dll => Path.Combine(Plugin, PluginFolder.Sample + ".dll");

    [SetUp]
    public void Create()
    {
        folder = new PluginFolder().WithSample();
        project = Directory.CreateTempSubdirectory("etl-lock-").FullName;
        File.WriteAllText(Path.Combine(project, PluginLock.FileName), PluginLock.Write([Plugin]));
    }

    [TearDown]
    public void Delete()
    {
        folder.Dispose();
        Directory.Delete(project, recursive: true);
    }

    [Test]
    public void What_is_locked_is_loaded_from_a_private_copy_of_the_bytes_that_were_compared()
    {
        using var catalog = Scan();
        var component = catalog.Find(ComponentKind.Transformer, "keep_columns")!;
        // Changed after the check and before the load.
        File.WriteAllBytes(Dll, [1, 2, 3]);

        var assembly = catalog.Load(component).Assembly;

        Assert.That(assembly.Location, Does.StartWith(State + Path.DirectorySeparatorChar));
        if (!OperatingSystem.IsWindows())
        {
            Assert.That(File.GetUnixFileMode(Path.GetDirectoryName(assembly.Location)!), Is.EqualTo(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute));
        }
    }

    [Test]
    public void A_copy_that_was_cut_off_is_made_anew()
    {
        Scan().Dispose();
        foreach (var file in Directory.GetFiles(State, "*.dll", SearchOption.AllDirectories))
        {
            File.WriteAllBytes(file, File.ReadAllBytes(file)[..100]);
        }

        using var catalog = Scan();
        Assert.That(catalog.Load(catalog.Components[0]).Name, Is.Not.Empty);
        Assert.That(Directory.GetDirectories(State, ".next-*", SearchOption.AllDirectories), Is.Empty);
    }

    [Test]
    public void A_flipped_byte_a_file_more_and_a_file_less_are_told()
    {
        var bytes = File.ReadAllBytes(Dll);
        bytes[^1] ^= 1;
        File.WriteAllBytes(Dll, bytes);
        File.WriteAllText(Path.Combine(Plugin, "extra.dll"), "");
        File.Delete(Path.Combine(Plugin, PluginFolder.Sample + ".deps.json"));

        AssertTold(
            $"ETL5025: the plugin '{PluginFolder.Sample}' is not what plugins.lock says: '{PluginFolder.Sample}.dll' has other content, 'extra.dll' is not in it, '{PluginFolder.Sample}.deps.json' is missing. If it was updated on purpose, review it and run `etl plugins lock`; otherwise find out who changed it.");
    }

    [Test]
    public void A_plugin_that_the_lock_does_not_have_is_refused()
    {
        folder.WithReferences("Stowaway", ("Etl.Contracts", new Version(0, 1, 0, 0)));
        AssertTold($"ETL5024: the plugin 'Stowaway' in '{folder.Root}/Stowaway' is not in plugins.lock. If it is meant to be used, review it and run `etl plugins lock`.");
    }

    [TestCase("", "ETL5023")]
    [TestCase("null", "ETL5023")]
    [TestCase("{\"version\": 1}", "ETL5023")]
    [TestCase("{\"version\": 2, \"plugins\": {}}", "ETL5023")]
    [TestCase("{\"version\": 1, \"plugins\": {\"A\": null}}", "ETL5023")]
    [TestCase("{\"version\": 1, \"plugins\": {}, \"more\": 1}", "ETL5023")]
    public void A_lock_that_cannot_be_read_is_not_taken_for_none(string text, string code)
    {
        File.WriteAllText(Path.Combine(project, PluginLock.FileName), text);
        Assert.That(Assert.Throws<EtlException>(() => Scan().Dispose())!.Code, Is.EqualTo(code));
    }

    [Test]
    public void What_everybody_may_write_to_or_leads_elsewhere_is_refused_without_a_lock_too()
    {
        if (OperatingSystem.IsWindows())
        {
            Assert.Ignore("Windows has no file modes, so nothing there is writable by everybody in this sense");
            return;
        }

        var link = Path.Combine(Plugin, "link.dll");
        File.CreateSymbolicLink(link, "/etc/hostname");
        Assert.That(Assert.Throws<EtlException>(() => PluginCatalog.Scan([folder.Root]))!.Code, Is.EqualTo("ETL5022"));
        File.Delete(link);
        File.CreateSymbolicLink(link, Dll);
        PluginCatalog.Scan([folder.Root]).Dispose();

        File.SetUnixFileMode(Dll, File.GetUnixFileMode(Dll) | UnixFileMode.OtherWrite);
        Assert.That(Assert.Throws<EtlException>(() => PluginCatalog.Scan([folder.Root]))!.Code, Is.EqualTo("ETL5021"));
        PluginCatalog.Scan([folder.Root], builtIn: folder.Root).Dispose();
    }

    private PluginCatalog Scan() => PluginCatalog.Scan([folder.Root], PluginLock.Read(project, State));

    private void AssertTold(string told) => Assert.That(WholeText.Of(() => Scan().Dispose()), Is.EqualTo(told));
}
