using System.Buffers.Binary;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Etl.Contracts;

/// <summary>A target's checkpoint is found by these.</summary>
/// <param name="Environment">The name given by <c>--env</c>, or <c>default</c>.</param>
/// <param name="Pipeline">The pipeline's id.</param>
/// <param name="Stage">The load stage's id.</param>
public sealed record CheckpointKey(string Environment, string Pipeline, string Stage)
{
    /// <summary><c>environment/pipeline/stage</c>; also Delta's <c>appId</c>.</summary>
    public override string ToString() => $"{Environment}/{Pipeline}/{Stage}";

    /// <summary>
    /// The key as a short name for staging objects: lower case hex, 16 characters, from SHA-256, so that no length limit of a
    /// system cuts two keys to one name.
    /// </summary>
    public string ShortName => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(ToString())).AsSpan(0, 8));
}

/// <summary>A file of dead letters that belongs to an epoch; one that no checkpoint lists does not exist.</summary>
/// <param name="Connection">The connection that holds it; null for the state folder.</param>
/// <param name="Path">Its key there.</param>
/// <param name="Stage">The stage that refused the rows.</param>
/// <param name="Rows">How many rows it holds.</param>
/// <param name="Sha256">Lower case hex.</param>
public sealed record DeadLetterFile(string? Connection, string Path, string Stage, long Rows, string Sha256);

/// <summary>
/// How far a target has consumed its sources. It lives in the target and is committed with the data. The JSON is versioned
/// and carries a checksum; a reader refuses what it does not understand, and never starts from zero because of it.
/// </summary>
public sealed record Checkpoint
{
    /// <summary>
    /// The newest format that this code reads and writes. Each checkpoint is written in the oldest one that can say it: 1, or 2 for one that closes dead
    /// letters, on top of which an older program must not go on.
    /// </summary>
    public const int CurrentVersion = 2;

    /// <summary>Whose it is.</summary>
    public required CheckpointKey Key { get; init; }

    /// <summary>The epoch: 1, 2, 3, ... without gaps.</summary>
    public required long N { get; init; }

    /// <summary>The fence under which it was committed.</summary>
    public required long Fence { get; init; }

    /// <summary>Unique to this attempt at this epoch: how an unknown outcome is resolved.</summary>
    public required string BatchId { get; init; }

    /// <summary>The run that committed it.</summary>
    public required string RunId { get; init; }

    /// <summary>SHA-256 of the plan that ran.</summary>
    public required string PlanHash { get; init; }

    /// <summary>Of the settings that the positions depend on; another one is refused until a person decides.</summary>
    public required string Fingerprint { get; init; }

    /// <summary>By extract stage.</summary>
    public required IReadOnlyDictionary<string, SourcePosition> Sources { get; init; }

    /// <summary>Dead letters of the epoch.</summary>
    public IReadOnlyList<DeadLetterFile> DeadLetters { get; init; } = [];

    /// <summary>Dead letters of earlier epochs that this one closes.</summary>
    public IReadOnlyList<DeadLetterClosing> Closed { get; init; } = [];

    /// <summary>What the epoch was for and why, in words, where it is not a run's; null for a run. For people and the audit.</summary>
    public string? Note { get; init; }

    /// <summary>Rows staged in this epoch.</summary>
    public long Rows { get; init; }

    /// <summary>Of an epoch that a target keeps as history: why its checkpoint cannot be read; null for one that can. Such a one has a number, and nothing else.</summary>
    public EtlException? Unreadable { get; init; }

    /// <summary>By the runtime's clock, for people; nothing is decided by it.</summary>
    public DateTimeOffset CommittedAt { get; init; }

    /// <summary>One line of JSON with members in a fixed order, the checksum last.</summary>
    public string ToJson()
    {
        var sources = new JsonObject();
        foreach (var (stage, s) in Sources.OrderBy(s => s.Key, StringComparer.Ordinal))
        {
            sources[stage] = new JsonObject { ["kind"] = s.Kind, ["identity"] = s.Identity, ["position"] = s.Position.DeepClone() };
        }

        var json = new JsonObject
        {
            ["version"] = Closed.Count > 0 ? 2 : 1,
            ["environment"] = Key.Environment,
            ["pipeline"] = Key.Pipeline,
            ["stage"] = Key.Stage,
            ["n"] = N,
            ["fence"] = Fence,
            ["batch_id"] = BatchId,
            ["run_id"] = RunId,
            ["plan"] = PlanHash,
            ["fingerprint"] = Fingerprint,
            ["sources"] = sources,
            ["dead_letters"] = new JsonArray([.. DeadLetters.Select(d => new JsonObject
            {
                ["connection"] = d.Connection, ["path"] = d.Path, ["stage"] = d.Stage, ["rows"] = d.Rows, ["sha256"] = d.Sha256,
            })]),
            ["rows"] = Rows,
            ["committed_at"] = CommittedAt.ToUniversalTime().ToString("yyyy-MM-dd'T'HH:mm:ss.ffffff'Z'", CultureInfo.InvariantCulture),
        };
        if (Closed.Count > 0)
        {
            json["closed"] = new JsonArray([.. Closed.Select(c => new JsonObject
            {
                ["state"] = c.State.ToString().ToLowerInvariant(), ["path"] = c.Path, ["rule"] = c.Rule, ["rows"] = c.Rows,
            })]);
        }

        if (Note is not null)
        {
            json["note"] = Note;
        }

        json["checksum"] = Checksum(json);
        return json.ToJsonString();
    }

