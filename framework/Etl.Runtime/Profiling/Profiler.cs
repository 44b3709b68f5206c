using Apache.Arrow;
using Etl.Contracts;
using Etl.DuckDb;
using Etl.Runtime.Definition;
using Etl.Runtime.Diagnostics;
using Etl.Runtime.Execution;
using Etl.Runtime.Plugins;

namespace Etl.Runtime.Profiling;

/// <summary>
/// Looks at the rows of a source: they are read as a run would read them, streamed into a DuckDB file that is thrown away, and counted there column by column. Memory stays
/// within the project's budget, whatever the number of rows; the disk takes them once.
/// </summary>
public sealed class Profiler(Project project, ComponentFactory factory, Redactor redactor)
{
    private const int Parallelism = 2;
    private const string Rows = "etl_rows";

    /// <summary>What the source holds. ETL6020 to ETL6023: it cannot be found or read so.</summary>
    public async Task<SourceProfile> ProfileAsync(ProfileRequest request, CancellationToken cancel)
    {
        await using var source = await ProfileSource.OpenAsync(request, project, factory, redactor, cancel);
        var folder = Directory.CreateTempSubdirectory("etl-profile-");
        try
        {
            return await ProfileAsync(request, source, folder.FullName, cancel);
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    private async Task<SourceProfile> ProfileAsync(ProfileRequest request, ProfileSource source, string folder, CancellationToken cancel)
    {
        var budget = project.Settings.Memory.Bytes;
        using var database = DuckDatabase.Open(Path.Combine(folder, "rows.db"), new DuckSettings { MemoryLimit = new ByteSize(budget / 2), TempDirectory = Path.Combine(folder, "spill") });
        using var connection = database.Connect();
        var schema = source.Extractor.DescribeOutput(source.Contract);
        await using (var extraction = await source.Extractor.OpenAsync(
            new ExtractRequest(source.Contract, schema, null, RunResources.DefaultBatchRows, Parallelism, new Dictionary<string, object>()), cancel))
        {
            await KeepAsync(connection, schema.Arrow, extraction, request.Rows, new BatchChannel(budget / 8), cancel);
        }

        return await Task.Run(() => Describe(request, source, schema, connection, cancel), cancel);
    }

    // By position, so that no name of a column can stand in the way of another.
    private static async Task KeepAsync(DuckConnection connection, Schema schema, IExtraction extraction, long? rows, BatchChannel channel, CancellationToken cancel)
    {
        using var enough = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        using var source = connection.RegisterSource("etl_source", schema, new ChannelSource(channel));
        var reading = ReadAsync(extraction, channel, enough.Token);
        try
        {
            var columns = string.Join(", ", schema.FieldsList.Select((f, i) => FormattableString.Invariant($"{SqlText.Quote(f.Name)} AS c{i}")));
            var limit = rows is { } most ? FormattableString.Invariant($" LIMIT {most}") : "";
            await Task.Factory.StartNew(
                () => connection.Execute($"CREATE TABLE {Rows} AS SELECT {columns} FROM etl_source(){limit}", cancel: cancel), cancel, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        }
        finally
        {
            // Nobody asks for more: a reader that waits for room would wait for ever.
            await enough.CancelAsync();
            await Task.WhenAny(reading);
            channel.Drain();
        }

        if (!reading.IsCanceled)
        {
            await reading;
        }
    }

    private static async Task ReadAsync(IExtraction extraction, BatchChannel channel, CancellationToken cancel)
    {
        try
        {
            await Parallel.ForEachAsync(extraction.Splits, new ParallelOptions { MaxDegreeOfParallelism = Parallelism, CancellationToken = cancel }, async (split, token) =>
            {
                await foreach (var batch in extraction.ReadAsync(split, token))
                {
                    await channel.WriteAsync(batch, token);
                }
            });
        }
        finally
        {
            channel.Complete();
        }
    }

    private static SourceProfile Describe(ProfileRequest request, ProfileSource source, RowSchema schema, DuckConnection connection, CancellationToken cancel)
    {
        var rows = Numbers.Parse(connection.QueryText($"SELECT count(*) FROM {Rows}", cancel: cancel)!);
        var columns = new List<ColumnProfile>();
        for (var i = 0; i < schema.Arrow.FieldsList.Count; i++)
        {
            var declared = source.Contract.Columns.First(c => c.Field.Name.Equals(schema.Arrow.FieldsList[i].Name, StringComparison.OrdinalIgnoreCase));
            var values = new ColumnValues(connection, Rows, FormattableString.Invariant($"c{i}"), schema.Arrow.FieldsList[i].DataType, rows, cancel);
            columns.Add(new ColumnProfiler(values, source.HasTypes ? null : new TypeFinder(values)).Profile(declared));
        }

        return new SourceProfile(request.Source, source.Name, source.Kind, rows, rows == request.Rows, columns, new KeyFinder(connection, Rows, cancel).Find(columns, source.Contract.PrimaryKey, rows))
        {
            Unreadable = source.Unreadable,
            TypesAreFound = !source.HasTypes,
        };
    }

    private sealed class ChannelSource(BatchChannel channel) : IBatchSource
    {
        public RecordBatch? Next(CancellationToken cancel) => channel.ReadAsync(cancel).AsTask().GetAwaiter().GetResult();
    }
}
