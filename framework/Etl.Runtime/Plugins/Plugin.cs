using System.Reflection;
using System.Runtime.Loader;
using Etl.Contracts;
using McMaster.NETCore.Plugins.Loader;

namespace Etl.Runtime.Plugins;

/// <summary>A plugin's folder: what its metadata says, and its load context once a component is needed.</summary>
internal sealed class Plugin : IDisposable
{
    // DuckDB and SQLite keep process-wide file locks: with two copies of the library on one file, a committed row was lost without an error.
    private static readonly string[] OneCopy =
    [
        "DuckDB.NET.Data", "DuckDB.NET.Bindings", "Microsoft.Data.Sqlite",
        "SQLitePCLRaw.core", "SQLitePCLRaw.batteries_v2", "SQLitePCLRaw.provider.e_sqlite3",
    ];

    // What Contracts brings along is named too, so that no reference has to be followed to find it.
    private static readonly string[] Shared = ["Etl.Contracts", "Apache.Arrow", "Apache.Arrow.Scalars", "FluentValidation", .. OneCopy];

    private readonly Lock _loading = new();
    private readonly string _assemblyPath;
    private Assembly? _assembly;
    private bool _disposed;

    private Plugin(string name, string folder, string assemblyPath, IReadOnlyList<ComponentDescriptor> components)
    {
        Name = name;
        Folder = folder;
        _assemblyPath = assemblyPath;
        Components = components;
    }

    public string Name { get; }

    public string Folder { get; }

    public IReadOnlyList<ComponentDescriptor> Components { get; }

    public static Plugin Open(string folder, PluginLock? pinned, bool isTrusted)
    {
        var name = Path.GetFileName(folder);
        if (!File.Exists(Path.Combine(folder, name + ".dll")))
        {
            throw new EtlException("ETL5005", $"the plugin folder '{folder}' has no '{name}.dll'", "A plugin's folder has the name of its DLL. If this is no plugin, move it out of the plugin folder.");
        }

        var path = Path.Combine(isTrusted ? folder : pinned?.Seal(folder) ?? PluginFiles.Require(folder), name + ".dll");
        var (components, references) = PluginMetadata.Read(name, path);
        CheckContract(name, references);
        CheckShared(name, references);
        return new Plugin(name, folder, path, components);
    }

    public Type LoadType(string typeName)
    {
        // Two contexts of one plugin would have two sets of types.
        lock (_loading)
        {
            return Load(typeName);
        }
    }

    /// <summary>Nothing more is loaded. What was stays for the life of the process.</summary>
    public void Dispose() => _disposed = true;

    private Type Load(string typeName)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        if (_assembly is null)
        {
            PluginDependencies.Require(Name, _assemblyPath);
        }

        try
        {
            _assembly ??= NewContext().LoadFromAssemblyPath(_assemblyPath);
            return _assembly.GetType(typeName, throwOnError: true)!;
        }
        catch (Exception e) when (e is FileNotFoundException or FileLoadException or TypeLoadException or BadImageFormatException)
        {
            throw new EtlException("ETL5007", $"plugin '{Name}' could not be loaded: {e.Message}", "Publish it with `dotnet publish`, so that its folder holds all that it needs, and copy the whole folder.", e);
        }
    }

    // Not by PluginLoader, which reads runtimeconfig.json for folders of a development machine, and loads all that the shared assemblies refer to, most of the framework, before
    // the first component: the context finds the framework by itself.
    private AssemblyLoadContext NewContext()
    {
        var builder = new AssemblyLoadContextBuilder().SetMainAssemblyPath(_assemblyPath).IsLazyLoaded(true);
        foreach (var name in Shared)
        {
            builder.PreferDefaultLoadContextAssembly(new AssemblyName(name));
        }

        return builder.Build();
    }

    private static void CheckContract(string name, IReadOnlyDictionary<string, Version> references)
    {
        var host = typeof(ComponentAttribute).Assembly.GetName().Version!;
        if (!references.TryGetValue("Etl.Contracts", out var built))
        {
            throw new EtlException("ETL5003", $"plugin '{name}' is not built against Etl.Contracts", "If it is no plugin, move it out of the plugin folder.");
        }

        // Before 1.0 a minor version may break the contract.
        if (built.Major != host.Major || (host.Major == 0 && built.Minor != host.Minor) || built.Minor > host.Minor)
        {
            throw new EtlException("ETL5003", $"plugin '{name}' is built against Etl.Contracts {built.ToString(3)}; this version has {host.ToString(3)}", "Build it against this version, or take a release of it that is.");
        }
    }

    private static void CheckShared(string name, IReadOnlyDictionary<string, Version> references)
    {
        foreach (var shared in OneCopy.Where(references.ContainsKey))
        {
            var host = AssemblyLoadVersion(shared);
            if (host is not null && references[shared] > host)
            {
                throw new EtlException("ETL5006", $"plugin '{name}' needs {shared} {references[shared]}; this process has {host}, and two copies of it would corrupt files", "Build the plugin against that version.");
            }
        }
    }

    private static Version? AssemblyLoadVersion(string name)
    {
        var path = Path.Combine(AppContext.BaseDirectory, name + ".dll");
        return File.Exists(path) ? AssemblyName.GetAssemblyName(path).Version : null;
    }
}