    /// <summary>Reads a stored checkpoint. ETL6001: damaged or edited; ETL6002: written by a newer version.</summary>
    public static Checkpoint Parse(string text)
    {
        try
        {
            var json = JsonNode.Parse(text)?.AsObject() ?? throw new JsonException("null");
            var version = json["version"]!.GetValue<int>();
            if (version > CurrentVersion)
            {
                throw new EtlException("ETL6002", $"the checkpoint has format version {version}; this version reads up to {CurrentVersion}", "Run with the version that wrote it, or a newer one.");
            }

            var stored = json["checksum"]!.GetValue<string>();
            json.Remove("checksum");
            if (stored != Checksum(json))
            {
                throw Damaged("its checksum does not match", null);
            }

            return new Checkpoint
            {
                Key = new CheckpointKey(Text(json, "environment"), Text(json, "pipeline"), Text(json, "stage")),
                N = json["n"]!.GetValue<long>(),
                Fence = json["fence"]!.GetValue<long>(),
                BatchId = Text(json, "batch_id"),
                RunId = Text(json, "run_id"),
                PlanHash = Text(json, "plan"),
                Fingerprint = Text(json, "fingerprint"),
                Sources = json["sources"]!.AsObject().ToDictionary(
                    s => s.Key,
                    s => new SourcePosition(Text(s.Value!.AsObject(), "kind"), Text(s.Value!.AsObject(), "identity"), s.Value!["position"]!.DeepClone().AsObject())),
                DeadLetters = [.. json["dead_letters"]!.AsArray().Select(d => d!.AsObject()).Select(d => new DeadLetterFile(
                    d["connection"]?.GetValue<string>(), Text(d, "path"), Text(d, "stage"), d["rows"]!.GetValue<long>(), Text(d, "sha256")))],
                Closed = [.. (json["closed"] as JsonArray ?? []).Select(c => c!.AsObject()).Select(c => new DeadLetterClosing(
                    Enum.Parse<DeadLetterState>(Text(c, "state"), ignoreCase: true), c["path"]?.GetValue<string>(), c["rule"]?.GetValue<string>(), c["rows"]!.GetValue<long>()))],
                Note = json["note"]?.GetValue<string>(),
                Rows = json["rows"]!.GetValue<long>(),
                CommittedAt = DateTimeOffset.Parse(Text(json, "committed_at"), CultureInfo.InvariantCulture),
            };
        }
        // An ArgumentException is a member that is there twice.
        catch (Exception e) when (e is JsonException or NullReferenceException or InvalidOperationException or FormatException or KeyNotFoundException or ArgumentException)
        {
            throw Damaged(e.Message, e);
        }
    }

    /// <summary>
    /// Reads a stored checkpoint for a run that takes the target. A full refresh needs no position, so it goes on behind a damaged checkpoint by the
    /// number of its epoch alone, which the target keeps beside it; any other run is refused as by <see cref="Parse(string)"/>.
    /// </summary>
    /// <param name="text">As stored.</param>
    /// <param name="request">The run's.</param>
    /// <param name="n">The epoch that the target is at.</param>
    public static Checkpoint Parse(string text, LoadRequest request, long n)
    {
        try
        {
            return Parse(text);
        }
        catch (EtlException e) when (e.Code == "ETL6001" && request.FullRefresh)
        {
            return NumberOnly(request.Key, n);
        }
    }

    /// <summary>
    /// Reads the checkpoint of an epoch that a target keeps as history. A damaged one is told by <see cref="Unreadable"/>: who reads the history knows whether
    /// that epoch still matters.
    /// </summary>
    /// <param name="text">As stored.</param>
    /// <param name="key">Whose it is.</param>
    /// <param name="n">Its number.</param>
    public static Checkpoint ParseKept(string text, CheckpointKey key, long n)
    {
        try
        {
            return Parse(text);
        }
        catch (EtlException e) when (e.Code == "ETL6001")
        {
            return NumberOnly(key, n) with { Unreadable = e };
        }
    }

    private static Checkpoint NumberOnly(CheckpointKey key, long n) =>
        new() { Key = key, N = n, Fence = n, BatchId = "", RunId = "", PlanHash = "", Fingerprint = "", Sources = new Dictionary<string, SourcePosition>() };

    private static EtlException Damaged(string why, Exception? inner) => new(
        "ETL6001", $"the target's checkpoint cannot be read: {why}", "Nothing was read or written. Look at it with `etl state show`; to start again from the source, run with --full-refresh.", inner);

    private static string Text(JsonObject json, string name) => json[name]!.GetValue<string>();

    // First 8 bytes of SHA-256 over the JSON without this member: it tells damage and hand edits, it is no signature.
    private static string Checksum(JsonObject json)
    {
        var hash = SHA256.HashData(Encoding.UTF8.GetBytes(json.ToJsonString()));
        return BinaryPrimitives.ReadUInt64BigEndian(hash).ToString("x16", CultureInfo.InvariantCulture);
    }
}
