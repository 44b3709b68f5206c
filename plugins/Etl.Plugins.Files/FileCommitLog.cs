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
}

/// <summary>
/// One object for each epoch, <c>_etl/checkpoint-KEY/%020d.json</c>, written only if absent: whoever writes number n owns it, and
/// everybody else who tried has lost. Never deleted, or a number could be taken twice.
/// </summary>
internal sealed class FileCommitLog(IObjectStore store, string path, CheckpointKey key)
{
    private readonly string _folder = $"{(path.Length == 0 ? "" : path + "/")}_etl/checkpoint-{key.ShortName}/";

    /// <summary>The newest commit, read for a run that takes the folder if <paramref name="request"/> is given; null before the first.</summary>
    public async ValueTask<FileCommit?> LastAsync(LoadRequest? request, CancellationToken cancel)
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

    private async ValueTask<FileCommit?> ReadAsync(long n, Func<string, Checkpoint> parse, CancellationToken cancel)
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
                json["total_rows"]!.GetValue<long>()) { Files = json["files"]?.AsObject() };
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

        return store.PutIfAbsentAsync(KeyOf(commit.Checkpoint.N), Encoding.UTF8.GetBytes(json.ToJsonString()), cancel);
    }

    /// <summary>Discards what the store keeps of commits that were not finished, up to a number that is taken.</summary>
    public ValueTask DiscardUnfinishedAsync(long taken, CancellationToken cancel) =>
        store.DiscardUnfinishedAsync(_folder, stored => string.CompareOrdinal(stored.Key, KeyOf(taken)) <= 0, cancel);

    private string KeyOf(long n) => string.Create(CultureInfo.InvariantCulture, $"{_folder}{n:D20}.json");
}
