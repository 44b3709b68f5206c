using Etl.Runtime.Definition;
using Etl.Runtime.Yaml;

namespace Etl.Runtime.Compilation.Lineage;

/// <summary>A table, file or folder on a connection: what one pipeline writes and another reads is the same data set.</summary>
/// <param name="Connection">The connection's name; null for none.</param>
/// <param name="Name">As the stage writes it, with the connection's schema before it where it names none.</param>
public sealed record Dataset(string? Connection, string Name)
{
    /// <summary>What an extract or load stage reads or writes; a query is its stage's own.</summary>
    public static Dataset Of(StageDefinition stage, Project project) => Of(stage, project, s => s.Value, stage.Id);

    /// <summary>
    /// The same for who reads of it, on whatever day and machine: with references and templates as they are written, without a load's folders for
    /// parts (<c>{year}/{month}</c>), and with the pipeline before a query's stage.
    /// </summary>
    public static Dataset AsWritten(StageDefinition stage, Project project, string pipeline)
    {
        var dataset = Of(stage, project, s => s.Written, $"{pipeline}.{stage.Id}");
        return stage.Kind == StageKind.Load && dataset.Name.IndexOf("/{", StringComparison.Ordinal) is > 0 and var parts && !dataset.Name.AsSpan(parts).StartsWith("/{{") ? dataset with { Name = dataset.Name[..parts] } : dataset;
    }

    /// <inheritdoc/>
    public override string ToString() => Connection is null ? Name : $"{Connection}:{Name}";

    private static Dataset Of(StageDefinition stage, Project project, Func<YamlScalar, string> text, string query)
    {
        var table = Text(stage.With["table"]);
        var schema = stage.Connection is not null && project.Connections.TryGetValue(stage.Connection, out var connection) ? Text(connection.With["schema"]) : null;
        var name = table is null ? Text(stage.With["path"])?.TrimEnd('/') ?? query
            : schema is null || table.Contains('.', StringComparison.Ordinal) ? table : $"{schema}.{table}";
        return new Dataset(stage.Connection, name);

        string? Text(YamlNode? node) => node is YamlScalar scalar ? text(scalar) : null;
    }
}
