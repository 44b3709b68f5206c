using System.Runtime.InteropServices;
using Etl.Contracts;
using Etl.Parquet;

namespace Etl.Plugins.Lake;

/// <summary>What a key that was staged stands for, and what the table held of it.</summary>
internal enum StagedState : byte
{
    /// <summary>A new version; the table holds no row of the key, as far as was looked.</summary>
    Upsert,

    /// <summary>A new version; the table held another.</summary>
    Updated,

    /// <summary>The table holds this very row.</summary>
    Unchanged,

    /// <summary>A deletion; the table holds no row of the key, as far as was looked.</summary>
    Delete,

    /// <summary>A deletion of a row that the table held.</summary>
    Deleted,
}

/// <summary>
/// The keys staged in this epoch, by hash: about 60 bytes of memory for each. It finds keys that were staged twice, and decides at
/// publish what becomes of each row of the table. Adding is thread-safe. Where all keys that the source has were told too, at about 40 bytes
/// for each, rows of other keys go.
/// </summary>
internal sealed class KeyIndex(IReadOnlyList<string> key)
{
    private readonly Dictionary<UInt128, Entry> _entries = [];
    private readonly Lock _lock = new();
    private ColumnStatistics[]? _ranges;
    private HashSet<UInt128>? _living;
    private long _extra;

    /// <summary>Keys staged.</summary>
    public int Count => _entries.Count;

    /// <summary>Keys that the source has; null where it was not asked for them.</summary>
    public int? Living => _living?.Count;

    /// <summary>The hasher of keys and rows.</summary>
    public RowHasher Hasher { get; } = new();

    /// <summary>Least and greatest staged value by key column; empty while nothing is staged.</summary>
    public IReadOnlyList<ColumnStatistics> Ranges => _ranges ?? [];

    /// <summary>
    /// Adds rows: hashes of keys and of whole rows, whether each is a deletion, and the file that holds it. ETL4554: a key was staged before.
    /// </summary>
    public void Add(ReadOnlySpan<UInt128> keys, ReadOnlySpan<UInt128> rows, ReadOnlySpan<bool> deletions, ReadOnlySpan<int> files, Apache.Arrow.IArrowArray[] keyColumns, Apache.Arrow.Field[] keyFields)
    {
        lock (_lock)
        {
            _ranges ??= [.. keyFields.Select(f => new ColumnStatistics(f))];
            for (var c = 0; c < keyColumns.Length; c++)
            {
                _ranges[c].Add(keyColumns[c]);
            }

            for (var i = 0; i < keys.Length; i++)
            {
                ref var entry = ref CollectionsMarshal.GetValueRefOrAddDefault(_entries, keys[i], out var exists);
                if (exists)
                {
                    throw new EtlException(
                        "ETL4554", $"two of the rows to upsert have the same key ({string.Join(", ", key)})",
                        "Keep one of them on the way, with a deduplicate stage ordered by what tells the newest.");
                }

                entry = new Entry(rows[i], deletions[i] ? -1 : files[i], deletions[i] ? StagedState.Delete : StagedState.Upsert);
            }
        }
    }

    /// <summary>Adds keys that the source has; none tells that it may have none. Not thread-safe.</summary>
    public void AddLiving(ReadOnlySpan<UInt128> keys)
    {
        _living ??= [];
        foreach (var key in keys)
        {
            _living.Add(key);
        }
    }

    /// <summary>Forgets what was decided, to decide against another state of the table.</summary>
    public void Reset()
    {
        _extra = 0;
        foreach (var hash in _entries.Keys)
        {
            ref var entry = ref CollectionsMarshal.GetValueRefOrNullRef(_entries, hash);
            entry.State = entry.File < 0 ? StagedState.Delete : StagedState.Upsert;
        }
    }

    /// <summary>Whether there is something to decide over a row of the key. Safe while others decide, not while they add.</summary>
    public bool Decides(UInt128 key) => _entries.ContainsKey(key) || _living?.Contains(key) == false;

    /// <summary>
    /// Decides over rows that the table holds: a row goes if its key was staged (replaced or deleted) or the source lacks it, and stays if not, or if the staged row is the
    /// same. Where the table holds several rows of a key, one stays at most. Gives the rows that stay. Thread-safe.
    /// </summary>
    public int[] Keep(ReadOnlySpan<UInt128> keys, ReadOnlySpan<UInt128> rows)
    {
        var stay = new List<int>(keys.Length);
        lock (_lock)
        {
            for (var i = 0; i < keys.Length; i++)
            {
                if (Keep(keys[i], rows[i]))
                {
                    stay.Add(i);
                }
            }
        }

        return [.. stay];
    }

    private bool Keep(UInt128 key, UInt128 row)
    {
        ref var entry = ref CollectionsMarshal.GetValueRefOrNullRef(_entries, key);
        if (System.Runtime.CompilerServices.Unsafe.IsNullRef(ref entry))
        {
            var stays = _living?.Contains(key) != false;
            _extra += stays ? 0 : 1;
            return stays;
        }

        (entry.State, var keep) = entry.State switch
        {
            StagedState.Upsert when entry.Row == row => (StagedState.Unchanged, true),
            StagedState.Upsert => (StagedState.Updated, false),
            StagedState.Delete => (StagedState.Deleted, false),
            var decided => (decided, false),
        };
        return keep;
    }

    /// <summary>What was decided for a staged key.</summary>
    public StagedState StateOf(UInt128 key) => _entries[key].State;

    /// <summary>How many keys are in each state, deleted with those that the source lacks, and the files that hold rows which the table holds already.</summary>
    public (long Inserted, long Updated, long Deleted, long Unchanged, IReadOnlySet<int> FilesWithUnchanged) Summarize()
    {
        var counts = new long[Enum.GetValues<StagedState>().Length];
        var files = new HashSet<int>();
        foreach (var entry in _entries.Values)
        {
            counts[(int)entry.State]++;
            if (entry.State == StagedState.Unchanged)
            {
                files.Add(entry.File);
            }
        }

        return (counts[(int)StagedState.Upsert], counts[(int)StagedState.Updated], counts[(int)StagedState.Deleted] + _extra, counts[(int)StagedState.Unchanged], files);
    }

    // File is -1 for a deletion, which is in no file.
    private struct Entry(UInt128 row, int file, StagedState state)
    {
        public readonly UInt128 Row = row;
        public readonly int File = file;
        public StagedState State = state;
    }
}
