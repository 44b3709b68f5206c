using System.Globalization;
using Etl.Runtime.Diagnostics;
using Etl.Runtime.Yaml;

namespace Etl.Runtime.Definition;

/// <summary>Reads the <c>quality</c> of a contract: the metrics and operators of the Open Data Contract Standard v3.0 and v3.1, by both versions' names.</summary>
/// <param name="columns">By the name that the contract has for them, the columns of its table.</param>
/// <param name="bag">Receives what is wrong.</param>
internal sealed class QualityReader(IReadOnlyDictionary<string, string> columns, DiagnosticBag bag)
{
    private static readonly string[] Types = ["library", "sql", "text", "custom"];

    // Those of v3.0 have names of their own, and some needed no operator.
    private static readonly Dictionary<string, QualityMetric> Metrics = new(StringComparer.Ordinal)
    {
        ["nullValues"] = QualityMetric.NullValues, ["missingValues"] = QualityMetric.MissingValues, ["invalidValues"] = QualityMetric.InvalidValues,
        ["duplicateValues"] = QualityMetric.DuplicateValues, ["rowCount"] = QualityMetric.RowCount,
        ["nullCount"] = QualityMetric.NullValues, ["nullCheck"] = QualityMetric.NullValues, ["validValues"] = QualityMetric.InvalidValues,
        ["duplicateCount"] = QualityMetric.DuplicateValues, ["duplicateCheck"] = QualityMetric.DuplicateValues,
    };

    private static readonly Dictionary<string, QualitySeverity> Severities = new(StringComparer.OrdinalIgnoreCase)
    {
        ["info"] = QualitySeverity.Warning, ["low"] = QualitySeverity.Warning, ["minor"] = QualitySeverity.Warning, ["medium"] = QualitySeverity.Warning, ["warn"] = QualitySeverity.Warning, ["warning"] = QualitySeverity.Warning,
        ["error"] = QualitySeverity.Error, ["high"] = QualitySeverity.Error, ["major"] = QualitySeverity.Error,
        ["critical"] = QualitySeverity.Critical, ["blocker"] = QualitySeverity.Critical, ["fatal"] = QualitySeverity.Critical,
    };

    private readonly HashSet<string> _names = new(StringComparer.OrdinalIgnoreCase);

    /// <summary>The rules so far.</summary>
    public List<QualityRule> Rules { get; } = [];

    /// <summary>Entries that nothing runs.</summary>
    public List<QualityNote> Notes { get; } = [];

    /// <summary>Reads the list of a column, or of the table.</summary>
    /// <param name="owner">What has <c>quality</c>.</param>
    /// <param name="path">Its name, for people.</param>
    /// <param name="column">The column; null for the table.</param>
    public void Read(YamlMap owner, string path, string? column)
    {
        var list = new MapFields(owner, path, bag).List("quality");
        for (var i = 0; i < list?.Items.Count; i++)
        {
            var name = $"{(path.Length == 0 ? "" : path + ".")}quality[{i.ToString(CultureInfo.InvariantCulture)}]";
            if (list.Items[i] is YamlMap map)
            {
                Entry(new MapFields(map, name, bag), map, column);
            }
            else
            {
                bag.AddError(list.Items[i].Span, "ETL2002", $"'{name}' must be a mapping, and this is {list.Items[i].Kind}", "Write - { metric: nullValues, mustBe: 0 }.");
            }
        }
    }

    private void Entry(MapFields fields, YamlMap map, string? column)
    {
        var type = fields.Text("type") ?? "library";
        switch (type)
        {
            case "library":
                Library(fields, map, column);
                break;
            case "sql":
                Query(fields, map, column);
                break;
            case "text":
                Notes.Add(new QualityNote(fields.Text("name") ?? fields.Text("description") ?? "a text", "a text for people"));
                break;
            case "custom":
                var engine = fields.Text("engine") ?? "an engine that it does not name";
                Notes.Add(new QualityNote(fields.Text("name") ?? fields.Text("description") ?? engine, $"a rule for {engine}"));
                bag.AddWarning(fields.SpanOf("type"), "ETL1065", $"this rule is for {engine}, and is not run", "Write it as `type: library` or `type: sql` to have it run here.");
                break;
            default:
                bag.AddError(fields.SpanOf("type"), "ETL1060", $"there is no type of quality rule '{type}'", $"{Suggest.Sentence(type, Types)}Types are: {string.Join(", ", Types)}.");
                break;
        }
    }

