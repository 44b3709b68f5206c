using System.Reflection.Metadata;
using System.Reflection.Metadata.Ecma335;
using System.Reflection.PortableExecutable;

namespace Etl.Runtime.Tests.Plugins;

/// <summary>A folder of plugins for one test: the sample as it was built, and broken ones.</summary>
internal sealed class PluginFolder : IDisposable
{
    public const string Sample = "Etl.SamplePlugin";

    private static readonly string Built = Path.Combine(
        Repository(), "tests", Sample, "bin", AppContext.BaseDirectory.Contains($"{Path.DirectorySeparatorChar}Release{Path.DirectorySeparatorChar}", StringComparison.Ordinal) ? "Release" : "Debug", "net10.0");

    public string Root { get; } = Directory.CreateTempSubdirectory("etl-plugins-").FullName;

    /// <summary>The sample, under its own name or another one.</summary>
    public PluginFolder WithSample(string name = Sample)
    {
        var folder = Directory.CreateDirectory(Path.Combine(Root, name)).FullName;
        foreach (var file in Directory.GetFiles(Built))
        {
            File.Copy(file, Path.Combine(folder, Path.GetFileName(file)));
        }

        if (name != Sample)
        {
            File.Move(Path.Combine(folder, Sample + ".dll"), Path.Combine(folder, name + ".dll"));
        }

        return this;
    }

    public PluginFolder WithFile(string plugin, string name, byte[] content)
    {
        Directory.CreateDirectory(Path.Combine(Root, plugin));
        File.WriteAllBytes(Path.Combine(Root, plugin, name), content);
        return this;
    }

    /// <summary>A library without a class that refers to these, as a compiler would write it.</summary>
    public PluginFolder WithReferences(string plugin, params (string Name, Version Version)[] references)
    {
        var metadata = new MetadataBuilder();
        metadata.AddModule(0, metadata.GetOrAddString(plugin + ".dll"), metadata.GetOrAddGuid(Guid.NewGuid()), default, default);
        metadata.AddAssembly(metadata.GetOrAddString(plugin), new Version(1, 0, 0, 0), default, default, default, System.Reflection.AssemblyHashAlgorithm.None);
        foreach (var (name, version) in references)
        {
            metadata.AddAssemblyReference(metadata.GetOrAddString(name), version, default, default, default, default);
        }

        metadata.AddTypeDefinition(default, default, metadata.GetOrAddString("<Module>"), default, MetadataTokens.FieldDefinitionHandle(1), MetadataTokens.MethodDefinitionHandle(1));
        var image = new BlobBuilder();
        new ManagedPEBuilder(PEHeaderBuilder.CreateLibraryHeader(), new MetadataRootBuilder(metadata), new BlobBuilder()).Serialize(image);
        return WithFile(plugin, plugin + ".dll", image.ToArray());
    }

    public void Dispose() => Directory.Delete(Root, recursive: true);

    private static string Repository()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(folder.FullName, "global.json")))
        {
            folder = folder.Parent ?? throw new DirectoryNotFoundException("no folder above the tests holds global.json");
        }

        return folder.FullName;
    }
}
