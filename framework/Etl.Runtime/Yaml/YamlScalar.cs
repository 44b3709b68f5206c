using Etl.Runtime.Diagnostics;

namespace Etl.Runtime.Yaml;

/// <summary>A single value, still text: whoever expects it says what type it must have.</summary>
/// <param name="Value">The text, after folding, escapes and substitution.</param>
/// <param name="Style">How it was written.</param>
/// <param name="Span">Where it starts: its quote, its block indicator, or its first character.</param>
public sealed record YamlScalar(string Value, YamlStyle Style, SourceSpan Span) : YamlNode(Span)
{
    private string? written;

    /// <inheritdoc/>
    public override string Kind => IsEmpty ? "nothing" : "a single value";

    /// <summary>Whether it is text for certain, and not a number or a boolean that happens to be quoted.</summary>
    public bool IsQuoted => Style != YamlStyle.Plain;

    /// <summary>Whether there is nothing after the key: empty, <c>~</c> or <c>null</c>, without quotes.</summary>
    public bool IsEmpty => !IsQuoted && Substituted == Substitution.None && Value is "" or "~" or "null" or "Null" or "NULL";

    /// <summary>What was put into it.</summary>
    public Substitution Substituted { get; init; }

    /// <summary>The text before substitution. Errors show this one, as the value may be a secret.</summary>
    public string Written
    {
        get => written ?? Value;
        init => written = value;
    }

    /// <summary>The raw text that the scalar was read from; null for one that is made in code.</summary>
    internal ScalarSource? Source { get; init; }

    /// <summary>
    /// The position in the file of a character of <see cref="Value"/>, through quotes, escapes, folding and indentation. Exact for
    /// every character that is no white space; white space is found in the right gap between two of them. In a substituted value
    /// only the part before the first substitution can be told; the rest is at the start of the scalar.
    /// </summary>
    /// <param name="offset">0-based, in characters; the length of the value gives the position after its last character.</param>
    public SourceSpan SpanAt(int offset)
    {
        if (Source is null)
        {
            return Span;
        }

        // Substitution changes the text from the first reference on.
        var same = Value.AsSpan().CommonPrefixLength(Written);
        return Substituted != Substitution.None && offset > same ? Span : Source.SpanAt(Written, Style, offset);
    }
}
