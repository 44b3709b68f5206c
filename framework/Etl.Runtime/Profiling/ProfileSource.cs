using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using Etl.Contracts;
using Etl.Runtime.Compilation;
using Etl.Runtime.Definition;
using Etl.Runtime.Diagnostics;
using Etl.Runtime.Options;
using Etl.Runtime.Plugins;
using Etl.Runtime.Yaml;

namespace Etl.Runtime.Profiling;

/// <summary>A source that can be read: found by its name, made through the plugins as a stage would be.</summary>
/// <param name="Name">Short, for a contract's id.</param>
/// <param name="Kind">The extractor's name.</param>
/// <param name="Extractor">Reads it.</param>
/// <param name="Contract">Declared, or made of what the source says of itself; with the columns that were asked for.</param>
/// <param name="HasTypes">Whether its types are to be believed, and not found from the values.</param>
/// <param name="Unreadable">Columns that are left out.</param>
internal sealed record ProfileSource(string Name, string Kind, IExtractor Extractor, DataContract Contract, bool HasTypes, IReadOnlyList<string> Unreadable) : IAsyncDisposable
{
    /// <summary>What it is read from; closed with this.</summary>
    public required IConnection Connection { get; init; }

    /// <summary>Opens the connection, looks for the source and describes it. ETL6020 to ETL6023, and what connections and extractors say.</summary>
    public static async Task<ProfileSource> OpenAsync(ProfileRequest request, Project project, ComponentFactory factory, Redactor redactor, CancellationToken cancel)
    {
        if (request.Connection is { } named)
        {
            var connection = ConnectionPool.OpenOne(project, factory, redactor, named);
            return await OpenAsync(request, connection, project.Connections[named].Type, request.Source, factory, cancel);
        }

        var (root, path) = SplitPath(Path.GetFullPath(request.Source));
        if (!path.Contains('*', StringComparison.Ordinal) && !Path.Exists(Path.Combine(root, path)))
        {
            throw new EtlException("ETL6021", $"there is no file '{request.Source}'", "Give the path of a file or of a Delta table, or a table with --connection NAME.");
        }

        var local = new ConnectionDefinition("local", "file", Map("connection", [("root", root)]), SourceSpan.Start(request.Source));
        var here = project with { Connections = new Dictionary<string, ConnectionDefinition> { [local.Name] = local } };
        return await OpenAsync(request, ConnectionPool.OpenOne(here, factory, redactor, local.Name), local.Type, path, factory, cancel);
    }

    public ValueTask DisposeAsync() => Connection.DisposeAsync();

    private static async Task<ProfileSource> OpenAsync(ProfileRequest request, IConnection connection, string type, string path, ComponentFactory factory, CancellationToken cancel)
    {
        try
        {
            await connection.CheckAsync(cancel);
            var isStore = connection is IObjectStore;
            var kind = request.Format ?? (isStore ? await FormatOfAsync((IObjectStore)connection, request, path, cancel) : "table");
            var options = request.With.Select(w => (w.Key, w.Value)).Prepend((isStore ? "path" : "table", path)).ToList();
            var extractor = Make(kind, type, connection, request, options, factory);
            var (contract, hasTypes, unreadable) = await ContractAsync(request, extractor, connection, path, cancel);
            return new ProfileSource(Id(path, isStore), kind, extractor, Only(contract, request), hasTypes, unreadable) { Connection = connection };
        }
        catch
        {
            await connection.DisposeAsync();
            throw;
        }
    }

    private static async ValueTask<string> FormatOfAsync(IObjectStore store, ProfileRequest request, string path, CancellationToken cancel)
    {
        var name = path;
        foreach (var compressed in (string[])[".gz", ".zst"])
        {
            name = name.EndsWith(compressed, StringComparison.OrdinalIgnoreCase) ? name[..^compressed.Length] : name;
        }

        switch (Path.GetExtension(name).ToLowerInvariant())
        {
            case ".csv":
                return "csv";
            case ".json" or ".jsonl" or ".ndjson":
                return "json";
            case ".parquet":
                return "parquet";
        }

        await foreach (var _ in store.ListAsync($"{path.TrimEnd('/')}/_delta_log/", cancel))
        {
            return "delta";
        }

        throw new EtlException("ETL6020", $"the name '{request.Source}' does not tell how it is to be read", "Say it with --as: csv, json, parquet, or delta for a folder that holds _delta_log/.");
    }

