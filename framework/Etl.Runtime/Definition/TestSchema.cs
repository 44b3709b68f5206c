using System.Text.Json.Nodes;

namespace Etl.Runtime.Definition;

/// <summary>The part of the JSON Schema that completes <c>tests:</c>. Names of stages and columns are for the compiler to check.</summary>
internal static class TestSchema
{
    /// <summary>The list of tests.</summary>
    public static JsonObject Tests()
    {
        // One `then` is written out; an editor does not need more.
        var then = Run(new JsonObject { ["type"] = "object", ["description"] = "And another run." });
        then["description"] = "Another run, of what changed since.";
        then["required"] = new JsonArray("expect");
        var test = Run(then);
        test["required"] = new JsonArray("name", "expect");
        test["properties"]!.AsObject().Insert(0, "name", Words("What must hold, as a sentence."));
        test["properties"]!["existing"] = Rows("Rows that a load's target holds before, by load.");
        return new JsonObject { ["type"] = "array", ["description"] = "Given rows of the sources, and the rows that are expected at the loads; etl test runs them.", ["items"] = test };
    }

    private static JsonObject Run(JsonObject then) => new()
    {
        ["type"] = "object",
        ["additionalProperties"] = false,
        ["properties"] = new JsonObject
        {
            ["clock"] = Words("What the clock shows, such as 2026-01-31T12:00:00Z; 2026-01-01T00:00:00Z when absent."),
            ["date"] = Words("The logical date; the clock's day when absent."),
            ["params"] = new JsonObject { ["type"] = "object", ["description"] = "Values of parameters.", ["additionalProperties"] = new JsonObject { ["type"] = new JsonArray("string", "number", "boolean") } },
            ["given"] = Rows("Rows that a source gives, by extract stage. Columns that are left out are NULL or filled."),
            ["expect"] = Expect(),
            ["then"] = then,
        },
    };

    private static JsonObject Expect() => new()
    {
        ["type"] = "object",
        ["description"] = "All rows that a load's target must hold afterwards, by load and by the columns that are listed; and more.",
        ["minProperties"] = 1,
        ["properties"] = new JsonObject
        {
            ["dead_letters"] = new JsonObject
            {
                ["type"] = "array",
                ["description"] = "All rows that were refused.",
                ["items"] = new JsonObject
                {
                    ["type"] = "object",
                    ["additionalProperties"] = false,
                    ["required"] = new JsonArray("rule"),
                    ["properties"] = new JsonObject
                    {
                        ["rule"] = Words("The rule that refused it, or stage.rule."),
                        ["stage"] = Words("The stage of the rule."),
                        ["row"] = Row("Columns of the row as the stage saw it."),
                    },
                },
            },
            ["rules"] = new JsonObject
            {
                ["type"] = "object",
                ["description"] = "By rule, how many rows break it, or its outcome.",
                ["additionalProperties"] = new JsonObject { ["anyOf"] = new JsonArray(Count(), new JsonObject { ["enum"] = new JsonArray("passed", "broken", "accepted", "not_checked") }) },
            },
            ["stages"] = new JsonObject
            {
                ["type"] = "object",
                ["description"] = "By stage, rows that it counted.",
                ["additionalProperties"] = new JsonObject
                {
                    ["type"] = "object",
                    ["additionalProperties"] = false,
                    ["properties"] = new JsonObject(TestCounts.Words.Select(w => KeyValuePair.Create<string, JsonNode?>(w, Count()))),
                },
            },
            ["status"] = new JsonObject { ["enum"] = new JsonArray("succeeded", "nothing_new", "refused", "failed"), ["description"] = "How the run ends; well when absent." },
            ["error"] = Words("The code of the error that ends it, such as ETL4210."),
        },
        ["additionalProperties"] = new JsonObject { ["type"] = "array", ["items"] = Row("Columns and values.") },
    };

    private static JsonObject Rows(string description) => new()
    {
        ["type"] = "object",
        ["description"] = description,
        ["additionalProperties"] = new JsonObject { ["type"] = "array", ["items"] = Row("Columns and values.") },
    };

    private static JsonObject Row(string description) => new()
    {
        ["type"] = "object",
        ["description"] = description,
        ["additionalProperties"] = new JsonObject { ["type"] = new JsonArray("string", "number", "boolean", "null", "array") },
    };

    private static JsonObject Count() => new() { ["type"] = "integer", ["minimum"] = 0 };

    private static JsonObject Words(string description) => new() { ["type"] = "string", ["description"] = description };
}
