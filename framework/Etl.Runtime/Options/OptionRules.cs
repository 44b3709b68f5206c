using Etl.Contracts;
using FluentValidation;

namespace Etl.Runtime.Options;

/// <summary>Finds the rules of an options record: classes beside it, or beside one of its bases, that derive from <see cref="OptionsRules{T}"/>.</summary>
internal static class OptionRules
{
    /// <summary>
    /// Rules for the record and for its bases. A generic class such as <c>TableLoadRules&lt;T&gt;</c> is closed over the record, unless
    /// a rules class of the record derives from it.
    /// </summary>
    public static IReadOnlyList<IValidator> For(Type options)
    {
        var found = new List<Type>();
        var open = new List<Type>();
        for (var type = options; type is not null && type != typeof(object); type = type.BaseType)
        {
            foreach (var candidate in type.Assembly.GetTypes().Where(t => t is { IsClass: true, IsAbstract: false } && IsRules(t)))
            {
                if (candidate.IsGenericTypeDefinition)
                {
                    open.Add(candidate);
                }
                else if (RulesOf(candidate) == type)
                {
                    found.Add(candidate);
                }
            }
        }

        var covered = found.SelectMany(Bases).Where(b => b.IsGenericType).Select(b => b.GetGenericTypeDefinition()).ToHashSet();
        found.AddRange(open.Distinct().Where(o => !covered.Contains(o)).Select(o => Close(o, options)).OfType<Type>());
        return [.. found.Distinct().OrderBy(t => t.FullName, StringComparer.Ordinal).Select(t => (IValidator)Activator.CreateInstance(t)!)];
    }

    private static bool IsRules(Type type) => Bases(type).Any(b => b.IsGenericType && b.GetGenericTypeDefinition() == typeof(OptionsRules<>));

    private static Type RulesOf(Type type) => Bases(type).First(b => b.IsGenericType && b.GetGenericTypeDefinition() == typeof(OptionsRules<>)).GetGenericArguments()[0];

    private static IEnumerable<Type> Bases(Type type)
    {
        for (var b = type.BaseType; b is not null; b = b.BaseType)
        {
            yield return b;
        }
    }

    private static Type? Close(Type open, Type options)
    {
        if (open.GetGenericArguments() is not [var parameter])
        {
            return null;
        }

        // Only constraints that name a class can be told apart here; the compiler checked the rest for the author.
        return parameter.GetGenericParameterConstraints().All(c => c.IsAssignableFrom(options)) && RulesOf(open) == parameter
            ? open.MakeGenericType(options)
            : null;
    }
}
