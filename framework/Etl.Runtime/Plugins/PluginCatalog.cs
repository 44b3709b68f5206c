using Etl.Contracts;

namespace Etl.Runtime.Plugins;

/// <summary>
/// The plugins that were found, and what they offer. A plugin is a folder <c>DIR/NAME/</c> with <c>NAME.dll</c>; only metadata is read here,
/// and an assembly is loaded when the first of its components is asked for.
/// </summary>
public sealed class PluginCatalog : IDisposable
{
    private readonly Dictionary<string, Plugin> _plugins = new(StringComparer.OrdinalIgnoreCase);
    private readonly List<ComponentDescriptor> _components = [];

    /// <summary>All components, ordered by kind and name.</summary>
    public IReadOnlyList<ComponentDescriptor> Components => _components;

    /// <summary>The plugins' folders, ordered by the plugins' names.</summary>
    public IReadOnlyList<string> Folders => [.. _plugins.Values.OrderBy(p => p.Name, StringComparer.Ordinal).Select(p => p.Folder)];

    /// <summary>
    /// Looks through plugin folders in order. ETL5001: a folder is not there; ETL5002: not .NET; ETL5003: built against another contract;
    /// ETL5004: two components with one name; ETL5005: a plugin without its DLL; ETL5021 to ETL5025: files that nobody should trust.
    /// </summary>
    /// <param name="folders">Each holds a folder for each plugin.</param>
    /// <param name="pinned">What the plugins must be; null where nobody has said it.</param>
    /// <param name="builtIn">The one of them that comes with the program, and is trusted as the program is.</param>
    public static PluginCatalog Scan(IEnumerable<string> folders, PluginLock? pinned = null, string? builtIn = null)
    {
        var catalog = new PluginCatalog();
        foreach (var folder in folders.Select(Path.GetFullPath).Distinct())
        {
            if (!Directory.Exists(folder))
            {
                throw new EtlException("ETL5001", $"the plugin folder '{folder}' is not there", "Folders come from --plugins, from etl.yaml and from ETL_PLUGINS.");
            }

            foreach (var plugin in Directory.GetDirectories(folder).Order(StringComparer.Ordinal))
            {
                catalog.Add(Plugin.Open(plugin, pinned, isTrusted: folder == builtIn));
            }
        }

        catalog._components.Sort((a, b) => (a.Kind, a.Name, a.For ?? "").CompareTo((b.Kind, b.Name, b.For ?? "")));
        return catalog;
    }

    /// <summary>The component of a kind with a name: the one made for the connection's type, else the one for any; null when there is none.</summary>
    public ComponentDescriptor? Find(ComponentKind kind, string name, string? connectionType = null) =>
        _components.Find(c => c.Kind == kind && c.Name == name && c.For is not null && c.For == connectionType)
        ?? _components.Find(c => c.Kind == kind && c.Name == name && c.For is null);

    /// <summary>The components of a kind with a name, whatever their connection type.</summary>
    public IEnumerable<ComponentDescriptor> Named(ComponentKind kind, string name) => _components.Where(c => c.Kind == kind && c.Name == name);

    /// <summary>The component's class; loads its plugin.</summary>
    public Type Load(ComponentDescriptor component) => _plugins[component.Plugin].LoadType(component.TypeName);

    /// <summary>Lets the load contexts go.</summary>
    public void Dispose()
    {
        foreach (var plugin in _plugins.Values)
        {
            plugin.Dispose();
        }
    }

    private void Add(Plugin plugin)
    {
        if (_plugins.TryGetValue(plugin.Name, out var same))
        {
            throw new EtlException("ETL5004", $"two plugins are named '{plugin.Name}': '{same.Folder}' and '{plugin.Folder}'", "Remove one of the folders.");
        }

        _plugins.Add(plugin.Name, plugin);
        foreach (var component in plugin.Components)
        {
            var twin = _components.Find(c => c.Kind == component.Kind && c.Name == component.Name && c.For == component.For);
            if (twin is not null)
            {
                throw new EtlException(
                    "ETL5004",
                    $"two plugins offer the {component.Kind.ToString().ToLowerInvariant()} '{component.Name}'{(component.For is null ? "" : $" for {component.For}")}: '{twin.Plugin}' and '{component.Plugin}'",
                    "Remove one of the plugins, or rename the component in one of them.");
            }

            _components.Add(component);
        }
    }
}
