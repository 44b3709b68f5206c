using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Etl.Contracts;

namespace Etl.Plugins.Lake;

/// <summary>A checkpoint of a table's log.</summary>
/// <param name="Version">The version whose state it is.</param>
/// <param name="Parts">Files that it consists of; null for one file without a number.</param>
/// <param name="Actions">How many actions it holds; null when nobody says.</param>
internal sealed record LogCheckpoint(long Version, int? Parts, long? Actions);

/// <summary>
/// The checkpoints of a table's log, of the protocol's classic kind: <c>%020d.checkpoint.parquet</c>, or in several parts, as other programs write them. They are
/// made of the log and never the other way round, so a broken one is passed over where the log is still there.
/// </summary>
internal sealed partial class DeltaCheckpoints(IObjectStore store, string root, string tempFolder)
{
    private static readonly TimeSpan KeepRemoved = TimeSpan.FromDays(7);

    private string Folder => $"{root}_delta_log/";

    private string LastKey => Folder + "_last_checkpoint";

    /// <summary>The one that <c>_last_checkpoint</c> names; null when there is none, or what names it cannot be read.</summary>
    public async ValueTask<LogCheckpoint?> LastAsync(CancellationToken cancel)
    {
        await using var stream = await store.GetAsync(LastKey, cancel);
        if (stream is null)
        {
            return null;
        }

        try
        {
            var last = await JsonNode.ParseAsync(stream, cancellationToken: cancel);
            return new LogCheckpoint(last!["version"]!.GetValue<long>(), last["parts"]?.GetValue<int>(), last["size"]?.GetValue<long>());
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or FormatException or NullReferenceException)
        {
            // A hint only, which its writers overwrite: the log and the listing say the same.
            return null;
        }
    }

    /// <summary>Those in a listing that are whole, the newest first, and the versions of the log that it shows.</summary>
    public async ValueTask<(IReadOnlyList<LogCheckpoint> Checkpoints, IReadOnlyList<long> Versions)> ListAsync(CancellationToken cancel)
    {
        var files = new List<(long Version, int? Parts)>();
        var versions = new List<long>();
        await foreach (var stored in store.ListAsync(Folder, cancel))
        {
            var name = stored.Key[Folder.Length..];
            if (DeltaLog.VersionOf(stored.Key, root) is { } version)
            {
                versions.Add(version);
            }

            if (CheckpointName().Match(name) is { Success: true } match)
            {
                files.Add((long.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture), match.Groups[2].Success ? int.Parse(match.Groups[2].Value, CultureInfo.InvariantCulture) : null));
            }
        }

        var whole = files.GroupBy(f => f).Where(g => g.Count() == (g.Key.Parts ?? 1)).Select(g => new LogCheckpoint(g.Key.Version, g.Key.Parts, null));
        return ([.. whole.OrderByDescending(c => c.Version)], versions);
    }

    /// <summary>The table at a checkpoint; or null, and what is wrong with it. ETL4553 as of the log.</summary>
    public async ValueTask<(DeltaSnapshot? Snapshot, string? Fault)> ReadAsync(LogCheckpoint checkpoint, CancellationToken cancel)
    {
        var actions = new List<(string Kind, JsonObject Action)>();
        foreach (var key in KeysOf(checkpoint))
        {
            await using var content = await store.GetAsync(key, cancel);
            if (content is null)
            {
                return (null, $"{key} is not there");
            }

            await using var copy = NewTempFile();
            await content.CopyToAsync(copy, cancel);
            copy.Position = 0;
            try
            {
                await foreach (var action in DeltaCheckpointFile.ReadAsync(copy, cancel))
                {
                    actions.Add(action);
                }
            }
            catch (Exception e) when (e is not OperationCanceledException)
            {
                // The library answers damage with exceptions of every kind.
                return (null, $"the checkpoint {key} cannot be read: {e.Message}");
            }
        }

        if (checkpoint.Actions is { } expected && actions.Count != expected)
        {
            return (null, $"the checkpoint of version {checkpoint.Version} holds {actions.Count} of {expected} actions");
        }

        try
        {
            var snapshot = new DeltaSnapshot();
            snapshot.ApplyCheckpoint(checkpoint.Version, actions);
            return (snapshot, null);
        }
        catch (Exception e) when (e is JsonException or NullReferenceException or InvalidOperationException or InvalidDataException or FormatException or ArgumentException)
        {
            return (null, $"the checkpoint of version {checkpoint.Version} is damaged: {e.Message}");
        }
    }

    /// <summary>Writes one for a snapshot, reads it once more before it is sent, and names it only when the store has all of it.</summary>
    public async ValueTask WriteAsync(DeltaSnapshot snapshot, DateTimeOffset now, CancellationToken cancel)
    {
        await using var copy = NewTempFile();
        var written = await DeltaCheckpointFile.WriteAsync(copy, snapshot.ToCheckpoint(now - KeepRemoved), cancel);
        var size = copy.Length;
        copy.Position = 0;
        var read = new List<(string Kind, string? Path)>();
        await foreach (var (kind, action) in DeltaCheckpointFile.ReadAsync(copy, cancel))
        {
            read.Add((kind, action["path"]?.GetValue<string>()));
        }

        if (!read.SequenceEqual(snapshot.ToCheckpoint(now - KeepRemoved).Select(a => (a.Kind, a.Action["path"]?.GetValue<string>()))))
        {
            throw new InvalidDataException("it does not read as it was written");
        }

        var checkpoint = new LogCheckpoint(snapshot.Version, null, written);
        var key = KeysOf(checkpoint).Single();
        copy.Position = 0;
        await store.PutAsync(key, copy, cancel);
        if (await store.SizeAsync(key, cancel) is var stored && stored != size)
        {
            throw new InvalidDataException($"the store has {stored?.ToString(CultureInfo.InvariantCulture) ?? "no"} bytes of {key}, and {size} were sent");
        }

        var last = new JsonObject { ["version"] = snapshot.Version, ["size"] = written, ["sizeInBytes"] = size, ["numOfAddFiles"] = snapshot.Files.Count };
        using var name = new MemoryStream(JsonSerializer.SerializeToUtf8Bytes(last));
        await store.PutAsync(LastKey, name, cancel);
    }

    private IEnumerable<string> KeysOf(LogCheckpoint checkpoint) => checkpoint.Parts is not { } parts
        ? [string.Create(CultureInfo.InvariantCulture, $"{Folder}{checkpoint.Version:D20}.checkpoint.parquet")]
        : Enumerable.Range(1, parts).Select(part => string.Create(CultureInfo.InvariantCulture, $"{Folder}{checkpoint.Version:D20}.checkpoint.{part:D10}.{parts:D10}.parquet"));

    private FileStream NewTempFile()
    {
        Directory.CreateDirectory(tempFolder);
        var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.ReadWrite, Options = FileOptions.DeleteOnClose };
        if (!OperatingSystem.IsWindows())
        {
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        }

        return new FileStream(Path.Combine(tempFolder, $"checkpoint-{Guid.NewGuid():N}"), options);
    }

    [GeneratedRegex(@"^(\d{20})\.checkpoint(?:\.\d{10}\.(\d{10}))?\.parquet$")]
    private static partial Regex CheckpointName();
}
