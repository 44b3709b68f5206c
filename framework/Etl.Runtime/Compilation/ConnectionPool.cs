using Etl.Contracts;
using Etl.Runtime.Definition;
using Etl.Runtime.Diagnostics;
using Etl.Runtime.Options;
using Etl.Runtime.Plugins;

namespace Etl.Runtime.Compilation;

/// <summary>
/// Makes each connection that a pipeline uses once, from its options, without I/O. What only matters once it <paramref name="connects"/> (an
/// unset variable of a password) is a warning before.
/// </summary>
public sealed class ConnectionPool(Project project, ComponentFactory factory, Redactor redactor, bool connects, DiagnosticBag bag)
{
    private readonly Dictionary<string, IConnection> _opened = [];
    private readonly HashSet<string> _failed = [];
    private readonly HashSet<string> _making = [];

    /// <summary>By name.</summary>
    public IReadOnlyDictionary<string, IConnection> Opened => _opened;

    /// <summary>One connection of a project, to be disposed by the caller; throws <see cref="InvalidPipelineException"/>.</summary>
    public static IConnection OpenOne(Project project, ComponentFactory factory, Redactor redactor, string name)
    {
        var bag = new DiagnosticBag();
        var pool = new ConnectionPool(project, factory, redactor, connects: true, bag);
        var definition = pool.Find(name, SourceSpan.Start(Path.Combine(project.Folder, "connections.yaml")));
        var connection = definition is null ? null : pool.Open(definition);
        return connection ?? throw new InvalidPipelineException(bag.Sorted);
    }

    /// <summary>The definition of a connection; null when there is no such connection or it is not complete, which the bag says.</summary>
    public ConnectionDefinition? Find(string name, SourceSpan span) => project.Use(name, span, connects, bag);

    /// <summary>The connection; null when it could not be made, which the bag says.</summary>
    public IConnection? Open(ConnectionDefinition definition)
    {
        if (_opened.TryGetValue(definition.Name, out var connection) || !_failed.Add(definition.Name))
        {
            return connection;
        }

        var descriptor = factory.Catalog.Find(ComponentKind.Connection, definition.Type);
        if (descriptor is null)
        {
            var types = factory.Catalog.Components.Where(c => c.Kind == ComponentKind.Connection).Select(c => c.Name).ToList();
            bag.AddError(
                definition.TypeSpan, "ETL3004", $"no plugin offers the connection type '{definition.Type}'",
                $"Installed: {string.Join(", ", types)}.{(Suggest.Closest(definition.Type, types) is { } closest ? $" Did you mean '{closest}'?" : "")}");
            return null;
        }

        _making.Add(definition.Name);
        try
        {
            object? options = null;
            if (factory.OptionsType(descriptor) is { } type)
            {
                options = OptionBinder.Bind(type, definition.With, definition.Span, bag, redactor);
                if (options is null)
                {
                    return null;
                }
            }

            connection = (IConnection)factory.Create(descriptor, options, null, new Others(this, definition));
        }
        catch (UnusableException)
        {
            return null;
        }
        catch (EtlException e)
        {
            bag.AddError(e.OptionPath is null ? definition.Span : OptionBinder.SpanOf(definition.With, e.OptionPath, e.OptionOffset), e);
            return null;
        }
        finally
        {
            _making.Remove(definition.Name);
        }

        _failed.Remove(definition.Name);
        _opened.Add(definition.Name, connection);
        return connection;
    }

    // What one connection sees of the others.
    private sealed class Others(ConnectionPool pool, ConnectionDefinition user) : IConnectionDirectory
    {
        public T Require<T>(string name, string optionPath) where T : class
        {
            var span = OptionBinder.SpanOf(user.With, optionPath, null);
            if (pool.Find(name, span) is not { } definition)
            {
                throw new UnusableException();
            }

            return pool._making.Contains(definition.Name)
                ? throw new EtlException("ETL3002", $"connection '{user.Name}' would work through '{name}', which works through it", "Name another connection.") { OptionPath = optionPath }
                : pool.Open(definition) switch
                {
                    T fitting => fitting,
                    null => throw new UnusableException(),
                    _ => throw new EtlException("ETL3002", $"connection '{name}' is of type {definition.Type}; here it takes {ComponentFactory.InWords(typeof(T))}", "Name another connection.") { OptionPath = optionPath },
                };
        }
    }

    // The bag says already why.
    private sealed class UnusableException : Exception;
}
