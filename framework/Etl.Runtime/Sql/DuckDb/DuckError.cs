using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Etl.Contracts;

namespace Etl.DuckDb;

/// <summary>What DuckDB says about a statement.</summary>
/// <param name="Message">In words, without the prefix of its kind and without the excerpt of the SQL.</param>
/// <param name="Position">0-based offset in characters within the SQL; null when it names no place.</param>
/// <param name="Candidates">Names that were meant, perhaps.</param>
/// <param name="Type">DuckDB's kind, such as <c>Binder</c>, <c>Parser</c>, <c>Catalog</c>, <c>Conversion</c>, <c>Out of Memory</c>.</param>
/// <param name="Subtype">Such as <c>COLUMN_NOT_FOUND</c>; null if there is none.</param>
/// <param name="Name">The name that was not found; null for other errors.</param>
internal sealed record DuckError(string Message, int? Position, IReadOnlyList<string> Candidates, string Type, string? Subtype, string? Name)
{
    /// <summary>Reads a message of a connection with <c>errors_as_json</c>; a plain one is taken as it is.</summary>
    public static DuckError Parse(string text, string? sql)
    {
        // A parser error comes as 'Parser Error: {json}'.
        var start = text.IndexOf('{', StringComparison.Ordinal);
        if (start >= 0 && ReadObject(text[start..]) is { } json)
        {
            var candidates = Member(json, "candidates")?.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries) ?? [];
            return new DuckError(
                WithoutGuesses(Member(json, "exception_message") ?? text),
                CharOffset(sql, Member(json, "position")),
                [.. candidates.Select(c => c.Trim('"'))],
                Member(json, "exception_type") ?? "Unknown",
                Member(json, "error_subtype"),
                Member(json, "name"));
        }

        var colon = text.IndexOf(" Error: ", StringComparison.Ordinal);
        return colon > 0
            ? new DuckError(text[(colon + 8)..], null, [], text[..colon], null, null)
            : new DuckError(text, null, [], "Unknown", null, null);
    }

    // DuckDB ends some messages with lines of guesses, which Candidates has, and many with a mark of its own.
    private static string WithoutGuesses(string message)
    {
        foreach (var line in (string[])["\nCandidate bindings:", "\nDid you mean "])
        {
            if (message.IndexOf(line, StringComparison.Ordinal) is > 0 and var at)
            {
                message = message[..at];
            }
        }

        return message.TrimEnd('!', '.');
    }

    // A plain message may hold a brace of its own.
    private static JsonObject? ReadObject(string text)
    {
        try
        {
            return JsonNode.Parse(text) is JsonObject json && json.ContainsKey("exception_message") ? json : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    private static string? Member(JsonObject json, string name) => json[name]?.ToString();

    private static int? CharOffset(string? sql, string? position)
    {
        if (sql is null || !int.TryParse(position, NumberStyles.None, CultureInfo.InvariantCulture, out var bytes))
        {
            return null;
        }

        var offset = 0;
        foreach (var rune in sql.EnumerateRunes())
        {
            if (bytes <= 0)
            {
                break;
            }

            bytes -= rune.Utf8SequenceLength;
            offset += rune.Utf16SequenceLength;
        }

        return offset;
    }
}

/// <summary>A statement that DuckDB refused or that failed: ETL4402.</summary>
internal sealed class DuckException(DuckError error, string sql) : EtlException(
    "ETL4402", error.Message, error.Candidates.Count > 0 ? $"Did you mean {string.Join(", ", error.Candidates)}?" : error.Type == "Out of Memory" ? "Give the run more memory (--memory), or room to spill." : null)
{
    /// <summary>What DuckDB said, in parts.</summary>
    public DuckError Error { get; } = error;

    /// <summary>The statement.</summary>
    public string Sql { get; } = sql;
}
