using System.Text.RegularExpressions;

namespace Etl.Model.Tests.Mistakes;

/// <summary>A text with one mistake in it.</summary>
/// <param name="Text">The pipeline, or the contract.</param>
/// <param name="First">First line, 1-based, where it can be told.</param>
/// <param name="Last">Last such line.</param>
/// <param name="What">What was done, for people.</param>
internal sealed record Mutant(string Text, int First, int Last, string What);

/// <summary>A kind of mistake: something that people do to a file.</summary>
/// <param name="Name">In a few words.</param>
/// <param name="Make">Makes it in a right text; null where it finds no place for it.</param>
/// <param name="Contract">The contract that it is made in; null for the pipeline.</param>
internal sealed record MistakeKind(string Name, Func<string[], Random, Mutant?> Make, string? Contract = null);

/// <summary>The kinds of mistakes, by class: YAML, options, graph, types and SQL, and what would lose rows.</summary>
internal static class MistakeKinds
{
    public static readonly IReadOnlyList<MistakeKind> All =
    [
        // YAML and its values
        Change("a tab as indentation", "^    with:", l => "\t" + l.TrimStart()),
        Change("an option with nothing after it", "^      (table|mode|where|partition_by|on_no_match): .*", l => l[..(l.IndexOf(':', StringComparison.Ordinal) + 1)]),
        Twice("a key that is there twice", "^      (table|mode|key|where|columns|trim|partition_by): "),
        Change("an alias", "^      (table|mode): (\\w+)", l => l[..(l.IndexOf(": ", StringComparison.Ordinal) + 2)] + "*orders"),
        Change("a tag", "^      (table|where|partition_by): ", l => l.Replace(": ", ": !!str ", StringComparison.Ordinal)),
        Change("a quotation that is not closed", "\"$", l => l[..^1]),
        Change("a template that is not quoted", "^      (table|partition_by): ", l => l[..(l.IndexOf(": ", StringComparison.Ordinal) + 2)] + "{{ run.date }}"),
        Change("a bracket that is not closed", "^      (key|trim|lower|drop|group_by): \\[.*\\]$", l => l[..^1]),
        Change("another version", "^apiVersion: ", _ => "apiVersion: etl/v9"),
        Change("an id that is none", "^pipeline: ", _ => "pipeline: \"My Pipeline!\""),
        Change("a stage's id that is none", "^  - id: s\\d", _ => "  - id: Bad Stage"),

        // Options
        Misspell("a misspelt option", "^      (table|incremental|mode|key|trim|lower|fill|columns|where|rules|drop|on_fail|query|order_by|on|on_no_match|group_by|partition_by|path|on_excluded)(?=:)"),
        Misspell("a misspelt key of a stage", "^    (extract|transform|load|from|connection|contract|with)(?=:)"),
        Misspell("a misspelt component", "(?<=^    (extract|transform|load): )\\w+$"),
        Misspell("a misspelt choice", "(?<=^      (mode|on_excluded|on_no_match|on_fail): )\\w+$"),
        Misspell("a misspelt choice of a rule", "(?<=on_fail: )(dead_letter|exclude|warn)(?= \\})"),
        Misspell("a misspelt key of a rule", "(?<=\\{ name: \\w+, )(expect|not_null|range)(?=:)"),
        Change("a mapping where a list belongs", "^      (trim|lower|drop|key|group_by): \\[(\\w+)\\]", l => Regex.Replace(l, "\\[(\\w+)\\]", "{ $1: 1 }")),
        Change("a list where a word belongs", "^      (mode|table|where|partition_by): ", l => Regex.Replace(l, ": (.*)$", ": [$1]")),
        Change("a number where a word of a choice belongs", "^      (mode|on_no_match|on_excluded): ", l => Regex.Replace(l, ": .*$", ": 3")),
        Remove("a required option left out", "^      (table|query|where|order_by|on|on_no_match|path|rules|drop): "),
        Remove("the key of an upsert left out", "^      key: \\[id\\]", onlyAfter: "mode: upsert"),
        Add("a parallelism out of range", "^      mode: upsert", "      parallelism: 0"),
        Change("a variable that is not set", "(?<=^      table: )\\w+$", l => Regex.Replace(l, ": .*$", ": ${NO_SUCH_TABLE}")),

        // The graph
        Misspell("a misspelt input", "(?<=^    from: )\\w+$"),
        Misspell("a misspelt connection", "(?<=^    connection: )\\w+$"),
        Change("a contract that is not there", "^    contract: orders", _ => "    contract: nowhere.contract.yaml"),
        Change("a stage that reads itself", "^    from: (?=\\w+$)", (l, lines, at) => $"    from: {IdAbove(lines, at)}"),
        Change("a stage that reads a load", "^    from: (?=\\w+$)", (l, lines, _) => LoadIn(lines) is { } load && !l.EndsWith(load, StringComparison.Ordinal) ? $"    from: {load}" : l),
        Change("an input of an extract", "^    extract: ", l => l + "\n    from: orders"),
        Change("two inputs where one belongs", "^    from: (?=\\w+$)", (l, lines, at) => IsJoin(lines, at) ? l : $"    from: [{l.Trim()[6..]}, orders_again]"),
        SameId("an id that is there twice"),
        Change("a component of another kind", "^    transform: filter", _ => "    transform: parquet"),
        Change("a connection that keeps no files", "^    connection: files", _ => "    connection: lite"),
        Change("a connection that has no tables", "^    connection: (duck|lite)", _ => "    connection: files"),
        SameTarget("two loads of one target"),
        Remove("nothing is read from", "^    from: (?=\\w+$)"),

        // Types and SQL
        Misspell("a misspelt column in an expression", "(?<=\"[^\"]*)\\b(quantity|status|amount)\\b(?=[^\"]*\"\\s*\\}?,?)", InSql),
        Misspell("a misspelt column in a list", "(?<=^      (key|trim|lower|drop|group_by): \\[)\\w+(?=\\])"),
        Misspell("a misspelt column of an order", "(?<=^      order_by: \\[)\\w+(?= desc)"),
        Misspell("a misspelt cursor", "(?<=cursor: )\\w+"),
        Misspell("a misspelt key of the source", "(?<=key: \\[)\\w+(?=\\] \\})"),
        Misspell("a misspelt column to partition by", "(?<=^      partition_by: )\\w+"),
        Misspell("a misspelt column of the looked-up", "(?<=^      columns: \\[)country"),
        Misspell("a misspelt column of a cast", "(?<=^      columns: \\{ )quantity(?=: bigint)"),
        Misspell("a misspelt function", "\\b(round|upper|cast|count|sum)\\b(?=\\()", InSql),
        Misspell("a misspelt type", "(?<=quantity: )bigint|(?<=as )varchar"),
        Change("a number compared with a text", "quantity (>|>=) \\d", l => Regex.Replace(l, "quantity (>|>=) (\\d)", "quantity $1 'a few'")),
        Change("a bracket too few in SQL", "(round|upper)\\([^()]*\\)", l => new Regex("\\)(?=[^)]*$)").Replace(l, "", 1), InSql),
        Change("two statements", "^      (where|query): \".*\"$", l => l[..^1] + "; select 1\""),
        Change("a comparison with nothing to its right", "quantity (>|>=) \\d+", l => Regex.Replace(l, "quantity (>|>=) \\d+", "quantity $1")),
        Change("SQL of another value each time", "^        \\w+_(gross|label|big): ", l => Regex.Replace(l, "\".*\"", "\"random()\"")),
        Change("the clock in SQL", "^      where: ", _ => "      where: \"updated_at < now()\""),
        Change("a parameter that is not declared", "^      where: ", _ => "      where: \"quantity >= $least\""),
        Change("a condition that is no condition", "^      where: ", _ => "      where: \"upper(status)\""),
        Change("a placeholder of a path that is none", "^      path: ", l => l.Replace("{month}", "{mouth}", StringComparison.Ordinal)),
        Change("a path that leads out", "^      path: ", _ => "      path: \"../orders/{year}/\""),
        Change("a column that is there twice", "^      columns: \\[country\\]", _ => "      columns: [country, country]"),
        Change("a sum of texts", "sum\\(amount\\)", l => l.Replace("sum(amount)", "sum(status)", StringComparison.Ordinal)),
        Change("a day added to a text", "^        \\w+_(gross|big): ", l => Regex.Replace(l, "\".*\"", "\"status + interval 1 day\"")),
        Change("a dropped column that is used below", "^      drop: \\[email\\]", _ => "      drop: [quantity, email, id]", last: true),
        Change("a renamed column that meets another", "^      drop: \\[email\\]", _ => "      rename: { status: email }"),

        // What would lose rows, or double them
        Change("an upsert by what is not unique", "^      key: \\[id\\]", (l, lines, at) => IsLoad(lines, at) ? "      key: [status]" : l),
        Change("an upsert by what may be NULL", "^      key: \\[id\\]", (l, lines, at) => IsLoad(lines, at) ? "      key: [amount]" : l),
        Change("an append of all rows again", "^      mode: upsert", (l, lines, _) => IsWhole(lines) ? "      mode: append" : l, last: true),
        Change("a replacement by what is new", "^      mode: upsert", (l, lines, _) => IsWhole(lines) ? l : "      mode: replace", last: true),
        Change("an aggregate of what is new", "^    transform: (filter|derive|clean)", (l, lines, at) => IsWhole(lines) ? l : "    transform: aggregate", last: true),
        Change("a window over what is new", "quantity \\* 3 as", (l, lines, at) => IsWhole(lines) ? l : l.Replace("quantity * 3 as", "sum(quantity) over () as", StringComparison.Ordinal), last: true),
        Change("the most of what is new", "quantity \\* 3 as", (l, lines, at) => IsWhole(lines) ? l : Regex.Replace(l, "quantity \\* 3 as (\\w+) from (\\w+)", "(select max(quantity) from $2) as $1 from $2"), last: true),
        Change("a number of rows of what is new", "^      query: ", (l, lines, at) => IsWhole(lines) ? l : l[..^1] + " order by id limit 5\"", last: true),
        Change("a join of two increments", "^      table: customers", (l, lines, at) => IsWhole(lines) ? l : l + "\n      incremental: { cursor: seen_at, key: [customer_no] }", wholeFile: true),
        Change("a key of the load that the rows have lost", "^      (key: \\[id\\])", (l, lines, at) => IsLoad(lines, at) ? "      key: [order_id]" : l),
        Change("a deduplication without an order", "^      order_by: ", _ => "      order_by: []"),

        // The contract
        InContract("a misspelt type", "logicalType: (integer|date|timestamp|string)", l => new Regex("(?<=logicalType: \\w{2})\\w").Replace(l, "", 1)),
        InContract("a decimal without precision", "physicalType: \"decimal", l => Regex.Replace(l, "decimal\\(10,2\\)\", logicalTypeOptions: .*\\}\\s*\\}", "decimal\" }")),
        InContract("a column that is there twice", "name: (email|status|quantity),", l => l + "\n" + l),
        InContract("a misspelt key", "required: true", l => l.Replace("required", "requierd", StringComparison.Ordinal)),
        InContract("a column without a name", "name: (email|status|day),", l => Regex.Replace(l, "name: \\w+, ", "")),
        InContract("a column of the engine's own", "name: email,", l => l.Replace("email", "_op", StringComparison.Ordinal)),
        InContract("no contract's kind", "^kind: ", _ => "kind: Pipeline"),
        InContract("a misspelt metric", "metric: (nullValues|invalidValues|duplicateValues|rowCount)", l => Misspelt(l, "(?<=metric: )\\w+")),
        InContract("a misspelt operator", "mustBe(GreaterThan)?:", l => Misspelt(l, "mustBe(GreaterThan)?(?=:)")),
        InContract("an operator without a number", "mustBe(GreaterThan)?: \\d", l => Regex.Replace(l, "(mustBe\\w*: )\\d", "$1none")),
        InContract("valid values that are not said", "validValues: ", l => Regex.Replace(l, "arguments: \\{[^}]*\\}, ", "")),
        InContract("a misspelt column of a rule", "properties: \\[customer_id", l => Misspelt(l, "(?<=properties: \\[)\\w+")),
        InContract("a rule's name that is there twice", "- \\{ name: (some|apart|no_debt)", l => l + "\n" + l),
        InContract("a misspelt severity", "severity: warning", l => Misspelt(l, "(?<=severity: )\\w+")),
        InContract("a misspelt key of a rule", "severity: warning|arguments: |query: ", l => Misspelt(l, "severity(?=:)|arguments(?=:)|query(?=:)")),
        InContract("a valid value of another type", "validValues: \\[0", l => l.Replace("3, 4]", "three]", StringComparison.Ordinal)),
        InContract("a misspelt column in a rule's query", "WHERE quantity", l => Misspelt(l, "(?<=WHERE )quantity")),
        InContract("the key of the load is not declared", "name: id", _ => "", wholePipeline: true),

        // The contract of the loads
        InLoadContract("a misspelt column", l => Misspelt(l, "(?<=name: )(customer_id|quantity|updated_at)(?=,)")),
        InLoadContract("a type that is too narrow", l => Regex.Replace(l, "decimal\\(12,2\\)|int64", m => m.Value == "int64" ? "int16" : "decimal(6,1)")),
        InLoadContract("a type of another kind", l => Regex.Replace(l, "logicalType: (date|timestamp|string)", "logicalType: boolean")),
        InLoadContract("a value in each row, where there is not", l => Regex.Replace(l, "name: amount,", "name: amount, required: true,")),
        InLoadContract("a key that the rows do not have", l => Regex.Replace(l, "name: (status|day|customer_id),", "name: $1, unique: true,")),
    ];

