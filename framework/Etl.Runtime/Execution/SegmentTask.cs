using Apache.Arrow;
using Etl.Contracts;
using Etl.DuckDb;
using Etl.Runtime.Compilation;
using Etl.Runtime.Sql;

namespace Etl.Runtime.Execution;

/// <summary>Runs a segment's query in a DuckDB of its own: batches in from channels, batches out to the router.</summary>
internal sealed class SegmentTask(SegmentNode node, IReadOnlyList<BatchChannel> inputs, VerdictRouter router, RunResources resources)
{
    private readonly Segment _segment = node.Segment;

    /// <summary>On a thread of its own, since DuckDB's calls block.</summary>
    public Task RunAsync(CancellationToken cancel) => Task.Factory.StartNew(() => Run(cancel), cancel, TaskCreationOptions.LongRunning, TaskScheduler.Default);

    private void Run(CancellationToken cancel)
    {
        var clock = resources.Counts.Of(_segment.Stages[^1].CountedAs).Clock;
        var temporary = new DirectoryInfo(resources.TemporaryFolder(node.Id));
        using var database = DuckDatabase.Open(null, new DuckSettings
        {
            MemoryLimit = new ByteSize(resources.SegmentMemory),
            // A thread may wait for each input; one more keeps working.
            Threads = Math.Max(Environment.ProcessorCount, _segment.Inputs.Count + 1),
            TempDirectory = temporary.FullName,
        });
        using var connection = database.Connect();
        for (var i = 0; i < _segment.Inputs.Count; i++)
        {
            var input = _segment.Inputs[i];
            var counted = i == 0;
            connection.RegisterSource($"etl_input_{i}", input.Schema.Arrow, new ChannelSource(inputs[i], clock, rows =>
            {
                if (counted)
                {
                    router.Read(rows);
                }
            }));
            Prepare(connection, input, $"etl_input_{i}()");
        }

        var parameters = _segment.Parameters.ToDictionary(p => p, p => resources.Parameters[p]);
        foreach (var batch in connection.Query(_segment.Sql, parameters, resources.BatchRows, resources.BatchBytes, cancel: cancel))
        {
            clock.Spilled(temporary.EnumerateFiles().Sum(f => f.Length));
            resources.FailPoints.Hit("query.batch");
            router.RouteAsync(batch, cancel).AsTask().GetAwaiter().GetResult();
        }

        router.Complete();
    }

    private static void Prepare(DuckConnection connection, SegmentInput input, string function)
    {
        var relation = SqlText.Quote(input.Relation);
        if (input.Lookup is not { } lookup)
        {
            connection.Execute($"CREATE TEMP VIEW {relation} AS SELECT * FROM {function}");
            return;
        }

        var key = string.Join(", ", lookup.Key.Select(SqlText.Quote));
        if (lookup.OnSeveral == SeveralMatches.First)
        {
            connection.Execute($"CREATE TEMP TABLE {relation} AS SELECT DISTINCT ON ({key}) * FROM {function} ORDER BY ALL");
            return;
        }

        connection.Execute($"CREATE TEMP TABLE {relation} AS SELECT * FROM {function}");
        if (lookup.OnSeveral == SeveralMatches.Fail
            && connection.QueryRows($"SELECT {key}, count(*) FROM {relation} WHERE {string.Join(" AND ", lookup.Key.Select(k => $"{SqlText.Quote(k)} IS NOT NULL"))} GROUP BY {key} HAVING count(*) > 1 LIMIT 1") is [var row, ..])
        {
            throw new EtlException(
                "ETL4101", $"'{input.Relation}' has {row[^1]} rows for ({string.Join(", ", lookup.Key)}) = ({string.Join(", ", row[..^1])})",
                "Deduplicate it above the join, or say on_several: first or all.");
        }
    }

    private sealed class ChannelSource(BatchChannel channel, StageClock clock, Action<int> read) : IBatchSource
    {
        public RecordBatch? Next(CancellationToken cancel)
        {
            var batch = channel.ReadAsync(cancel, clock, Environment.CurrentManagedThreadId).AsTask().GetAwaiter().GetResult();
            if (batch is not null)
            {
                read(batch.Length);
            }

            return batch;
        }
    }
}
