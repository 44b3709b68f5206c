using System.Diagnostics.CodeAnalysis;

namespace Etl.Contracts;

/// <summary>
/// Marks a class that a plugin offers. The name is read from the assembly's metadata, without loading it, so that
/// listing plugins costs nothing. Names match <c>[a-z0-9]+(_[a-z0-9]+)*</c>.
/// <para>
/// The runtime makes an instance through the class's one public constructor. A parameter may be: the component's
/// options record; for extractors, loaders and notifiers, the connection (its class, or an interface that it
/// implements, such as <see cref="IObjectStore"/>); for connections, an <see cref="IConnectionDirectory"/>; and a
/// <see cref="PluginContext"/>. A constructor does no I/O.
/// </para>
/// </summary>
[AttributeUsage(AttributeTargets.Class, Inherited = false)]
[SuppressMessage("Design", "CA1019", Justification = "Each is given by the derived attribute.")]
public abstract class ComponentAttribute(string name, string summary) : Attribute
{
    /// <summary>What a pipeline writes: <c>extract: NAME</c>.</summary>
    public string Name { get; } = name;

    /// <summary>One sentence for the reference page and for the editor.</summary>
    public string Summary { get; } = summary;

    /// <summary>
    /// The connection type that this component is for, such as <c>postgres</c>. Several components share a name
    /// (<c>table</c>) and differ in this, so that an environment can be another system. Null: any connection whose
    /// class fits the constructor, or none.
    /// </summary>
    public string? For { get; init; }
}

/// <summary>A kind of system: its options, its secrets, its sessions, and which of its errors pass by themselves.</summary>
public sealed class ConnectionTypeAttribute(string name, string summary) : ComponentAttribute(name, summary);

/// <summary>Reads batches from a source; the class implements <see cref="IExtractor"/>.</summary>
public sealed class ExtractorAttribute(string name, string summary) : ComponentAttribute(name, summary);

/// <summary>The class implements <see cref="IRelationalTransformer"/> or <see cref="IBatchTransformer"/>.</summary>
public sealed class TransformerAttribute(string name, string summary) : ComponentAttribute(name, summary);

/// <summary>Writes batches to a target; the class implements <see cref="ILoader"/>.</summary>
public sealed class LoaderAttribute(string name, string summary) : ComponentAttribute(name, summary);

/// <summary>Tells a person; the class implements <see cref="INotifier"/>.</summary>
public sealed class NotifierAttribute(string name, string summary) : ComponentAttribute(name, summary);

/// <summary>What the runtime tells a component about where it runs. Paths are absolute.</summary>
/// <param name="ProjectFolder">The folder of <c>etl.yaml</c>; relative paths in options start here.</param>
/// <param name="StateFolder"><c>.etl/</c>: temporary files and spill go below it, in a folder made 0700.</param>
/// <param name="MemoryBytes">The run's budget, in bytes; a component that buffers stays within its share.</param>
/// <param name="Time">The clock. Nothing reads the machine's clock directly.</param>
public sealed record PluginContext(string ProjectFolder, string StateFolder, long MemoryBytes, TimeProvider Time);