    private static MistakeKind Change(string name, string where, Func<string, string> change, bool last = false) => Change(name, where, (l, _, _) => change(l), last);

    private static MistakeKind Change(string name, string where, Func<string, string> change, Func<string[], int, bool> when) =>
        Change(name, where, (l, lines, at) => when(lines, at) ? change(l) : l);

    // `last`: it shows in the same stage or below, in what reads from it.
    private static MistakeKind Change(string name, string where, Func<string, string[], int, string> change, bool last = false, bool wholeFile = false) => new(name, (lines, random) =>
    {
        foreach (var at in Places(lines, where, random))
        {
            var changed = change(lines[at], lines, at);
            if (changed != lines[at])
            {
                var text = Joined([.. lines[..at], changed, .. lines[(at + 1)..]]);
                var more = changed.Count(c => c == '\n');
                var (first, end) = wholeFile ? (1, lines.Length + 1) : last ? (StageOf(lines, at).First, lines.Length + more) : (at + 1, at + 1 + more);
                return new Mutant(text, first, end, $"'{lines[at].Trim()}' became '{changed.Trim()}'");
            }
        }

        return null;
    });

    private static MistakeKind Misspell(string name, string where, Func<string[], int, bool>? when = null) => Change(name, where, (line, lines, at) =>
        when is null || when(lines, at) ? Regex.Replace(line, where, m => Misspelt(m.Value)) : line);

