using System.Globalization;
using System.Runtime.CompilerServices;
using Apache.Arrow;
using Apache.Arrow.Types;
using DuckDB.NET.Data;
using Etl.Contracts;
using Etl.Contracts.Arrow;

namespace Etl.SamplePlugin;

/// <summary>
/// Passes rows on and, for each batch, adds a row to a DuckDB file through DuckDB.NET, beside whatever else has that file open; and adds a
/// column with the version of YamlDotNet that it sees.
/// </summary>
[Transformer("stranger", "Writes a line into a DuckDB file for each batch, and says which YamlDotNet it has.")]
public sealed class Stranger(StrangerOptions options, PluginContext context) : IBatchTransformer
{
    /// <inheritdoc/>
    public RowSchema DescribeOutput(RowSchema input) =>
        input with { Arrow = new Schema(input.Arrow.FieldsList.Append(new Field("yaml_version", StringType.Default, false)), null) };

    /// <inheritdoc/>
    public async IAsyncEnumerable<RecordBatch> TransformAsync(BatchStream input, [EnumeratorCancellation] CancellationToken cancel)
    {
        var version = typeof(YamlDotNet.Serialization.Deserializer).Assembly.GetName().Version!.ToString(2);
        var schema = DescribeOutput(input.Schema).Arrow;
        await foreach (var batch in input.Batches.WithCancellation(cancel))
        {
            await NoteAsync(batch.Length, cancel);
            using var builder = new RecordBatchBuilder(new Schema([schema.FieldsList[^1]], null), batch.Length);
            for (var i = 0; i < batch.Length; i++)
            {
                builder[0].Append(version.AsSpan());
            }

            using var added = builder.Build();
            var columns = Enumerable.Range(0, batch.ColumnCount).Select(i => BatchStream.ShareColumn(batch, i)).Append(BatchStream.ShareColumn(added, 0));
            yield return new RecordBatch(schema, columns, batch.Length);
        }
    }

    private async Task NoteAsync(int rows, CancellationToken cancel)
    {
        await using var connection = new DuckDBConnection($"Data Source={Path.GetFullPath(options.File, context.ProjectFolder)}");
        await connection.OpenAsync(cancel);
        await using var command = connection.CreateCommand();
        command.CommandText = string.Create(CultureInfo.InvariantCulture, $"create table if not exists notes (rows bigint); insert into notes values ({rows})");
        await command.ExecuteNonQueryAsync(cancel);
    }
}

/// <summary>Options of <see cref="Stranger"/>.</summary>
public sealed record StrangerOptions
{
    /// <summary>The file.</summary>
    [Option("The DuckDB file, relative to the project's folder.", Example = "warehouse.duckdb")]
    public required string File { get; init; }
}
