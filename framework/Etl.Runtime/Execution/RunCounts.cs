using System.Collections.Concurrent;

namespace Etl.Runtime.Execution;

/// <summary>What one stage counted. Each number comes from the batches at the place where they pass, never from a second query.</summary>
internal sealed class StageCounts(TimeProvider time)
{
    private long _rowsIn;
    private long _rowsOut;
    private long _excluded;
    private long _deduplicated;
    private long _deadLettered;
    private long _bytes;
    private long _ticks;

    public long RowsIn => _rowsIn;

    public long RowsOut => _rowsOut;

    public long Excluded => _excluded;

    public long Deduplicated => _deduplicated;

    public long DeadLettered => _deadLettered;

    public long Bytes => _bytes;

    /// <summary>Where its time went.</summary>
    public StageClock Clock { get; } = new(time);

    public TimeSpan Elapsed => TimeSpan.FromTicks(_ticks);

    /// <summary>No equation holds between rows in and out.</summary>
    public bool Opaque { get; set; }

    /// <summary>Rows in, out and stopped are equal to each other's sum.</summary>
    public bool Balanced => Opaque || RowsIn == RowsOut + Excluded + Deduplicated + DeadLettered;

    public void AddIn(long rows) => Interlocked.Add(ref _rowsIn, rows);

    public void AddOut(long rows) => Interlocked.Add(ref _rowsOut, rows);

    public void AddExcluded(long rows) => Interlocked.Add(ref _excluded, rows);

    public void AddDeduplicated(long rows) => Interlocked.Add(ref _deduplicated, rows);

    public void AddDeadLettered(long rows) => Interlocked.Add(ref _deadLettered, rows);

    public void AddBytes(long bytes) => Interlocked.Add(ref _bytes, bytes);

    public void AddElapsed(TimeSpan elapsed) => Interlocked.Add(ref _ticks, elapsed.Ticks);
}

/// <summary>The counts of one reading of the sources, by stage and by rule.</summary>
internal sealed class RunCounts(TimeProvider time)
{
    private readonly ConcurrentDictionary<string, StageCounts> _stages = new();
    private readonly ConcurrentDictionary<(string Stage, string Rule), long> _rules = new();

    public StageCounts Of(string stage) => _stages.GetOrAdd(stage, _ => new StageCounts(time));

    public void AddRule(string stage, string rule, long rows) => _rules.AddOrUpdate((stage, rule), rows, (_, n) => n + rows);

    public long Rule(string stage, string rule) => _rules.GetValueOrDefault((stage, rule));

    /// <summary>Stages whose books do not balance.</summary>
    public IReadOnlyList<string> Unbalanced => [.. _stages.Where(s => !s.Value.Balanced).Select(s => s.Key).Order(StringComparer.Ordinal)];
}
