using System.Globalization;
using Etl.Runtime.Diagnostics;
using Etl.Runtime.Yaml;

namespace Etl.Runtime.Definition;

/// <summary>Reads <c>tests:</c>. Only <c>etl test</c> and <c>etl validate</c> do: a run does not stop for a test.</summary>
public static class TestReader
{
    /// <summary>What the clock shows in a test that does not say it.</summary>
    public static readonly DateTimeOffset DefaultClock = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);

    /// <summary>The tests that could be read; the bag is told what is wrong with others. No value is substituted in them.</summary>
    /// <param name="tests">What the key holds; null when there is none.</param>
    /// <param name="declared">The pipeline's parameters.</param>
    /// <param name="bag">Receives what is wrong.</param>
    public static IReadOnlyList<TestDefinition> Read(YamlNode? tests, IReadOnlyDictionary<string, ParamDefinition> declared, DiagnosticBag bag)
    {
        var read = new List<TestDefinition>();
        if (tests is null)
        {
            return read;
        }

        if (tests is not YamlList list)
        {
            bag.AddError(tests.Span, "ETL2002", $"'tests' must be a list, and this is {tests.Kind}", "Write - name: WHAT MUST HOLD, and given and expect below.");
            return read;
        }

        for (var i = 0; i < list.Items.Count; i++)
        {
            if (list.Items[i] is not YamlMap map)
            {
                bag.AddError(list.Items[i].Span, "ETL2002", $"'tests[{i}]' must be a mapping, and this is {list.Items[i].Kind}", "Write - name: WHAT MUST HOLD, and given and expect below.");
            }
            else if (Test(map, $"tests[{i}]", declared, bag) is { } test)
            {
                if (read.Find(t => t.Name == test.Name) is { } first)
                {
                    bag.AddError(map["name"]!.Span, "ETL3080", $"two tests are called '{test.Name}', the first in line {first.Span.Line}", "Name each by what it shows.");
                }

                read.Add(test);
            }
        }

        return read;
    }

    private static TestDefinition? Test(YamlMap map, string path, IReadOnlyDictionary<string, ParamDefinition> declared, DiagnosticBag bag)
    {
        var fields = new MapFields(map, path, bag).Only("name", "clock", "date", "params", "given", "existing", "expect", "then");
        var name = fields.RequiredText("name", "It says what must hold, as a sentence.");
        var runs = new List<TestRun>();
        Runs(map, path, DefaultClock, declared, runs, bag);
        var existing = Rows(fields.Map("existing"), fields.Name("existing"), [], bag);
        return name is null ? null : new TestDefinition(name, map.Span, existing, runs);
    }

    private static void Runs(YamlMap map, string path, DateTimeOffset clock, IReadOnlyDictionary<string, ParamDefinition> declared, List<TestRun> runs, DiagnosticBag bag)
    {
        var fields = new MapFields(map, path, bag);
        clock = Clock(fields, bag) ?? clock;
        var date = Date(fields, bag);
        var parameters = Params(fields, path, declared, bag);
        // The parameters of the first run are those of the next as well.
        if (runs.Count > 0)
        {
            parameters = runs[^1].Params.Concat(parameters).GroupBy(p => p.Key).ToDictionary(p => p.Key, p => p.Last().Value);
            date ??= map.Find("clock") is null ? runs[^1].Date : null;
        }

        var given = Rows(fields.Map("given"), fields.Name("given"), [], bag);
        fields.Require("expect", "A test that expects nothing shows nothing.");
        var expect = fields.Map("expect");
        var expectation = Expectation(expect ?? YamlMap.Empty(map.Span), fields.Name("expect"), bag);
        if (expect is { Entries.Count: 0 })
        {
            bag.AddError(expect.Span, "ETL3090", $"'{fields.Name("expect")}' expects nothing", "Name a load and the rows that it must hold, or dead_letters, rules, stages or status.");
        }

        runs.Add(new TestRun(map.Span, clock, date, parameters, given, expectation));
        if (fields.Map("then") is { } then)
        {
            _ = new MapFields(then, $"{path}.then", bag).Only("clock", "date", "params", "given", "expect", "then");
            Runs(then, $"{path}.then", clock, declared, runs, bag);
        }
    }

    private static Dictionary<string, string> Params(MapFields fields, string path, IReadOnlyDictionary<string, ParamDefinition> declared, DiagnosticBag bag)
    {
        var values = new Dictionary<string, string>();
        foreach (var entry in fields.Map("params")?.Entries ?? [])
        {
            if (!declared.TryGetValue(entry.Key, out var param))
            {
                bag.AddError(entry.KeySpan, "ETL3087", $"the pipeline has no parameter '{entry.Key}'", declared.Count == 0 ? "It has none." : $"{Suggest.Sentence(entry.Key, declared.Keys)}Parameters are: {string.Join(", ", declared.Keys)}.");
            }
            else if (entry.Value is not YamlScalar text)
            {
                Wrong(entry.Value, $"{path}.params.{entry.Key}", "a single value", bag);
            }
            else if (ParamReader.Parse(text.Value, param.Type) is null)
            {
                bag.AddError(text.Span, "ETL3087", $"the parameter {entry.Key} is '{text.Written}'; it must be {ParamReader.Noun(param.Type)}");
            }
            else
            {
                values.Add(entry.Key, text.Value);
            }
        }

        return values;
    }

    private static TestExpectation Expectation(YamlMap map, string path, DiagnosticBag bag)
    {
        var fields = new MapFields(map, path, bag);
        var letters = map.Find("dead_letters");
        var stages = fields.Map("stages")?.Entries ?? [];
        return new TestExpectation(
            map.Span,
            Rows(map, path, TestExpectation.Words, bag),
            letters is null || fields.List("dead_letters") is not { } list ? null : new TestLetters(letters.KeySpan, [.. list.Items.Select((l, i) => Letter(l, $"{path}.dead_letters[{i}]", bag)).OfType<TestLetter>()]),
            fields.Map("rules")?.Entries ?? [],
            [.. stages.Where(s => s.Value is YamlMap || Wrong(s.Value, $"{path}.stages.{s.Key}", "a mapping", bag)).Select(s => Counts(s, (YamlMap)s.Value, $"{path}.stages.{s.Key}", bag))],
            fields.Scalar("status"),
            fields.Scalar("error"));
    }

    private static TestLetter? Letter(YamlNode node, string path, DiagnosticBag bag)
    {
        if (node is not YamlMap map)
        {
            Wrong(node, path, "a mapping", bag);
            return null;
        }

        var fields = new MapFields(map, path, bag).Only("rule", "stage", "row");
        fields.Require("rule", "Name the rule that refuses the row.");
        return fields.Scalar("rule") is { } rule ? new TestLetter(map.Span, rule, fields.Scalar("stage"), fields.Map("row")) : null;
    }

    private static TestCounts Counts(YamlEntry entry, YamlMap map, string path, DiagnosticBag bag)
    {
        _ = new MapFields(map, path, bag).Only([.. TestCounts.Words]);
        return new TestCounts(entry.Key, entry.KeySpan, [.. map.Entries.Where(e => TestCounts.Words.Contains(e.Key))]);
    }

    private static List<TestRows> Rows(YamlMap? stages, string path, IReadOnlyList<string> except, DiagnosticBag bag)
    {
        var read = new List<TestRows>();
        foreach (var entry in (stages?.Entries ?? []).Where(e => !except.Contains(e.Key)))
        {
            if (entry.Value is not YamlList list)
            {
                Wrong(entry.Value, $"{path}.{entry.Key}", "a list of rows", bag);
                continue;
            }

            read.Add(new TestRows(entry.Key, entry.KeySpan, [.. list.Items.Where((row, i) => row is YamlMap || Wrong(row, $"{path}.{entry.Key}[{i}]", "a mapping of columns to values", bag)).Cast<YamlMap>()]));
        }

        return read;
    }

    private static DateTimeOffset? Clock(MapFields fields, DiagnosticBag bag)
    {
        if (fields.Scalar("clock") is not { } scalar)
        {
            return null;
        }

        if (ParamReader.Parse(scalar.Value, ParamType.Timestamp) is DateTimeOffset clock)
        {
            return clock;
        }

        bag.AddError(scalar.Span, "ETL3086", $"'{fields.Name("clock")}' is '{scalar.Written}'; it must be {ParamReader.Noun(ParamType.Timestamp)}");
        return null;
    }

    private static DateOnly? Date(MapFields fields, DiagnosticBag bag)
    {
        if (fields.Scalar("date") is not { } scalar)
        {
            return null;
        }

        if (DateOnly.TryParseExact(scalar.Value, "yyyy-MM-dd", CultureInfo.InvariantCulture, DateTimeStyles.None, out var date))
        {
            return date;
        }

        bag.AddError(scalar.Span, "ETL3086", $"'{fields.Name("date")}' is '{scalar.Written}'; it must be {ParamReader.Noun(ParamType.Date)}");
        return null;
    }

    // Always false, for a filter.
    private static bool Wrong(YamlNode node, string name, string expected, DiagnosticBag bag)
    {
        bag.AddError(node.Span, "ETL2002", $"'{name}' must be {expected}, and this is {node.Kind}");
        return false;
    }
}
