using System.Reflection;
using System.Runtime.ExceptionServices;
using Etl.Contracts;
using Etl.Runtime.Definition;

namespace Etl.Runtime.Plugins;

/// <summary>Makes instances of components through their one public constructor (see <see cref="ComponentAttribute"/>).</summary>
public sealed class ComponentFactory(PluginCatalog catalog, PluginContext context)
{
    /// <summary>The constructor's parameter of this name takes the options record.</summary>
    internal const string OptionsParameter = "options";

    /// <summary>For the components of a project.</summary>
    public static ComponentFactory For(Project project, PluginCatalog catalog, ByteSize memory, TimeProvider time) =>
        new(catalog, new PluginContext(project.Folder, project.StateFolder, memory.Bytes, time));

    /// <summary>The plugins.</summary>
    public PluginCatalog Catalog => catalog;

    /// <summary>What components are told of where they run.</summary>
    public PluginContext Context => context;

    /// <summary>The type of the options record; null when the component has none. ETL5008: no single public constructor.</summary>
    public Type? OptionsType(ComponentDescriptor component) =>
        Array.Find(Constructor(component).GetParameters(), p => p.Name == OptionsParameter)?.ParameterType;

    /// <summary>Whether the component is made with a connection, and of which type.</summary>
    public Type? ConnectionParameter(ComponentDescriptor component) =>
        Array.Find(Constructor(component).GetParameters(), IsConnection)?.ParameterType;

    /// <summary>Makes an instance. ETL3002: the connection is missing or not one that this component can use.</summary>
    public object Create(ComponentDescriptor component, object? options, IConnection? connection, IConnectionDirectory? others = null)
    {
        var constructor = Constructor(component);
        var arguments = constructor.GetParameters().Select(p =>
            p.Name == OptionsParameter ? options
            : p.ParameterType == typeof(PluginContext) ? context
            : p.ParameterType == typeof(IConnectionDirectory) && others is not null ? others
            : IsConnection(p) ? Fitting(component, p.ParameterType, connection)
            : throw new EtlException("ETL5008", $"the constructor of '{component.TypeName}' takes '{p.Name}', which is neither options, a connection, a PluginContext nor, for a connection, an IConnectionDirectory")).ToArray();
        try
        {
            return constructor.Invoke(arguments);
        }
        catch (TargetInvocationException e) when (e.InnerException is not null)
        {
            ExceptionDispatchInfo.Throw(e.InnerException);
            throw;
        }
    }

    internal static bool IsConnection(ParameterInfo p) => typeof(IConnection).IsAssignableFrom(p.ParameterType) || p.ParameterType == typeof(IObjectStore) || p.ParameterType == typeof(ITableCatalog);

    private static object Fitting(ComponentDescriptor component, Type wanted, IConnection? connection) =>
        connection is null
            ? throw new EtlException("ETL3002", $"'{component.Name}' needs a connection", "Name one with `connection:`.")
            : wanted.IsInstanceOfType(connection)
                ? connection
                : throw new EtlException("ETL3002", $"'{component.Name}' cannot use this connection: it needs {InWords(wanted)}");

    /// <summary>What a connection must be, for people.</summary>
    internal static string InWords(Type wanted) => wanted == typeof(IObjectStore) ? "an object store, such as type file or s3" : wanted.Name;

    private ConstructorInfo Constructor(ComponentDescriptor component)
    {
        var constructors = catalog.Load(component).GetConstructors();
        return constructors.Length == 1
            ? constructors[0]
            : throw new EtlException("ETL5008", $"'{component.TypeName}' of plugin '{component.Plugin}' has {constructors.Length} public constructors; a component has one");
    }
}
