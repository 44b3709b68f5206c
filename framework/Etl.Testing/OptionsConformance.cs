using System.Reflection;
using System.Text;
using Etl.Contracts;
using Etl.Runtime.Diagnostics;
using Etl.Runtime.Options;
using Etl.Runtime.Yaml;

namespace Etl.Testing;

/// <summary>Whether options can be bound, are documented, and show values that are accepted; and whether the rules beside them would be found.</summary>
internal static class OptionsConformance
{
    public static IEnumerable<Finding> Check(IReadOnlyList<Type> options, IReadOnlyList<Assembly> plugin)
    {
        var findings = new List<Finding>();
        var records = new HashSet<Type>();
        foreach (var type in options)
        {
            try
            {
                Records(OptionSet.For(type), records);
            }
            catch (EtlException e)
            {
                findings.Add(new Finding(type.FullName!, $"cannot be bound: {e.Message}"));
            }
        }

        findings.AddRange(records.OrderBy(r => r.FullName, StringComparer.Ordinal).SelectMany(Record));
        findings.AddRange(plugin.SelectMany(a => a.GetTypes()).SelectMany(t => Rules(t, records)));
        return findings;
    }

    private static void Records(OptionSet options, HashSet<Type> records)
    {
        if (!records.Add(options.Type))
        {
            return;
        }

        foreach (var option in options.Options)
        {
            for (var type = option.Type; type is not null; type = type.Element)
            {
                if (type.Record is { } inner)
                {
                    Records(inner, records);
                }
            }
        }
    }

    private static IEnumerable<Finding> Record(Type record)
    {
        foreach (var property in record.GetProperties().Where(p => p.SetMethod is { IsPublic: true } && !p.IsDefined(typeof(OptionAttribute))))
        {
            yield return new Finding($"{record.FullName}.{property.Name}", "has no [Option], so that no pipeline can give it");
        }

        foreach (var option in OptionSet.For(record).Options)
        {
            foreach (var problem in Option(record, option))
            {
                yield return new Finding($"{record.FullName}.{option.Name}", problem);
            }
        }
    }

    private static IEnumerable<string> Option(Type record, OptionDescription option)
    {
        if (option.Attribute.Description.Length < 4 || !option.Attribute.Description.EndsWith('.'))
        {
            yield return "has no description that is a sentence with its full stop";
        }

        // A secret is a reference in every file, and what it refers to is nobody's example.
        if (option.Attribute.Secret)
        {
            if (option.Default is not null)
            {
                yield return "is a secret and has a default, which is none";
            }

            yield break;
        }

        foreach (var (what, text) in new[] { ("example", option.Attribute.Example), ("default", option.DefaultText) })
        {
            if (text is not null && Refusal(record, option.Name, text) is { } refusal)
            {
                yield return $"has the {what} {text}, which is refused: {refusal}";
            }
        }
    }

    // One option by itself: that others are missing, or that they must fit together, is not its fault.
    private static string? Refusal(Type record, string option, string value)
    {
        var bag = new DiagnosticBag();
        if (YamlReader.ReadText("example", Encoding.UTF8.GetBytes($"{option}: {value}\n"), "option", bag) is { } map)
        {
            OptionBinder.Bind(record, map, map.Span, bag);
        }

        return bag.Sorted.FirstOrDefault(d => d.Severity == Severity.Error && d.Code is not ("ETL2005" or "ETL2010"))?.Message;
    }

    private static IEnumerable<Finding> Rules(Type type, HashSet<Type> records)
    {
        // By name: rules that derive from another copy of FluentValidation are those that would be overlooked.
        if (type.IsAbstract || type.IsGenericTypeDefinition || Base(type, "FluentValidation.AbstractValidator`1") is not { } validator)
        {
            yield break;
        }

        var about = validator.GetGenericArguments()[0];
        var problem =
            Base(type, typeof(OptionsRules<>).FullName!)?.GetGenericTypeDefinition() != typeof(OptionsRules<>) ? $"is never run: rules derive from OptionsRules<{about.Name}>"
            : !type.IsVisible || type.GetConstructor(Type.EmptyTypes) is null ? "is not a public class with a public constructor without parameters"
            : !records.Any(about.IsAssignableFrom) ? $"is never run: {about.Name} is no options record of a component"
            : null;
        if (problem is not null)
        {
            yield return new Finding(type.FullName!, problem);
        }
    }

    private static Type? Base(Type type, string definition)
    {
        for (var b = type.BaseType; b is not null; b = b.BaseType)
        {
            if (b.IsGenericType && b.GetGenericTypeDefinition().FullName == definition)
            {
                return b;
            }
        }

        return null;
    }
}