    private static IExtractor Make(string kind, string type, IConnection connection, ProfileRequest request, IReadOnlyList<(string Key, string Value)> options, ComponentFactory factory)
    {
        var descriptor = factory.Catalog.Find(ComponentKind.Extractor, kind, type);
        if (descriptor is null)
        {
            var known = factory.Catalog.Components.Where(c => c.Kind == ComponentKind.Extractor && (c.For is null || c.For == type)).Select(c => c.Name).Distinct().Order(StringComparer.Ordinal).ToList();
            throw new EtlException("ETL6020", $"no plugin reads '{kind}' from a connection of type {type}", $"{Suggest.Sentence(kind, known)}For such a connection there are: {string.Join(", ", known)}.");
        }

        if (request.Contract is null && connection is not ITableCatalog && !typeof(IDescribingExtractor).IsAssignableFrom(factory.Catalog.Load(descriptor)))
        {
            throw new EtlException("ETL6023", $"'{kind}' cannot look what '{request.Source}' holds, and reads it by a contract only", "Name one: --contract FILE.");
        }

        if (factory.OptionsType(descriptor) is not { } record)
        {
            return (IExtractor)factory.Create(descriptor, null, connection);
        }

        var bag = new DiagnosticBag();
        var with = Map("--with", options, bag);
        var bound = OptionBinder.Bind(record, with, with.Span, bag);
        return bound is null ? throw new InvalidPipelineException(bag.Sorted) : (IExtractor)factory.Create(descriptor, bound, connection);
    }

    private static async ValueTask<(DataContract Contract, bool HasTypes, IReadOnlyList<string> Unreadable)> ContractAsync(
        ProfileRequest request, IExtractor extractor, IConnection connection, string path, CancellationToken cancel)
    {
        if (request.Contract is { } file)
        {
            var bag = new DiagnosticBag();
            var declared = ContractReader.Read(file, bag);
            return declared is null ? throw new InvalidPipelineException(bag.Sorted) : (declared, true, []);
        }

        if (connection is ITableCatalog catalog)
        {
            var table = await catalog.DescribeTableAsync(path, cancel)
                ?? throw new EtlException("ETL6021", $"there is no table '{path}' in '{request.Connection}' ({connection.Display})", "A name without a dot is of the connection's schema.");
            return (Contract(table.Columns, table.PrimaryKey), true, []);
        }

        var described = await ((IDescribingExtractor)extractor).DescribeSourceAsync(cancel);
        return (Contract(described.Columns, []), described.HasTypes, described.Unreadable);

        DataContract Contract(IReadOnlyList<ColumnDescription> columns, IReadOnlyList<string> key) => new(
            path, "1.0.0", path,
            [.. columns.Select(c => new ContractColumn(c.Field, c.PhysicalType, key.ToList().IndexOf(c.Name) is >= 0 and var at ? at + 1 : null, false, null))], request.Source);
    }

    // In the order in which they were asked for, so that a wide table can be looked at by parts.
    private static DataContract Only(DataContract contract, ProfileRequest request) => request.Columns.Count == 0 ? contract : new(
        contract.Id, contract.Version, contract.Name,
        [
            .. request.Columns.Distinct(StringComparer.OrdinalIgnoreCase).Select(name => contract.Columns.FirstOrDefault(c => c.Field.Name.Equals(name, StringComparison.OrdinalIgnoreCase))
                ?? throw new EtlException("ETL6022", $"'{request.Source}' has no column '{name}'", $"{Suggest.Sentence(name, contract.Schema.Names)}Columns are: {string.Join(", ", contract.Schema.Names)}.")),
        ],
        contract.Path);

    // The root is the deepest folder that holds all.
    private static (string Root, string Path) SplitPath(string full)
    {
        var star = full.IndexOf('*', StringComparison.Ordinal);
        var before = star < 0 ? full.TrimEnd(Path.DirectorySeparatorChar) : full[..star];
        var cut = before.LastIndexOf(Path.DirectorySeparatorChar);
        return (cut == 0 ? full[..1] : full[..cut], full[(cut + 1)..].TrimEnd(Path.DirectorySeparatorChar).Replace(Path.DirectorySeparatorChar, '/'));
    }

    // The table without its schema, the file without its endings.
    private static string Id(string path, bool isStore)
    {
        var last = path[(path.TrimEnd('/').LastIndexOf('/') + 1)..].TrimEnd('/');
        var name = isStore ? last.Split('.')[0] : last[(last.LastIndexOf('.') + 1)..];
        var id = new string([.. name.ToLowerInvariant().Select(c => char.IsAsciiLetterOrDigit(c) ? c : '_')]).Trim('_');
        return id.Length > 0 && char.IsAsciiLetter(id[0]) ? id : $"source_{id}".TrimEnd('_');
    }

    // A text is taken as YAML takes it, so that `--with header=false` is a flag; one that is no YAML of its own is a text.
    private static YamlMap Map(string what, IReadOnlyList<(string Key, string Value)> options, DiagnosticBag? bag = null)
    {
        var text = string.Concat(options.Select(o => $"{Quoted(o.Key)}: {(o.Value is "true" or "false" || IsNumber(o.Value) ? o.Value : Quoted(o.Value))}\n"));
        var problems = bag ?? new DiagnosticBag();
        return YamlReader.ReadText(what, Encoding.UTF8.GetBytes(text), what, problems) ?? throw new InvalidPipelineException(problems.Sorted);
    }

    private static bool IsNumber(string text) => text.Length is > 0 and < 18 && text.All(char.IsAsciiDigit);

    private static string Quoted(string text) => $"\"{JsonEncodedText.Encode(text, JavaScriptEncoder.UnsafeRelaxedJsonEscaping)}\"";
}