    private void Library(MapFields fields, YamlMap map, string? column)
    {
        var key = map.Find("metric") is null && map.Find("rule") is not null ? "rule" : "metric";
        if (fields.RequiredText(key, $"What is counted: {string.Join(", ", Metrics.Keys.Take(5))}.") is not { } written)
        {
            return;
        }

        if (!Metrics.TryGetValue(written, out var metric))
        {
            bag.AddError(fields.SpanOf(key), "ETL1060", $"there is no metric '{written}'", $"{Suggest.Sentence(written, Metrics.Keys)}Metrics are: {string.Join(", ", Metrics.Keys.Take(5))}.");
            return;
        }

        // In v3.0 the arguments stood beside the rule.
        var arguments = fields.Map("arguments");
        YamlNode? Argument(string name) => arguments?[name] ?? map[name];
        var limit = Limit(map, Percent(fields), written is "nullCheck" or "validValues" or "duplicateCheck");
        var measured = Columns(metric, fields.SpanOf(key), column, Argument("properties"));
        var values = metric is QualityMetric.InvalidValues or QualityMetric.MissingValues ? Values(Argument(metric == QualityMetric.InvalidValues ? "validValues" : "missingValues"), fields) : [];
        var pattern = metric == QualityMetric.InvalidValues ? Argument("pattern") as YamlScalar : null;
        if (metric == QualityMetric.InvalidValues && values is { Count: 0 } && pattern is null)
        {
            bag.AddError(fields.SpanOf(key), "ETL1062", "'invalidValues' does not say which values are valid", "Write arguments: { validValues: [a, b] } or arguments: { pattern: \"^[A-Z]+$\" }.");
            return;
        }

        if (metric == QualityMetric.MissingValues && values is { Count: 0 })
        {
            bag.AddError(fields.SpanOf(key), "ETL1062", "'missingValues' does not say which values stand for none", "Write arguments: { missingValues: [null, \"\", n/a] }.");
            return;
        }

        if (limit is null || measured is null || values is null)
        {
            return;
        }

        if (limit.Percent && metric == QualityMetric.RowCount)
        {
            bag.AddError(fields.SpanOf("unit"), "ETL1062", "'rowCount' is a number of rows, and no percentage", "Remove `unit`.");
            return;
        }

        Add(fields, map, metric, limit, measured, string.Join('_', measured.Select(c => c.Name).Prepend(written)));
        Rules[^1] = Rules[^1] with { Values = values, Pattern = pattern };
    }

    private void Query(MapFields fields, YamlMap map, string? column)
    {
        fields.Require("query", "A query that gives one number.");
        var query = fields.Scalar("query");
        var limit = Limit(map, percent: false, isImplied: false);
        if (query is null || limit is null)
        {
            return;
        }

        Add(fields, map, QualityMetric.Sql, limit, column is null ? [] : [new QualityColumn(column, query.Span)], column is null ? "sql" : $"sql_{column}");
        Rules[^1] = Rules[^1] with { Query = query };
    }

    private void Add(MapFields fields, YamlMap map, QualityMetric metric, QualityLimit limit, IReadOnlyList<QualityColumn> measured, string made)
    {
        var name = fields.Text("name") ?? fields.Text("id");
        if (name is not null && !_names.Add(name))
        {
            bag.AddError(fields.SpanOf(map.Find("name") is null ? "id" : "name"), "ETL1064", $"two rules of the contract have the name '{name}'", "Names tell rules apart in reports, dead letters and --accept: give this one another.");
        }

        for (var i = 2; name is null; i++)
        {
            var candidate = i == 2 ? made : string.Create(CultureInfo.InvariantCulture, $"{made}_{i - 1}");
            name = _names.Add(candidate) ? candidate : null;
        }

        Rules.Add(new QualityRule { Name = name, Metric = metric, Limit = limit, Severity = Severity(fields), Columns = measured, Description = fields.Text("description"), Span = fields.Span });
    }

    private List<QualityColumn>? Columns(QualityMetric metric, SourceSpan span, string? column, YamlNode? properties)
    {
        if (metric == QualityMetric.RowCount)
        {
            if (column is not null)
            {
                bag.AddError(span, "ETL1062", "'rowCount' is of the whole table, and stands at a column here", "Move it to the `quality` of the object in `schema`.");
                return null;
            }

            return [];
        }

        if (column is not null)
        {
            return [new QualityColumn(column, span)];
        }

        if (metric != QualityMetric.DuplicateValues)
        {
            bag.AddError(span, "ETL1062", "this metric is of a column, and stands at the table here", "Move it to the `quality` of a property.");
            return null;
        }

        if (properties is not YamlList { Items.Count: > 0 } list)
        {
            bag.AddError(properties?.Span ?? span, "ETL1062", "'duplicateValues' of a table does not say which columns are unique together", "Write arguments: { properties: [tenant_id, order_id] }.");
            return null;
        }

        var found = new List<QualityColumn>();
        foreach (var item in list.Items)
        {
            if (item is not YamlScalar { IsEmpty: false } scalar || !columns.TryGetValue(scalar.Value, out var name))
            {
                var written = item is YamlScalar s ? $"'{s.Written}'" : item.Kind;
                bag.AddError(item.Span, "ETL1063", $"the contract has no column {written}", $"{(item is YamlScalar t ? Suggest.Sentence(t.Value, columns.Keys) : "")}Columns are: {string.Join(", ", columns.Keys)}.");
                return null;
            }

            found.Add(new QualityColumn(name, scalar.Span));
        }

        return found;
    }

