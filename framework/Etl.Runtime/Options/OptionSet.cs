using System.Reflection;
using System.Runtime.CompilerServices;
using Etl.Contracts;
using FluentValidation;

namespace Etl.Runtime.Options;

/// <summary>
/// What an options record declares, reflected once. Binding, the JSON Schema and the reference page read this and nothing else.
/// </summary>
public sealed class OptionSet
{
    // Weak: a plugin's types must not outlive its load context because of us.
    private static readonly ConditionalWeakTable<Type, OptionSet> Known = [];

    private readonly Lazy<IReadOnlyList<IValidator>> rules;

    private OptionSet(Type type, IReadOnlyList<OptionDescription> options)
    {
        (Type, Options) = (type, options);
        rules = new Lazy<IReadOnlyList<IValidator>>(() => OptionRules.For(type));
    }

    /// <summary>The options record.</summary>
    public Type Type { get; }

    /// <summary>In the order declared; those of a base record first.</summary>
    public IReadOnlyList<OptionDescription> Options { get; }

    /// <summary>The keys, in order.</summary>
    public IEnumerable<string> Names => Options.Select(o => o.Name);

    /// <summary>Rules across options.</summary>
    public IReadOnlyList<IValidator> Rules => rules.Value;

    /// <summary>An option by its key; null when there is none.</summary>
    public OptionDescription? Find(string name) => Options.FirstOrDefault(o => o.Name == name);

    /// <summary>
    /// The options of a record. ETL2090: the record cannot be bound, and which property is at fault; that is its author's to fix.
    /// </summary>
    public static OptionSet For(Type type) => For(type, []);

    private static OptionSet For(Type type, Type[] outer)
    {
        if (Known.TryGetValue(type, out var known))
        {
            return known;
        }

        if (outer.Contains(type))
        {
            throw Unusable(type, null, "it contains itself");
        }

        if (type.GetConstructor(Type.EmptyTypes) is null || type.IsAbstract)
        {
            throw Unusable(type, null, "it has no public constructor without parameters");
        }

        // Required members bind the compiler, not reflection: this instance tells what the initialisers give.
        var defaults = Activator.CreateInstance(type)!;
        var options = new List<OptionDescription>();
        foreach (var property in Properties(type))
        {
            var attribute = property.GetCustomAttribute<OptionAttribute>();
            if (attribute is null)
            {
                continue;
            }

            if (property.SetMethod is not { IsPublic: true })
            {
                throw Unusable(type, property, "it has no public init");
            }

            var required = property.IsDefined(typeof(RequiredMemberAttribute));
            options.Add(new OptionDescription(
                OptionText.SnakeCase(property.Name),
                TypeOf(property.PropertyType, type, property, [.. outer, type]),
                required,
                property,
                attribute,
                required ? null : property.GetValue(defaults)));
        }

        return Known.GetValue(type, t => new OptionSet(t, options));
    }

    // Declaration order, base first: reflection gives the derived type's first, and an overridden property twice.
    private static IEnumerable<PropertyInfo> Properties(Type type)
    {
        var chain = new Stack<Type>();
        for (var t = type; t is not null && t != typeof(object); t = t.BaseType)
        {
            chain.Push(t);
        }

        return chain
            .SelectMany(t => t.GetProperties(BindingFlags.Public | BindingFlags.Instance | BindingFlags.DeclaredOnly).OrderBy(p => p.MetadataToken))
            .GroupBy(p => p.Name).Select(g => g.Last());
    }

    private static OptionType TypeOf(Type type, Type owner, PropertyInfo property, Type[] outer)
    {
        type = Nullable.GetUnderlyingType(type) ?? type;
        if (Scalar(type) is { } kind)
        {
            return new OptionType(kind, type) { Choices = type.IsEnum ? [.. Enum.GetNames(type).Select(OptionText.SnakeCase)] : [] };
        }

        if (type.IsGenericType && type.GetGenericTypeDefinition() == typeof(IReadOnlyList<>))
        {
            return new OptionType(OptionKind.List, type) { Element = TypeOf(type.GetGenericArguments()[0], owner, property, outer) };
        }

        if (type.IsGenericType && type.GetGenericTypeDefinition() == typeof(IReadOnlyDictionary<,>) && type.GetGenericArguments()[0] == typeof(string))
        {
            return new OptionType(OptionKind.Map, type) { Element = TypeOf(type.GetGenericArguments()[1], owner, property, outer) };
        }

        return type is { IsClass: true, Namespace: not null } && !type.Namespace.StartsWith("System", StringComparison.Ordinal)
            ? new OptionType(OptionKind.Record, type) { Record = For(type, outer) }
            : throw Unusable(owner, property, $"its type {type.Name} is none of those that an option can have");
    }

    private static OptionKind? Scalar(Type type) =>
        type.IsEnum ? OptionKind.Choice
        : type == typeof(string) ? OptionKind.Text
        : type == typeof(bool) ? OptionKind.Boolean
        : type == typeof(int) || type == typeof(long) ? OptionKind.Integer
        : type == typeof(decimal) || type == typeof(double) ? OptionKind.Number
        : type == typeof(TimeSpan) ? OptionKind.Duration
        : type == typeof(ByteSize) ? OptionKind.Size
        : type == typeof(DateOnly) ? OptionKind.Date
        : null;

    private static EtlException Unusable(Type type, PropertyInfo? property, string why) => new(
        "ETL2090", $"the options record {type.FullName}{(property is null ? "" : $".{property.Name}")} cannot be bound: {why}",
        "This is a mistake in the plugin; [Option] lists the types that it may use.");
}