    private static string Misspelt(string line, string where) => Regex.Replace(line, where, m => Misspelt(m.Value));

    // Two letters change places, or one is there twice where that would change nothing.
    private static string Misspelt(string match)
    {
        var word = match.TrimStart();
        var lead = match[..^word.Length];
        var at = Math.Max(0, (word.Length / 2) - 1);
        return word.Length < 2 ? match : lead + (word[at] == word[at + 1] ? word.Insert(at, word[at].ToString()) : $"{word[..at]}{word[at + 1]}{word[at]}{word[(at + 2)..]}");
    }

    private static MistakeKind Remove(string name, string where, string? onlyAfter = null) => new(name, (lines, random) =>
    {
        foreach (var at in Places(lines, where, random))
        {
            if (onlyAfter is null || lines[at - 1].Contains(onlyAfter, StringComparison.Ordinal))
            {
                // Where a list hung below, it goes too.
                var count = lines.Skip(at + 1).TakeWhile(l => l.StartsWith("        ", StringComparison.Ordinal)).Count() + 1;
                var (first, last) = StageOf(lines, at);
                return new Mutant(Joined([.. lines[..at], .. lines[(at + count)..]]), first, last, $"'{lines[at].Trim()}' was removed");
            }
        }

        return null;
    });

    private static MistakeKind Twice(string name, string where) => Change(name, where, l => l.EndsWith(':') ? l : l + "\n" + l);

