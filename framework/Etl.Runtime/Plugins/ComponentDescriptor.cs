namespace Etl.Runtime.Plugins;

/// <summary>What a component is.</summary>
public enum ComponentKind
{
    /// <summary>A kind of system.</summary>
    Connection,

    /// <summary>Reads.</summary>
    Extractor,

    /// <summary>Changes.</summary>
    Transformer,

    /// <summary>Writes.</summary>
    Loader,

    /// <summary>Tells.</summary>
    Notifier,
}

/// <summary>A component as its assembly's metadata describes it; the assembly is not loaded yet.</summary>
/// <param name="Kind">What it is.</param>
/// <param name="Name">What a pipeline writes.</param>
/// <param name="For">The connection type that it is for; null for any.</param>
/// <param name="Summary">One sentence.</param>
/// <param name="TypeName">The class, with its namespace.</param>
/// <param name="Plugin">The plugin's name.</param>
public sealed record ComponentDescriptor(ComponentKind Kind, string Name, string? For, string Summary, string TypeName, string Plugin);
