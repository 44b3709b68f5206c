using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Etl.Contracts;

namespace Etl.Plugins.Files;

/// <summary>A committed epoch.</summary>
/// <param name="Checkpoint">As given by the engine.</param>
/// <param name="File">The key of its file; null when it had no rows.</param>
/// <param name="From">The oldest epoch whose file still counts: 1, or that of the last replace.</param>
/// <param name="TotalRows">Rows in all files that count.</param>
internal sealed record FileCommit(Checkpoint Checkpoint, string? File, long From, long TotalRows)
{
    /// <summary>What a loader of several files keeps of them; null for one file or none.</summary>
    public JsonObject? Files { get; init; }

    /// <summary>The load that goes on from here, which is <see cref="Checkpoint"/>'s; null for an epoch of the log's own load.</summary>
    public string? MovedTo { get; init; }
}

/// <summary>A key that a load had for its epochs between two numbers, of which neither is its own: the first is of an earlier key, the second is the move to the next.</summary>
internal readonly record struct NamedEpochs(CheckpointKey Key, long After, long Before)
{
    /// <summary>Whether an epoch's file under this key can never count: what was written while another key had the number, or lost it to the move.</summary>
    public bool IsVoid(long n) => n <= After || n == Before;
}

/// <summary>
/// One object for each epoch, <c>_etl/checkpoint-KEY/%020d.json</c>, written only if absent: whoever writes number n owns it, and
/// everybody else who tried has lost. Never deleted, or a number could be taken twice.
/// <para>
/// A load that is renamed goes on in the log of its new key. The last entry of the old one says so: that one object is the move, so it is whole or absent. From then on the
/// epochs up to it are the new key's, and whatever a run under the new key committed below its number, before it could know, is void. A log that ended is not gone on with:
/// its numbers are taken, and only its newest entry tells of the move.
/// </para>
/// </summary>
/// <param name="store">Where the log is.</param>
/// <param name="path">The load's folder.</param>
/// <param name="key">The load.</param>
/// <param name="below">What entries are looked at for earlier names: along the moves of a load numbers fall, so that a search ends even where a log leads back to itself.</param>
internal sealed class FileCommitLog(IObjectStore store, string path, CheckpointKey key, long below = long.MaxValue)
{
    /// <summary>What the folders of logs begin with, below the path.</summary>
    public const string Folders = "_etl/checkpoint-";

    private readonly string _folder = $"{Below(path)}{Folders}{key.ShortName}/";
    private (FileCommitLog Log, long N)? _before;
    private bool _looked;

    /// <summary>ETL4547, for a folder that is kept in another way than the load would.</summary>
    public static EtlException KeptOtherwise(string folder, string why) => new(
        "ETL4547", $"{folder} is kept in another way: {why}", "Nothing was written. Change the load's format back, or load into another path.") { OptionPath = "path" };

    /// <summary>The load's key and those that it had before, the newest first, each with the epochs that it had the key for.</summary>
    public async ValueTask<IReadOnlyList<NamedEpochs>> NamesAsync(CancellationToken cancel) =>
        await BeforeAsync(cancel) is { } before ? [new(key, before.N, below), .. await before.Log.NamesAsync(cancel)] : [new(key, 0, below)];

    /// <summary>
    /// The newest commit, read for a run that takes the folder if <paramref name="request"/> is given; null before the first. ETL4546: the load goes on under another name.
    /// </summary>
    public async ValueTask<FileCommit?> LastAsync(LoadRequest? request, CancellationToken cancel)
    {
        _looked = false;
        var last = await NewestAsync(request, cancel);
        return !Ends(last) ? last : request is null ? null : throw Ended(last!);
    }

    /// <summary>Whether another load may go on here: nothing was ever committed under this key. ETL4546: this load went on under another name.</summary>
    public async ValueTask<bool> IsUnusedAsync(CancellationToken cancel)
    {
        _looked = false;
        var last = await NewestAsync(null, cancel);
        return Ends(last) ? throw Ended(last!) : last is null;
    }

    private bool Ends(FileCommit? last) => last?.MovedTo is { } to && to != key.ToString();

    private EtlException Ended(FileCommit last) => new(
        "ETL4546", $"{key} was moved to {last.MovedTo}, which goes on with the files in {store.Root}{path}", "Give the load another name, or another path.");

    private async ValueTask<FileCommit?> NewestAsync(LoadRequest? request, CancellationToken cancel)
    {
        // A listing may lag behind: it says where to start looking, and asking for the next number says where to stop.
        var n = 0L;
        await foreach (var (listed, _, _) in store.ListAsync(_folder, cancel))
        {
            if (long.TryParse(Path.GetFileNameWithoutExtension(listed), NumberStyles.None, CultureInfo.InvariantCulture, out var number))
            {
                n = Math.Max(n, number);
            }
        }

        n = Math.Max(n, (await BeforeAsync(cancel))?.N ?? 0);
        var last = n == 0 ? null : await ReadAsync(n, request, cancel);
        while (await ReadAsync(n + 1, request, cancel) is { } next)
        {
            (last, n) = (next, n + 1);
        }

        return last;
    }