    private static MistakeKind Add(string name, string where, string line) => Change(name, where, l => l + "\n" + line);

    private static MistakeKind InContract(string name, string where, Func<string, string> change, bool wholePipeline = false)
    {
        var kind = Change(name, where, change);
        return new($"contract: {name}", (lines, random) => kind.Make(lines, random) is { } m && wholePipeline ? m with { First = 0, Last = 0 } : kind.Make(lines, random), ValidPipeline.OrdersContract);
    }

    private static MistakeKind InLoadContract(string name, Func<string, string> change) => Change($"contract of a load: {name}", "- \\{ name: ", change) with { Contract = ValidPipeline.LoadedContract };

    private static MistakeKind SameId(string name) => Change(name, "^  - id: s\\d", (l, lines, at) =>
        lines[..at].LastOrDefault(x => Regex.IsMatch(x, "^  - id: s\\d")) ?? l);

    private static MistakeKind SameTarget(string name) => new(name, (lines, _) =>
    {
        var at = Array.FindIndex(lines, l => Regex.IsMatch(l, "^  - id: (warehouse|copy)$"));
        if (at < 0)
        {
            return null;
        }

        var (first, last) = StageOf(lines, at);
        var again = lines[(first - 1)..last];
        again[0] = "  - id: again";
        return new Mutant(Joined([.. lines, .. again]), lines.Length + 1, lines.Length + again.Length, "the load is there again under another id");
    });

