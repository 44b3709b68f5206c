using System.Text.Json.Nodes;
using Parquet;
using Parquet.Schema;

namespace Etl.Plugins.Lake;

/// <summary>
/// A checkpoint of the log as a file: the actions that make a table's state, a row each, in a Parquet file with a column for each kind of action.
/// Columns that others write beside these are not read.
/// </summary>
internal static class DeltaCheckpointFile
{
    private const int RowsOfAGroup = 16_384;

    // Of each kind, the first is the one that no action lacks. Members of one kind stand together.
    private static readonly DeltaCheckpointColumn[] Columns =
    [
        new("txn.appId", MemberKind.Text), new("txn.version", MemberKind.Long), new("txn.lastUpdated", MemberKind.Long),
        new("add.path", MemberKind.Text), new("add.partitionValues", MemberKind.Map), new("add.size", MemberKind.Long), new("add.modificationTime", MemberKind.Long),
        new("add.dataChange", MemberKind.Boolean), new("add.stats", MemberKind.Text), new("add.tags", MemberKind.Map),
        new("remove.path", MemberKind.Text), new("remove.deletionTimestamp", MemberKind.Long), new("remove.dataChange", MemberKind.Boolean),
        new("remove.extendedFileMetadata", MemberKind.Boolean), new("remove.partitionValues", MemberKind.Map), new("remove.size", MemberKind.Long),
        new("metaData.id", MemberKind.Text), new("metaData.name", MemberKind.Text), new("metaData.description", MemberKind.Text),
        new("metaData.format.provider", MemberKind.Text), new("metaData.format.options", MemberKind.Map), new("metaData.schemaString", MemberKind.Text),
        new("metaData.partitionColumns", MemberKind.Texts), new("metaData.configuration", MemberKind.Map), new("metaData.createdTime", MemberKind.Long),
        new("protocol.minReaderVersion", MemberKind.Integer), new("protocol.minWriterVersion", MemberKind.Integer),
        new("protocol.readerFeatures", MemberKind.Texts), new("protocol.writerFeatures", MemberKind.Texts),
        new("domainMetadata.domain", MemberKind.Text), new("domainMetadata.configuration", MemberKind.Text), new("domainMetadata.removed", MemberKind.Boolean),
    ];

    /// <summary>Writes the actions; how many there are.</summary>
    public static async ValueTask<long> WriteAsync(Stream output, IEnumerable<(string Kind, JsonObject Action)> actions, CancellationToken cancel)
    {
        var schema = new ParquetSchema(Structure([.. Columns.Select(c => (c, 0))]));
        await using var writer = await ParquetWriter.CreateAsync(schema, output, new ParquetOptions { CompressionMethod = CompressionMethod.Snappy }, cancellationToken: cancel);
        var count = 0L;
        foreach (var rows in actions.Chunk(RowsOfAGroup))
        {
            using var group = writer.CreateRowGroup();
            foreach (var column in Columns)
            {
                await column.WriteAsync(group, Find(schema.Fields, column.Steps)!, rows, cancel);
            }

            group.CompleteValidate();
            count += rows.Length;
        }

        return count;
    }

    /// <summary>Reads the actions. Throws whatever a damaged file leads to.</summary>
    public static async IAsyncEnumerable<(string Kind, JsonObject Action)> ReadAsync(Stream input, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancel)
    {
        await using var reader = await ParquetReader.CreateAsync(input, leaveStreamOpen: true, cancellationToken: cancel);
        for (var i = 0; i < reader.RowGroupCount; i++)
        {
            var group = reader.OpenRowGroupReader(i);
            var rows = checked((int)group.RowCount);
            var values = new List<(DeltaCheckpointColumn Column, JsonNode?[] Values)>();
            foreach (var column in Columns)
            {
                if (Find(reader.Schema.Fields, column.Steps) is { } leaf)
                {
                    values.Add((column, await column.ReadAsync(group, leaf, rows, cancel)));
                }
            }

            var kinds = values.GroupBy(v => v.Column.Steps[0]).ToList();
            for (var row = 0; row < rows; row++)
            {
                // A row of a kind that is not known here, such as a sidecar, is none.
                if (kinds.FirstOrDefault(k => k.First().Values[row] is not null) is { } kind)
                {
                    yield return (kind.Key, Assemble(kind, row));
                }
            }
        }
    }

    private static JsonObject Assemble(IEnumerable<(DeltaCheckpointColumn Column, JsonNode?[] Values)> members, int row)
    {
        var action = new JsonObject();
        foreach (var (column, values) in members.Where(m => m.Values[row] is not null))
        {
            var owner = action;
            foreach (var step in column.Steps.Skip(1).SkipLast(1))
            {
                owner[step] ??= new JsonObject();
                owner = owner[step]!.AsObject();
            }

            owner[column.Steps[^1]] = values[row];
        }

        return action;
    }

    // Columns with the same step at a depth are members of one structure.
    private static Field[] Structure(IReadOnlyList<(DeltaCheckpointColumn Column, int Depth)> columns) =>
    [
        .. columns.GroupBy(c => c.Column.Steps[c.Depth]).Select(g => g.First() is var (column, depth) && column.Steps.Count == depth + 1
            ? column.Leaf()
            : new StructField(g.Key, Structure([.. g.Select(c => (c.Column, c.Depth + 1))]))),
    ];

    private static Field? Find(IReadOnlyList<Field> fields, IEnumerable<string> steps)
    {
        Field? found = null;
        foreach (var step in steps)
        {
            found = (found is null ? fields : (found as StructField)?.Fields ?? [])?.FirstOrDefault(f => f.Name == step);
            if (found is null)
            {
                return null;
            }
        }

        return found;
    }
}
