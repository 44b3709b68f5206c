using System.Reflection;
using System.Text.RegularExpressions;
using Etl.Contracts;
using Etl.Runtime.Plugins;

namespace Etl.Testing;

/// <summary>
/// For the tests of a plugin's author: looks through all components and their options without making an instance of a component, and tells
/// what the runtime would refuse, or overlook without a word. Nothing found is an empty list.
/// </summary>
public static partial class PluginConformance
{
    /// <summary>
    /// The plugins of a folder as <c>--plugins</c> takes it (<c>DIR/NAME/NAME.dll</c>), loaded as the program loads them. Throws
    /// <see cref="EtlException"/> ETL5001 to ETL5007 for a plugin that the program would refuse.
    /// </summary>
    public static IReadOnlyList<Finding> CheckFolder(string plugins)
    {
        using var catalog = PluginCatalog.Scan([plugins]);
        var findings = new List<Finding>();
        foreach (var folder in Directory.GetDirectories(Path.GetFullPath(plugins)).Order(StringComparer.Ordinal))
        {
            var name = Path.GetFileName(folder);
            if (File.Exists(Path.Combine(folder, "Etl.Contracts.dll")))
            {
                findings.Add(new Finding($"plugin {name}", "brings a copy of Etl.Contracts, which the program has: refer to it with Private=\"false\" ExcludeAssets=\"runtime\""));
            }

            findings.AddRange(Check(name, [.. catalog.Components.Where(c => c.Plugin == name)], catalog.Load));
        }

        return findings;
    }

    /// <summary>The components of an assembly that the test's project refers to.</summary>
    public static IReadOnlyList<Finding> CheckAssembly(Assembly plugin)
    {
        var name = plugin.GetName().Name!;
        return Check(name, PluginMetadata.Read(name, plugin.Location).Components, c => plugin.GetType(c.TypeName, throwOnError: true)!);
    }

    private static List<Finding> Check(string plugin, IReadOnlyList<ComponentDescriptor> components, Func<ComponentDescriptor, Type> load)
    {
        if (components.Count == 0)
        {
            return [new Finding($"plugin {plugin}", "offers no component: a component is a public class with an attribute such as [Extractor]")];
        }

        var types = components.ToDictionary(c => c, load);
        var connections = components.Where(c => c.Kind == ComponentKind.Connection).ToDictionary(c => c.Name, c => types[c]);
        var findings = new List<Finding>();
        foreach (var (component, type) in types)
        {
            var problems = Described(component).Concat(Formed(component, type)).Concat(Constructed(component, type, connections));
            findings.AddRange(problems.Select(p => new Finding(NameOf(component), p)));
        }

        var options = types.Values.SelectMany(t => t.GetConstructors()).SelectMany(c => c.GetParameters()).Where(IsOptions).Select(p => p.ParameterType);
        findings.AddRange(OptionsConformance.Check([.. options.Distinct()], [.. types.Values.Select(t => t.Assembly).Distinct()]));
        return findings;
    }

    private static IEnumerable<string> Described(ComponentDescriptor component)
    {
        if (!ComponentName().IsMatch(component.Name))
        {
            yield return "has a name that does not match [a-z0-9]+(_[a-z0-9]+)*";
        }

        if (component.For is { } connection && !ComponentName().IsMatch(connection))
        {
            yield return $"is for '{connection}', which cannot be the name of a connection type";
        }

        if (component.Summary.Length < 10 || !component.Summary.EndsWith('.'))
        {
            yield return "has no summary that is a sentence with its full stop";
        }
    }

    private static IEnumerable<string> Formed(ComponentDescriptor component, Type type)
    {
        if (!type.IsPublic || type.IsAbstract)
        {
            yield return $"is not a public class that can be made: {type.FullName}";
        }

        Type[] wanted = component.Kind switch
        {
            ComponentKind.Connection => [typeof(IConnection)],
            ComponentKind.Extractor => [typeof(IExtractor)],
            ComponentKind.Transformer => [typeof(IRelationalTransformer), typeof(IBatchTransformer)],
            ComponentKind.Loader => [typeof(ILoader)],
            _ => [typeof(INotifier)],
        };
        if (wanted.Count(w => w.IsAssignableFrom(type)) != 1)
        {
            yield return $"must implement {string.Join(" or ", wanted.Select(w => w.Name))}";
        }
    }

    private static IEnumerable<string> Constructed(ComponentDescriptor component, Type type, Dictionary<string, Type> connections)
    {
        if (type.GetConstructors() is not [var constructor])
        {
            yield return $"has {type.GetConstructors().Length} public constructors, and must have one";
            yield break;
        }

        foreach (var parameter in constructor.GetParameters())
        {
            if (IsOptions(parameter) || parameter.ParameterType == typeof(PluginContext)
                || (component.Kind == ComponentKind.Connection && parameter.ParameterType == typeof(IConnectionDirectory)))
            {
                continue;
            }

            if (!ComponentFactory.IsConnection(parameter))
            {
                yield return $"has a constructor that takes '{parameter.Name}': neither a parameter named 'options', nor a connection, nor a PluginContext";
            }
            else if (component.Kind is ComponentKind.Connection or ComponentKind.Transformer)
            {
                yield return $"takes the connection '{parameter.Name}', which only extractors, loaders and notifiers are given";
            }
            else if (component.For is { } name && connections.TryGetValue(name, out var connection) && !parameter.ParameterType.IsAssignableFrom(connection))
            {
                yield return $"is for '{name}', whose {connection.Name} is no {parameter.ParameterType.Name}";
            }
        }
    }

    private static bool IsOptions(ParameterInfo parameter) => parameter.Name == ComponentFactory.OptionsParameter;

    private static string NameOf(ComponentDescriptor component) =>
        $"{component.Kind.ToString().ToLowerInvariant()} {component.Name}{(component.For is null ? "" : $" ({component.For})")}";

    [GeneratedRegex(@"^[a-z0-9]+(_[a-z0-9]+)*$")]
    private static partial Regex ComponentName();
}
