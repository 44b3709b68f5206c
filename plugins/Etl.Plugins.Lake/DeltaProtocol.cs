using System.Text.Json.Nodes;
using Etl.Contracts;

namespace Etl.Plugins.Lake;

/// <summary>What readers and writers of a table must know. Two are equal when they ask for the same.</summary>
/// <param name="Reader">1, or 3 where readers need a feature.</param>
/// <param name="Writer">1 or 2 of old tables, 7 where features are listed.</param>
/// <param name="Features">In ordinal order, separated by commas; those that version 2 implies are not listed there.</param>
internal sealed record DeltaProtocol(int Reader, int Writer, string Features)
{
    // Writers keep what they do not know of a load: its checkpoint, which so outlives the log's old entries.
    private const string DomainMetadata = "domainMetadata";
    private const string LocalTimestamps = "timestampNtz";
    private static readonly string[] OfVersion2 = ["appendOnly", "invariants"];
    private static readonly string[] Known = [.. OfVersion2, DomainMetadata, LocalTimestamps];

    /// <summary>Reads the action. ETL4553: the table needs what is not known here.</summary>
    public static DeltaProtocol Parse(JsonObject action)
    {
        var (reader, writer) = (action["minReaderVersion"]!.GetValue<int>(), action["minWriterVersion"]!.GetValue<int>());
        var features = Listed(action, "readerFeatures").Concat(Listed(action, "writerFeatures")).Distinct().Order(StringComparer.Ordinal).ToList();
        if (features.Except(Known).ToList() is { Count: > 0 } unknown)
        {
            throw NotUnderstood(string.Join(", ", unknown));
        }

        return reader is 1 or 3 && writer is 1 or 2 or 7
            ? new DeltaProtocol(reader, writer, string.Join(',', features))
            : throw NotUnderstood($"reader version {reader} and writer version {writer}");
    }

    /// <summary>What a table needs that loads write to: what it had, the load's own state, and timestamps without a time zone where it has some.</summary>
    public static DeltaProtocol For(DeltaProtocol? before, bool localTimestamps)
    {
        IEnumerable<string> features = before?.Features.Split(',', StringSplitOptions.RemoveEmptyEntries) ?? [];
        features = features.Concat(before?.Writer == 2 ? OfVersion2 : []).Append(DomainMetadata).Concat(localTimestamps ? [LocalTimestamps] : []);
        return new DeltaProtocol(localTimestamps ? 3 : before?.Reader ?? 1, 7, string.Join(',', features.Distinct().Order(StringComparer.Ordinal)));
    }

    /// <summary>The action.</summary>
    public JsonObject ToJson()
    {
        var action = new JsonObject { ["minReaderVersion"] = Reader, ["minWriterVersion"] = Writer };
        var features = Features.Split(',', StringSplitOptions.RemoveEmptyEntries);
        if (Reader == 3)
        {
            action["readerFeatures"] = new JsonArray([.. features.Where(f => f == LocalTimestamps).Select(f => (JsonNode)f)]);
        }

        if (Writer == 7)
        {
            action["writerFeatures"] = new JsonArray([.. features.Select(f => (JsonNode)f)]);
        }

        return action;
    }

    /// <summary>ETL4553, for this and other things that are not known here.</summary>
    public static EtlException NotUnderstood(string what) => new(
        "ETL4553", $"the Delta table uses {what}, which this version does not understand", "Nothing was read or written. Load into another table, or take the feature off this one.");

    private static IEnumerable<string> Listed(JsonObject action, string member) => action[member]?.AsArray().Select(f => f!.GetValue<string>()) ?? [];
}
