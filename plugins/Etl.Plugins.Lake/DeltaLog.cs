using System.Globalization;
using System.Runtime.CompilerServices;
using System.Text;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Etl.Contracts;

namespace Etl.Plugins.Lake;

/// <summary>
/// The log of a Delta table. It is read from its newest checkpoint, or from its start; from there on versions are read one after the other until there is
/// none: a listing is never asked what the newest version is, as listings can lag behind.
/// </summary>
internal sealed partial class DeltaLog(IObjectStore store, string root, string tempFolder)
{
    // Versions fetched at a time while a table is opened.
    private const int Window = 16;
    private readonly DeltaCheckpoints _checkpoints = new(store, root, tempFolder);

    /// <summary>The object that holds a version.</summary>
    public string KeyOf(long version) => string.Create(CultureInfo.InvariantCulture, $"{root}_delta_log/{version:D20}.json");

    /// <summary>The version that an object of a table's log holds; null for another object.</summary>
    public static long? VersionOf(string key, string root) =>
        VersionKey().Match(key[root.Length..]) is { Success: true } match ? long.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture) : null;

    /// <summary>The table as it is. ETL4555: versions are missing or damaged, and no checkpoint stands in for them.</summary>
    public async ValueTask<DeltaSnapshot> ReadAsync(CancellationToken cancel)
    {
        var last = await _checkpoints.LastAsync(cancel);
        var broken = default(string);
        if (last is not null)
        {
            (var named, broken) = await _checkpoints.ReadAsync(last, cancel);
            if (named is not null)
            {
                await AdvanceAsync(named, cancel);
                return named;
            }
        }

        var snapshot = new DeltaSnapshot();
        await AdvanceAsync(snapshot, cancel);
        if (snapshot.Version < 0)
        {
            var (listed, versions) = await _checkpoints.ListAsync(cancel);
            foreach (var candidate in listed.Where(c => c.Version != last?.Version))
            {
                var (found, fault) = await _checkpoints.ReadAsync(candidate, cancel);
                broken ??= fault;
                if (found is not null)
                {
                    await AdvanceAsync(snapshot = found, cancel);
                    break;
                }
            }

            if (snapshot.Version < 0 && (versions.Count > 0 || listed.Count > 0))
            {
                throw Missing(0, broken);
            }
        }

        // The log may be shorter than what its last checkpoint was of: then something is lost, and no table is the one before.
        return last is null || snapshot.Version >= last.Version ? snapshot : throw Missing(snapshot.Version + 1, broken);
    }

    /// <summary>Brings a snapshot to the newest version. ETL4555: versions are missing.</summary>
    public async ValueTask AdvanceAsync(DeltaSnapshot snapshot, CancellationToken cancel)
    {
        while (true)
        {
            var next = snapshot.Version + 1;
            var texts = await Task.WhenAll(Enumerable.Range(0, next == 0 ? 1 : Window).Select(i => ReadAsync(next + i, cancel)));
            var found = texts.TakeWhile(t => t is not null).Count();
            if (texts.Skip(found).Any(t => t is not null))
            {
                throw Missing(next + found, null);
            }

            for (var i = 0; i < found; i++)
            {
                snapshot.Apply(next + i, texts[i]!);
            }

            if (found < texts.Length)
            {
                return;
            }
        }
    }

    /// <summary>
    /// After the version behind <paramref name="snapshot"/> was committed: writes a checkpoint of the log where the last one is <paramref name="every"/> versions old. The version
    /// is there by then, and readers do without a checkpoint: so what goes wrong fails nothing, and is the text that comes back.
    /// </summary>
    public async ValueTask<string?> CheckpointIfDueAsync(DeltaSnapshot snapshot, int every, DateTimeOffset now, CancellationToken cancel)
    {
        if (snapshot.Version + 1 - Math.Max(0, snapshot.CheckpointedAt) < every)
        {
            return null;
        }

        try
        {
            await AdvanceAsync(snapshot, cancel);
            await _checkpoints.WriteAsync(snapshot, now, cancel);
            snapshot.CheckpointedAt = snapshot.Version;
            return null;
        }
        catch (Exception e)
        {
            return $"warning: the log has no checkpoint at version {snapshot.Version}, a later run writes one: {e.Message}";
        }
    }

    /// <summary>
    /// The checkpoints of a pipeline's stage that the log still holds, the oldest first: those since the log's checkpoint are in the snapshot, earlier ones are read back
    /// until an entry was cleaned up.
    /// </summary>
    public async ValueTask<IReadOnlyList<Checkpoint>> ReadEpochsAsync(CheckpointKey key, CancellationToken cancel)
    {
        var snapshot = await ReadAsync(cancel);
        var epochs = snapshot.EpochsOf(key).Reverse().ToList();
        var name = snapshot.NameAtCheckpoint(key);
        await foreach (var text in ReadBackAsync(snapshot.CheckpointedAt, cancel))
        {
            var actions = DeltaSnapshot.Actions(text).ToLookup(a => a.Kind, a => a.Action);
            epochs.AddRange(actions["commitInfo"]
                .Select(a => a[DeltaCommit.CheckpointMember]?.GetValue<string>())
                .OfType<string>()
                .Where(json => NameOf(json) == name)
                .Select(json => DeltaSnapshot.Kept(json, key)));
            // What is older, it did under its name of then.
            name = actions["domainMetadata"].Select(DeltaCommit.MoveOf).OfType<(string From, string To)>().Where(m => m.To == name).Select(m => m.From).FirstOrDefault(name);
        }

        // The log's checkpoint has the newest of those before it once more.
        return [.. epochs.DistinctBy(e => (e.N, e.Unreadable is null)).OrderBy(e => e.N)];
    }

    /// <summary>A version and those before it, the newest first, until one that was cleaned up.</summary>
    public async IAsyncEnumerable<string> ReadBackAsync(long version, [EnumeratorCancellation] CancellationToken cancel)
    {
        for (; version >= 0; version -= Window)
        {
            var texts = await Task.WhenAll(Enumerable.Range(0, (int)Math.Min(Window, version + 1)).Select(i => ReadAsync(version - i, cancel)));
            foreach (var text in texts.TakeWhile(t => t is not null))
            {
                yield return text!;
            }

            if (texts.Contains(null))
            {
                break;
            }
        }
    }

    /// <summary>ETL4567, for a folder without a log.</summary>
    public static EtlException NoTable(string table) => new("ETL4567", $"there is no table in {table}", "Its first run makes it. Or correct the path, or the connection.");

    private static string NameOf(string json) =>
        JsonNode.Parse(json) is { } c ? new CheckpointKey((string)c["environment"]!, (string)c["pipeline"]!, (string)c["stage"]!).ToString() : "";

    /// <summary>The actions of a version as they are stored; null when there is none.</summary>
    public async Task<string?> ReadAsync(long version, CancellationToken cancel)
    {
        await using var stream = await store.GetAsync(KeyOf(version), cancel);
        if (stream is null)
        {
            return null;
        }

        using var reader = new StreamReader(stream, Encoding.UTF8);
        return await reader.ReadToEndAsync(cancel);
    }

    private EtlException Missing(long version, string? broken) => new(
        "ETL4555", $"the table's log has no version {version}, and later ones exist ({KeyOf(version)}){(broken is null ? "" : $"; {broken}")}",
        "Another program cleaned up the log without a checkpoint that can be read, or a file of it was lost. Restore the files, or load into another table.");

    [GeneratedRegex(@"^_delta_log/(\d{20})\.json$")]
    private static partial Regex VersionKey();
}