    private static int[] Places(string[] lines, string where, Random random)
    {
        var places = Enumerable.Range(0, lines.Length).Where(i => Regex.IsMatch(lines[i], where)).ToArray();
        random.Shuffle(places);
        return places;
    }

    private static (int First, int Last) StageOf(string[] lines, int at)
    {
        var first = Array.FindLastIndex(lines, at, l => l.StartsWith("  - id:", StringComparison.Ordinal));
        var next = Array.FindIndex(lines, at + 1, l => l.StartsWith("  - id:", StringComparison.Ordinal));
        return (first + 1, next < 0 ? lines.Length : next);
    }

    private static string IdAbove(string[] lines, int at) => lines[StageOf(lines, at).First - 1]["  - id: ".Length..];

    private static string? LoadIn(string[] lines) => Array.FindIndex(lines, l => l.StartsWith("    load:", StringComparison.Ordinal)) is var at and >= 0 ? IdAbove(lines, at) : null;

    private static bool IsLoad(string[] lines, int at) => lines[StageOf(lines, at).First].StartsWith("    load:", StringComparison.Ordinal);

    private static bool IsJoin(string[] lines, int at) => lines[StageOf(lines, at).First].Contains("join", StringComparison.Ordinal);

    // SQL stands in these options, and not in a rule's list.
    private static bool InSql(string[] lines, int at) => Regex.IsMatch(lines[at], "^        \\w+_\\w+: \"|where: \"|query: \"|expect: \"|columns: \\{ orders");

    private static bool IsWhole(string[] lines) => !lines.Any(l => l.Contains("incremental:", StringComparison.Ordinal));

    private static string Joined(IEnumerable<string> lines) => string.Join('\n', lines) + "\n";
}
