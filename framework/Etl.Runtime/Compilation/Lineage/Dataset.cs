using Etl.Runtime.Definition;
using Etl.Runtime.Yaml;

namespace Etl.Runtime.Compilation.Lineage;

/// <summary>A table, file or folder on a connection: what one pipeline writes and another reads is the same data set.</summary>
/// <param name="Connection">The connection's name; null for none.</param>
/// <param name="Name">As the stage writes it, with the connection's schema before it where it names none.</param>
public sealed record Dataset(string? Connection, string Name)
{
    /// <summary>What an extract or load stage reads or writes; a query is its stage's own.</summary>
    public static Dataset Of(StageDefinition stage, Project project)
    {
        var table = Text(stage.With["table"]);
        var schema = stage.Connection is not null && project.Connections.TryGetValue(stage.Connection, out var connection) ? Text(connection.With["schema"]) : null;
        var name = table is null ? Text(stage.With["path"])?.TrimEnd('/') ?? stage.Id
            : schema is null || table.Contains('.', StringComparison.Ordinal) ? table : $"{schema}.{table}";
        return new Dataset(stage.Connection, name);
    }

    /// <inheritdoc/>
    public override string ToString() => Connection is null ? Name : $"{Connection}:{Name}";

    private static string? Text(YamlNode? node) => (node as YamlScalar)?.Value;
}
