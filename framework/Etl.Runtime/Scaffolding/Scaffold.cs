using Etl.Contracts;
using Etl.Runtime.Compilation;
using Etl.Runtime.Definition;
using Etl.Runtime.Diagnostics;
using Etl.Runtime.Plugins;

namespace Etl.Runtime.Scaffolding;

/// <summary>A file that was written, or left as it was.</summary>
/// <param name="Path">Absolute.</param>
/// <param name="Written">False when it was there and not to be overwritten.</param>
/// <param name="Note">What to look at; null for nothing.</param>
public sealed record ScaffoldedFile(string Path, bool Written, string? Note);

/// <summary>Writes contracts and pipelines for tables that are there.</summary>
public sealed class Scaffold(Project project, ComponentFactory factory)
{
    /// <summary>A contract for each table that matches, as <c>SCHEMA_OR_CONNECTION.TABLE.yaml</c>.</summary>
    public async Task<IReadOnlyList<ScaffoldedFile>> ContractsAsync(string connection, string tables, string? folder, bool overwrite, CancellationToken cancel)
    {
        var files = new List<ScaffoldedFile>();
        await foreach (var table in DescribeAsync(connection, tables, cancel))
        {
            files.Add(Write(ContractPath(connection, table.Name, folder), ContractWriter.Write(table, $"{connection}.{Id(table.Name)}"), overwrite, NoteOf(table)));
        }

        return files;
    }

    /// <summary>A contract and a pipeline for each table that matches: a copy of it, upserted by its primary key, or replaced without one.</summary>
    public async Task<IReadOnlyList<ScaffoldedFile>> PipelinesAsync(string connection, string tables, string? to, string? folder, bool overwrite, CancellationToken cancel)
    {
        var others = project.Connections.Keys.Where(c => c != connection).ToList();
        var target = to ?? (others.Count == 1 ? others[0] : throw new EtlException("ETL3057", "which connection to load is not clear", $"Say it with --to; there are: {string.Join(", ", others)}."));
        if (!project.Connections.ContainsKey(target))
        {
            throw new EtlException("ETL3003", $"there is no connection '{target}'", $"There are: {string.Join(", ", project.Connections.Keys)}.");
        }

        var pipelines = folder is null ? Path.Combine(project.Folder, "pipelines") : Path.GetFullPath(folder);
        var files = new List<ScaffoldedFile>();
        await foreach (var table in DescribeAsync(connection, tables, cancel))
        {
            var contract = ContractPath(connection, table.Name, null);
            files.Add(Write(contract, ContractWriter.Write(table, $"{connection}.{Id(table.Name)}"), overwrite, null));
            var id = Id(table.Name);
            files.Add(Write(Path.Combine(pipelines, id + ".yaml"), Pipeline(id, connection, target, table, Path.GetRelativePath(pipelines, contract)), overwrite, NoteOf(table)));
        }

        return files;
    }

    private static string? NoteOf(TableDescription table) => table.PrimaryKey.Count == 0 ? "no primary key: each run replaces the whole target" : null;

    private static string Pipeline(string id, string connection, string target, TableDescription table, string contract)
    {
        var (mode, key) = table.PrimaryKey.Count == 0 ? ("replace", "") : ("upsert", $", key: [{string.Join(", ", table.PrimaryKey)}]");
        var name = table.Name[(table.Name.LastIndexOf('.') + 1)..];
        return $$"""
            apiVersion: etl/v1
            pipeline: {{id}}
            description: Copies {{table.Name}} from {{connection}} to {{target}}.

            stages:
              - id: source
                extract: table
                connection: {{connection}}
                contract: {{contract.Replace('\\', '/')}}
                with: { table: {{table.Name}} }

              - id: target
                load: table
                from: source
                connection: {{target}}
                with: { table: {{name}}, mode: {{mode}}{{key}} }

            """.ReplaceLineEndings("\n");
    }

    private string ContractPath(string connection, string table, string? folder) =>
        Path.Combine(folder is null ? Path.Combine(project.Folder, "schemas", "contracts") : Path.GetFullPath(folder), $"{connection}.{Id(table)}.yaml");

    private static string Id(string table)
    {
        var name = table[(table.LastIndexOf('.') + 1)..].ToLowerInvariant();
        var id = new string([.. name.Select(c => char.IsAsciiLetterOrDigit(c) || c is '_' or '-' ? c : '_')]);
        return id.Length > 0 && char.IsAsciiLetter(id[0]) ? id : "t_" + id;
    }

    private static ScaffoldedFile Write(string path, string text, bool overwrite, string? note)
    {
        if (File.Exists(path) && !overwrite)
        {
            return new ScaffoldedFile(path, false, "it was there; --overwrite replaces it");
        }

        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllText(path, text);
        return new ScaffoldedFile(path, true, note);
    }

    private async IAsyncEnumerable<TableDescription> DescribeAsync(string connection, string tables, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancel)
    {
        await using var opened = ConnectionPool.OpenOne(project, factory, new Redactor(), connection);
        var catalog = opened as ITableCatalog ?? throw new EtlException("ETL3008", $"connection '{connection}' of type {project.Connections[connection].Type} has no tables to list");
        await opened.CheckAsync(cancel);
        var names = await catalog.ListTablesAsync(tables, cancel);
        if (names.Count == 0)
        {
            throw new EtlException("ETL3009", $"no table in '{connection}' ({opened.Display}) matches '{tables}'", "A pattern without a dot is of the connection's schema; `*` stands for any text.");
        }

        foreach (var name in names)
        {
            yield return await catalog.DescribeTableAsync(name, cancel) ?? throw new EtlException("ETL3009", $"table '{name}' went away while it was read");
        }
    }
}
