using System.Reflection;
using Etl.Contracts;

namespace Etl.Runtime.Options;

/// <summary>The kinds of values that an option can have.</summary>
public enum OptionKind
{
    /// <summary>Text, as written.</summary>
    Text,

    /// <summary>true or false.</summary>
    Boolean,

    /// <summary>A whole number.</summary>
    Integer,

    /// <summary>A number.</summary>
    Number,

    /// <summary>One of a few words.</summary>
    Choice,

    /// <summary>A number with a unit of time.</summary>
    Duration,

    /// <summary>A number with a unit of bytes.</summary>
    Size,

    /// <summary>A day.</summary>
    Date,

    /// <summary>A list of values of one type.</summary>
    List,

    /// <summary>Names of the author's choice, each with a value of one type; order is kept.</summary>
    Map,

    /// <summary>Options of their own.</summary>
    Record,
}

/// <summary>The type of an option's value.</summary>
/// <param name="Kind">What it is.</param>
/// <param name="Clr">The CLR type, without Nullable.</param>
public sealed record OptionType(OptionKind Kind, Type Clr)
{
    /// <summary>The words of a <see cref="OptionKind.Choice"/>.</summary>
    public IReadOnlyList<string> Choices { get; init; } = [];

    /// <summary>The type of an item of a list or of a value of a map.</summary>
    public OptionType? Element { get; init; }

    /// <summary>The options of a record.</summary>
    public OptionSet? Record { get; init; }

    /// <summary>As a person reads it in a table or an error, such as <c>list of text</c>.</summary>
    public string Display => Kind switch
    {
        OptionKind.Text => "text",
        OptionKind.Boolean => "true or false",
        OptionKind.Integer => "whole number",
        OptionKind.Number => "number",
        OptionKind.Choice => string.Join(", ", Choices),
        OptionKind.Duration => "duration",
        OptionKind.Size => "size",
        OptionKind.Date => "date",
        OptionKind.List => $"list of {Element!.Display}",
        OptionKind.Map => $"mapping of names to {Element!.Display}",
        _ => "options",
    };
}

/// <summary>All that is declared about one option.</summary>
/// <param name="Name">The key in YAML.</param>
/// <param name="Type">What its value must be.</param>
/// <param name="Required">Whether it must be given.</param>
/// <param name="Property">Where its value goes.</param>
/// <param name="Attribute">Text, example, limits and marks.</param>
/// <param name="Default">What it is when not given; null when there is none.</param>
public sealed record OptionDescription(string Name, OptionType Type, bool Required, PropertyInfo Property, OptionAttribute Attribute, object? Default)
{
    /// <summary>The default as YAML; null when there is none, or when it is that of a record, whose options have their own.</summary>
    public string? DefaultText => Type.Kind == OptionKind.Record ? null : OptionText.Of(Default);
}
