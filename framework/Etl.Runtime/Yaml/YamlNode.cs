using Etl.Runtime.Diagnostics;

namespace Etl.Runtime.Yaml;

/// <summary>A part of a YAML file, with its position.</summary>
/// <param name="Span">Where it starts.</param>
public abstract record YamlNode(SourceSpan Span)
{
    /// <summary>What a person calls this kind of node.</summary>
    public abstract string Kind { get; }
}

/// <summary>A mapping. Keys are unique texts.</summary>
/// <param name="Entries">In the file's order.</param>
/// <param name="Span">Where it starts.</param>
public sealed record YamlMap(IReadOnlyList<YamlEntry> Entries, SourceSpan Span) : YamlNode(Span)
{
    /// <inheritdoc/>
    public override string Kind => "a mapping";

    /// <summary>The value of a key; null when it is absent.</summary>
    public YamlNode? this[string key] => Find(key)?.Value;

    /// <summary>A mapping without entries.</summary>
    public static YamlMap Empty(SourceSpan span) => new([], span);

    /// <summary>The entry of a key; null when it is absent.</summary>
    public YamlEntry? Find(string key) => Entries.FirstOrDefault(e => e.Key == key);

    /// <summary>The same mapping without some keys.</summary>
    public YamlMap Without(params ReadOnlySpan<string> keys)
    {
        var left = new List<YamlEntry>();
        foreach (var entry in Entries)
        {
            if (!keys.Contains(entry.Key))
            {
                left.Add(entry);
            }
        }

        return this with { Entries = left };
    }
}

/// <summary>A key and its value.</summary>
/// <param name="Key">Never substituted.</param>
/// <param name="KeySpan">Where the key starts.</param>
/// <param name="Value">Its value.</param>
public sealed record YamlEntry(string Key, SourceSpan KeySpan, YamlNode Value);

/// <summary>A sequence.</summary>
/// <param name="Items">In order.</param>
/// <param name="Span">Where it starts.</param>
public sealed record YamlList(IReadOnlyList<YamlNode> Items, SourceSpan Span) : YamlNode(Span)
{
    /// <inheritdoc/>
    public override string Kind => "a list";
}

/// <summary>How a scalar is written.</summary>
public enum YamlStyle
{
    /// <summary>Without quotes.</summary>
    Plain,

    /// <summary>In single quotes.</summary>
    SingleQuoted,

    /// <summary>In double quotes, with escapes.</summary>
    DoubleQuoted,

    /// <summary>A block after <c>|</c>, lines kept.</summary>
    Literal,

    /// <summary>A block after <c>></c>, lines joined.</summary>
    Folded,
}

/// <summary>What was put into a scalar after the file was read.</summary>
[Flags]
public enum Substitution
{
    /// <summary>The value is as written.</summary>
    None = 0,

    /// <summary>A <c>${NAME}</c> or <c>${file:PATH}</c>.</summary>
    Reference = 1,

    /// <summary>A <c>{{ template }}</c>.</summary>
    Template = 2,
}
