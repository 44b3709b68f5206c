using System.Text.Json;
using System.Text.Json.Nodes;

namespace Etl.Runtime.Compilation.Diff;

/// <summary>A comparison as JSON, version 1; words are in snake_case: <c>breaking</c>, <c>needs_backfill</c>, <c>compatible</c>; <c>starts_anew</c>.</summary>
public static class ComparisonJson
{
    /// <summary>One document.</summary>
    public static JsonObject Render(Comparison comparison, string reference) => new()
    {
        ["version"] = 1,
        ["base"] = reference,
        ["worst"] = comparison.Worst is { } worst ? Word(worst) : null,
        ["unchanged"] = comparison.Unchanged,
        ["pipelines"] = new JsonArray([.. comparison.Pipelines.Select(p => new JsonObject
        {
            ["pipeline"] = p.Pipeline, ["file"] = p.File, ["note"] = p.Note, ["loads"] = new JsonArray([.. p.Loads.Select(Load)]),
        })]),
    };

    private static JsonObject Load(LoadComparison load) => new()
    {
        ["load"] = load.Load,
        ["dataset"] = new JsonObject { ["connection"] = load.Dataset.Connection, ["name"] = load.Dataset.Name },
        ["line"] = load.Span.Line,
        ["checkpoint"] = JsonNamingPolicy.SnakeCaseLower.ConvertName(load.Checkpoint.ToString()),
        ["checkpoint_reason"] = load.CheckpointReason,
        ["changes"] = new JsonArray([.. load.Changes.Select(c => new JsonObject
        {
            ["impact"] = Word(c.Impact),
            ["kind"] = c.Kind,
            ["column"] = c.Column,
            ["text"] = c.Text,
            ["affects"] = new JsonArray([.. c.Affects.Select(a => new JsonObject
            {
                ["pipeline"] = a.Pipeline, ["load"] = a.Load, ["columns"] = new JsonArray([.. a.Columns.Select(n => JsonValue.Create(n))]), ["rows"] = a.Rows,
            })]),
        })]),
    };

    private static string Word(Impact impact) => ComparisonText.Word(impact).Replace(' ', '_');
}
