using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;

namespace Etl.Runtime.Compilation.Online;

/// <summary>A comparison for people, to stand below a plan, and as JSON, to stand within it.</summary>
public static class LiveComparisonText
{
    /// <summary>Ends in a line feed.</summary>
    public static string Render(LiveComparison comparison)
    {
        var text = new StringBuilder();
        foreach (var end in comparison.Ends)
        {
            text.Append(end.IsSource ? "source " : "target ").Append(end.Stage).Append("  ").Append(end.Place).Append('\n');
            foreach (var (word, what) in Lines(end))
            {
                text.Append("  ").Append(word.PadRight(10)).Append(what).Append('\n');
            }
        }

        return text.Append(CultureInfo.InvariantCulture, $"\nlive: {Count(comparison.Count(DriftFate.Fails), "difference")} that a run fails for, {comparison.Count(DriftFate.Warns)} that it warns of")
            .Append(comparison.IsWhole ? "" : $"; {Count(comparison.Ends.Count(e => e.Unreachable is not null), "end")} could not be asked").Append('\n').ToString();
    }

    /// <summary>The document's member <c>live</c>.</summary>
    public static JsonObject Json(LiveComparison comparison) => new()
    {
        ["fails"] = comparison.Count(DriftFate.Fails),
        ["warns"] = comparison.Count(DriftFate.Warns),
        ["whole"] = comparison.IsWhole,
        ["ends"] = new JsonArray([.. comparison.Ends.Select(e => new JsonObject
        {
            ["stage"] = e.Stage,
            ["kind"] = e.IsSource ? "source" : "target",
            ["place"] = e.Place,
            ["not_compared"] = e.NotCompared,
            ["error"] = e.Unreachable is { } error ? new JsonObject { ["code"] = error.Code, ["message"] = error.Message } : null,
            ["drifts"] = new JsonArray([.. e.Drifts.Select(d => new JsonObject { ["code"] = d.Code, ["fate"] = Word(d.Fate), ["column"] = d.Column, ["text"] = d.Text })]),
            ["statements"] = new JsonArray([.. e.Statements.Select(s => JsonValue.Create(s))]),
        })]),
    };

    private static IEnumerable<(string Word, string What)> Lines(LiveEnd end)
    {
        if (end.NotCompared is { } why)
        {
            yield return ("unknown", $"not compared: {why}");
        }
        else if (end.Unreachable is { } error)
        {
            yield return ("error", $"{(error.Code is null ? "" : $"{error.Code} ")}could not be asked: {error.Message}");
        }
        else if (end.Drifts.Count == 0 && end.Statements.Count == 0)
        {
            yield return ("same", end.IsSource ? "as the contract says" : "the rows fit");
        }

        foreach (var drift in end.Drifts)
        {
            yield return (Word(drift.Fate), $"{drift.Code} {(drift.Column is null ? "" : $"'{drift.Column}' ")}{drift.Text}");
        }

        foreach (var statement in end.Statements)
        {
            yield return ("issues", statement);
        }
    }

    private static string Word(DriftFate fate) => fate.ToString().ToLowerInvariant();

    private static string Count(int count, string what) => string.Create(CultureInfo.InvariantCulture, $"{count} {what}{(count == 1 ? "" : "s")}");
}
