namespace Etl.Redshift.StandIn;

/// <summary>
/// When each table was last written to, in commits: a transaction whose snapshot is older than another's write to a table that it writes to is refused with
/// error 1023. Redshift allows some of these; none that it refuses is allowed here.
/// </summary>
internal sealed class WriteConflicts
{
    private readonly Dictionary<string, long> _last = [];
    private readonly Lock _lock = new();
    private long _commits;

    /// <summary>A snapshot: what was committed until now.</summary>
    public long Snapshot()
    {
        lock (_lock)
        {
            return _commits;
        }
    }

    /// <summary>Whether a table was written to since a snapshot.</summary>
    public bool HasChanged(string table, long since)
    {
        lock (_lock)
        {
            return _last.GetValueOrDefault(table) > since;
        }
    }

    /// <summary>Notes a commit of writes.</summary>
    public void Committed(IEnumerable<string> tables)
    {
        lock (_lock)
        {
            _commits++;
            foreach (var table in tables)
            {
                _last[table] = _commits;
            }
        }
    }
}
