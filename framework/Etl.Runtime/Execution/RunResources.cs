using Apache.Arrow;
using Etl.Runtime.Compilation;
using Etl.Runtime.Definition;
using Etl.Runtime.Reports;
using Etl.Runtime.Sql;
using Etl.Runtime.Telemetry;

namespace Etl.Runtime.Execution;

/// <summary>What the nodes of one reading share: the budget, the clock, the counts, the dead letters.</summary>
internal sealed class RunResources : IAsyncDisposable
{
    /// <summary><see cref="MostRefused"/> where no limit is set.</summary>
    public const long DefaultMostRefused = 10_000;

    private readonly Dictionary<Segment, RecordBatch?> _aggregates = [];
    private readonly string _temporary;

    /// <summary>Rows in a batch, where nothing else is asked for.</summary>
    public const int DefaultBatchRows = 65_536;

    public RunResources(string temporaryFolder, DeadLetters deadLetters, TimeProvider time)
    {
        _temporary = temporaryFolder;
        DeadLetters = deadLetters;
        Time = time;
        Counts = new RunCounts(time);
        PrivateFolder.Create(temporaryFolder);
    }

    public TimeProvider Time { get; }

    public required IReadOnlyDictionary<string, object> Parameters { get; init; }

    public required JsonLog Log { get; init; }

    public required Action<RunProgress> Progress { get; init; }

    public required FailPoints FailPoints { get; init; }

    /// <summary>Columns whose values stand in no text.</summary>
    public required HiddenColumns Hidden { get; init; }

    /// <summary>Tags of a stage's metrics.</summary>
    public required Func<string, StageTags> Tags { get; init; }

    /// <summary>For each DuckDB.</summary>
    public required long SegmentMemory { get; init; }

    /// <summary>For each channel.</summary>
    public required long ChannelMemory { get; init; }

    /// <summary>Rows in a batch.</summary>
    public int BatchRows { get; init; } = DefaultBatchRows;

    public long BatchBytes { get; init; } = 16 << 20;

    /// <summary>Rows that a load's target may refuse, each of which costs several tries, before the run is given up.</summary>
    public required long MostRefused { get; init; }

    public RunCounts Counts { get; }

    public DeadLetters DeadLetters { get; }

    /// <summary>A folder below the run's own, which is removed at the end.</summary>
    public string TemporaryFolder(string node)
    {
        var folder = Path.Combine(_temporary, node.Replace('/', '.'));
        Directory.CreateDirectory(folder);
        return folder;
    }

    /// <summary>One row with the values of a segment's aggregates; null when it had no rows.</summary>
    public void KeepAggregates(Segment segment, RecordBatch? row)
    {
        lock (_aggregates)
        {
            _aggregates[segment] = row;
        }
    }

    public RecordBatch? AggregatesOf(Segment segment) => _aggregates.GetValueOrDefault(segment);

    public async ValueTask DisposeAsync()
    {
        foreach (var row in _aggregates.Values)
        {
            row?.Dispose();
        }

        await DeadLetters.DisposeAsync();
        if (Directory.Exists(_temporary))
        {
            Directory.Delete(_temporary, recursive: true);
        }
    }
}