    /// <summary>A commit by its number; null when there is none.</summary>
    public ValueTask<FileCommit?> ReadAsync(long n, LoadRequest? request, CancellationToken cancel) =>
        ReadAsync(n, text => request is null ? Checkpoint.Parse(text) : Checkpoint.Parse(text, request, n), cancel);

    /// <summary>The same as history: one whose checkpoint is damaged too.</summary>
    public ValueTask<FileCommit?> ReadKeptAsync(long n, CancellationToken cancel) => ReadAsync(n, text => Checkpoint.ParseKept(text, key, n), cancel);

    // What was before a move is in the log of then.
    private async ValueTask<FileCommit?> ReadAsync(long n, Func<string, Checkpoint> parse, CancellationToken cancel) =>
        await BeforeAsync(cancel) is { } before && n <= before.N ? await before.Log.ReadAsync(n, parse, cancel) : await ReadOwnAsync(n, parse, cancel);

    private async ValueTask<FileCommit?> ReadOwnAsync(long n, Func<string, Checkpoint> parse, CancellationToken cancel)
    {
        await using var stream = await store.GetAsync(KeyOf(n), cancel);
        if (stream is null)
        {
            return null;
        }

        using var reader = new StreamReader(stream, Encoding.UTF8);
        try
        {
            var json = JsonNode.Parse(await reader.ReadToEndAsync(cancel))!.AsObject();
            return new(
                parse(json["checkpoint"]!.GetValue<string>()),
                json["file"]?.GetValue<string>(),
                json["from"]!.GetValue<long>(),
                json["total_rows"]!.GetValue<long>())
            {
                Files = json["files"]?.AsObject(),
                MovedTo = json["moved_to"]?.GetValue<string>(),
            };
        }
        catch (Exception e) when (e is JsonException or NullReferenceException or InvalidOperationException or FormatException or ArgumentException)
        {
            throw new EtlException("ETL4544", $"{KeyOf(n)} cannot be read: {e.Message}", "Nothing was written. Restore the object; the load goes on from the newest one.", e);
        }
    }

    /// <summary>False when the number is taken.</summary>
    public ValueTask<bool> TryWriteAsync(FileCommit commit, CancellationToken cancel)
    {
        var json = new JsonObject
        {
            // As text, so that its checksum is over the very bytes.
            ["checkpoint"] = commit.Checkpoint.ToJson(),
            ["file"] = commit.File,
            ["from"] = commit.From,
            ["total_rows"] = commit.TotalRows,
        };
        if (commit.Files is not null)
        {
            json["files"] = commit.Files.DeepClone();
        }

        if (commit.MovedTo is not null)
        {
            json["moved_from"] = key.ToString();
            json["moved_to"] = commit.MovedTo;
        }

        return store.PutIfAbsentAsync(KeyOf(commit.Checkpoint.N), Encoding.UTF8.GetBytes(json.ToJsonString()), cancel);
    }

    /// <summary>Discards what the store keeps of commits that were not finished, up to a number that is taken.</summary>
    public ValueTask DiscardUnfinishedAsync(long taken, CancellationToken cancel) =>
        store.DiscardUnfinishedAsync(_folder, stored => string.CompareOrdinal(stored.Key, KeyOf(taken)) <= 0, cancel);

    // The log that this load goes on from, with the number of its last entry; asked for once, and again by who takes the folder.
    private async ValueTask<(FileCommitLog Log, long N)?> BeforeAsync(CancellationToken cancel)
    {
        if (_looked)
        {
            return _before;
        }

        var newest = new Dictionary<string, long>(StringComparer.Ordinal);
        await foreach (var (listed, _, _) in store.ListAsync($"{Below(path)}{Folders}", cancel))
        {
            var folder = listed[..(listed.LastIndexOf('/') + 1)];
            if (folder != _folder && long.TryParse(Path.GetFileNameWithoutExtension(listed), NumberStyles.None, CultureInfo.InvariantCulture, out var n) && n < below)
            {
                newest[folder] = Math.Max(n, newest.GetValueOrDefault(folder));
            }
        }

        (_looked, _before) = (true, null);
        foreach (var (folder, n) in newest)
        {
            if (await OldNameAsync($"{folder}{n:D20}.json", cancel) is { } name)
            {
                _before = (new FileCommitLog(store, path, name, n), n);
            }
        }

        return _before;
    }

    // Of another load's entry no more is read than where it was moved to: it may be of a newer version.
    private async ValueTask<CheckpointKey?> OldNameAsync(string entry, CancellationToken cancel)
    {
        await using var stream = await store.GetAsync(entry, cancel);
        if (stream is null)
        {
            return null;
        }

        using var reader = new StreamReader(stream, Encoding.UTF8);
        try
        {
            var json = JsonNode.Parse(await reader.ReadToEndAsync(cancel)) as JsonObject;
            return json?["moved_to"]?.GetValue<string>() == key.ToString() && json["moved_from"]!.GetValue<string>().Split('/') is [var environment, var pipeline, var stage]
                ? new CheckpointKey(environment, pipeline, stage)
                : null;
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or NullReferenceException)
        {
            // It is told to the load whose entry it is.
            return null;
        }
    }

    private string KeyOf(long n) => string.Create(CultureInfo.InvariantCulture, $"{_folder}{n:D20}.json");

    // A prefix of keys; the store's root has none.
    private static string Below(string path) => path.Length == 0 ? "" : path + "/";
}
