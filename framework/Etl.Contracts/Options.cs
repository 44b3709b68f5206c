using System.Linq.Expressions;
using FluentValidation;

namespace Etl.Contracts;

/// <summary>
/// Declares one option of a component, once: from the property come the YAML key (its name in snake_case), the type
/// and the allowed values, the default (its initialiser) and whether it is required (<c>required</c>); from this
/// attribute the text, the example and the limits. Binding, errors with a position, JSON Schema, editor help and the
/// reference page are all made from it.
/// <para>
/// An options type is a <c>sealed record</c> with <c>init</c> properties. Property types: <c>string</c>, <c>bool</c>, <c>int</c>,
/// <c>long</c>, <c>decimal</c>, <c>double</c>, enums (snake_case in YAML), <see cref="TimeSpan"/> (with a unit: <c>200ms</c>,
/// <c>30s</c>, <c>5m</c>, <c>1h</c>, <c>2d</c>), <see cref="ByteSize"/> (<c>256MB</c>), <see cref="DateOnly"/>, nullable forms of these,
/// <c>IReadOnlyList&lt;T&gt;</c>, <c>IReadOnlyDictionary&lt;string, T&gt;</c> (order kept), and records of options.
/// </para>
/// </summary>
[AttributeUsage(AttributeTargets.Property)]
public sealed class OptionAttribute(string description) : Attribute
{
    /// <summary>A sentence or two, for people.</summary>
    public string Description { get; } = description;

    /// <summary>A YAML value to show, such as <c>[id, email]</c>.</summary>
    public string? Example { get; init; }

    /// <summary>Least value of a number; not checked when NaN.</summary>
    public double Min { get; init; } = double.NaN;

    /// <summary>Greatest value of a number; not checked when NaN.</summary>
    public double Max { get; init; } = double.NaN;

    /// <summary>Masked in every output. Only a <c>${NAME}</c> or <c>${file:PATH}</c> reference is accepted in YAML.</summary>
    public bool Secret { get; init; }

    /// <summary>The value is SQL: parsed and typed before anything runs, <c>$name</c> is a bound parameter, no template may enter it.</summary>
    public bool Sql { get; init; }

    /// <summary>The value names something (a table, a column): no template may enter it.</summary>
    public bool Identifier { get; init; }
}

/// <summary>
/// Rules across several options of <typeparamref name="T"/>; limits of a single one belong to <see cref="OptionAttribute"/>, where
/// the schema sees them. A public class with a public constructor beside the options; found by itself. Write the message
/// as the end of a sentence about the property: it is reported at that property's position in the YAML.
/// </summary>
// The base class ties a plugin's rules to the host's FluentValidation: with a copy of its own, a plugin's rules would
// silently not be found.
public abstract class OptionsRules<T> : AbstractValidator<T>
{
    /// <summary>
    /// As <c>RuleFor</c>, for an option that is a number, an enum or another value type: the rule looks at the options. <c>RuleFor</c> is generic in the option's type, and for a value
    /// type .NET compiles some twenty of its methods at each start.
    /// </summary>
    public IRuleBuilderInitial<T, object?> RuleForValue(Expression<Func<T, object?>> option) => RuleFor(option);
}

/// <summary>An amount of memory or storage in bytes; in YAML with a unit: <c>64KB</c>, <c>256MB</c>, <c>1GB</c> (powers of 1024).</summary>
public readonly record struct ByteSize(long Bytes)
{
    /// <summary>The largest unit that gives a whole number.</summary>
    public override string ToString() => Bytes switch
    {
        >= 1L << 30 when Bytes % (1L << 30) == 0 => $"{Bytes >> 30}GB",
        >= 1L << 20 when Bytes % (1L << 20) == 0 => $"{Bytes >> 20}MB",
        >= 1L << 10 when Bytes % (1L << 10) == 0 => $"{Bytes >> 10}KB",
        _ => $"{Bytes}B",
    };
}