    // Null when something was wrong; empty when there is nothing.
    private List<YamlScalar>? Values(YamlNode? node, MapFields fields)
    {
        switch (node)
        {
            case null:
                return [];
            case YamlList list when list.Items.All(i => i is YamlScalar):
                return [.. list.Items.Cast<YamlScalar>()];
            default:
                bag.AddError(node.Span, "ETL2002", $"the values of '{fields.Name("arguments")}' must be a list of single values, and this is {node.Kind}");
                return null;
        }
    }

    private QualityLimit? Limit(YamlMap map, bool percent, bool isImplied)
    {
        var written = Enum.GetValues<QualityOperator>().Where(o => map.Find(QualityLimit.Name(o)) is not null).ToList();
        if (written.Count == 0 && isImplied)
        {
            return new QualityLimit(QualityOperator.MustBe, 0, null, percent);
        }

        if (written.Count != 1)
        {
            var known = Enum.GetValues<QualityOperator>().Select(QualityLimit.Name).ToList();
            var misspelt = written.Count > 0 ? null : map.Entries.FirstOrDefault(e => e.Key.StartsWith('m') && Suggest.Closest(e.Key, known) is not null);
            bag.AddError(
                misspelt?.KeySpan ?? map.Span, "ETL1061",
                written.Count == 0 ? "the rule does not say what its number must be" : $"the rule says {string.Join(" and ", written.Select(QualityLimit.Name))}; it must say one of them",
                $"{(misspelt is null ? "" : Suggest.Sentence(misspelt.Key, known))}Operators are: {string.Join(", ", known)}.");
            return null;
        }

        var entry = map.Find(QualityLimit.Name(written[0]))!;
        if (written[0] is QualityOperator.MustBeBetween or QualityOperator.MustNotBeBetween)
        {
            if (entry.Value is YamlList { Items: [var first, var second] } && Number(first) is { } from && Number(second) is { } to && from <= to)
            {
                return new QualityLimit(written[0], from, to, percent);
            }

            bag.AddError(entry.Value.Span, "ETL1061", $"'{entry.Key}' needs two numbers, the smaller first", $"Write {entry.Key}: [1, 100].");
            return null;
        }

        if (Number(entry.Value) is { } number)
        {
            return new QualityLimit(written[0], number, null, percent);
        }

        bag.AddError(entry.Value is YamlScalar { IsEmpty: true } ? entry.KeySpan : entry.Value.Span, "ETL1061", $"'{entry.Key}' needs a number{(entry.Value is YamlScalar { IsEmpty: false } s ? $", and '{s.Written}' is none" : "")}", $"Write {entry.Key}: 0.");
        return null;
    }

    // What a query says may be true or false.
    private static decimal? Number(YamlNode node) => node is not YamlScalar { IsQuoted: false } scalar ? null
        : scalar.Value == "true" ? 1 : scalar.Value == "false" ? 0
        : decimal.TryParse(scalar.Value, NumberStyles.AllowLeadingSign | NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var number) ? number : null;

    private bool Percent(MapFields fields)
    {
        switch (fields.Text("unit"))
        {
            case null or "rows":
                return false;
            case "percent" or "%":
                return true;
            case var other:
                bag.AddError(fields.SpanOf("unit"), "ETL1062", $"there is no unit '{other}'", $"{Suggest.Sentence(other, ["rows", "percent"])}Units are: rows, percent.");
                return false;
        }
    }

    private QualitySeverity Severity(MapFields fields)
    {
        if (fields.Text("severity") is not { } written)
        {
            return QualitySeverity.Error;
        }

        if (!Severities.TryGetValue(written, out var severity))
        {
            bag.AddWarning(fields.SpanOf("severity"), "ETL1065", $"the severity '{written}' is not known here, and is taken as error", $"{Suggest.Sentence(written, Severities.Keys)}Known are: {string.Join(", ", Severities.Keys)}.");
            return QualitySeverity.Error;
        }

        return severity;
    }
}
