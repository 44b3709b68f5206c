using System.Text;
using System.Text.RegularExpressions;
using Apache.Arrow.Types;
using Etl.Contracts;
using Etl.DuckDb;
using Etl.Runtime.Definition;
using Etl.Runtime.Diagnostics;
using Etl.Runtime.Sql;

namespace Etl.Runtime.Compilation;

/// <summary>
/// From the rules of a contract to checks on an edge. A rule that allows no row at all is decided row by row: the row is refused. One that allows some is decided when all rows
/// were counted, before anything is published.
/// </summary>
/// <param name="file">The contract.</param>
/// <param name="rows">The rows of the edge.</param>
/// <param name="isSource">Whether it is the edge behind an extract; what is not read there is not judged.</param>
/// <param name="binder">Types SQL.</param>
/// <param name="parameters">What it may name.</param>
/// <param name="bag">Receives what does not fit.</param>
internal sealed partial class ContractTyper(ContractFile file, RowSchema rows, bool isSource, TypeBinder binder, IReadOnlyDictionary<string, object> parameters, DiagnosticBag bag)
{
    private const string Measured = "value";

    private readonly List<Refusal> _refusals = [];
    private readonly Dictionary<string, QualityLimit> _limits = [];
    private readonly List<TableRule> _counts = [];
    private readonly List<TableRule> _queries = [];
    private readonly HashSet<string> _ofWhole = [];
    private readonly List<QualityNote> _notes = [.. file.Notes];

    /// <summary>The checks, and the rules that do not run.</summary>
    public (ContractChecks Checks, IReadOnlyList<QualityNote> Notes) Type()
    {
        foreach (var rule in file.Rules)
        {
            if (rule.Columns.FirstOrDefault(c => rows.Index(c.Name) < 0) is { } absent)
            {
                // A load that lacks it is told so, unless it is one that the target adds.
                _notes.Add(new QualityNote(rule.Name, isSource ? $"column '{absent.Name}' is not read" : $"column '{absent.Name}' is not one of the rows"));
            }
            else
            {
                Add(rule);
            }
        }

        // Warnings come last, so that a row that warns is still refused by the rule that refuses it.
        var step = new RowLocalStep([.. _refusals.OrderBy(r => r.Action == RefusalAction.Warn)], null) { TableRules = _counts };
        return (new ContractChecks(file.Contract.Id, file.Contract.Name, step, _limits, _queries, _ofWhole), _notes);
    }

    private void Add(QualityRule rule)
    {
        switch (rule.Metric)
        {
            case QualityMetric.RowCount:
                _counts.Add(new TableRule(rule.Name, OnWhole(rule), rule.Limit.Sql("rows_passed"), 0, new Dictionary<string, Etl.Contracts.Sql>()));
                _ofWhole.Add(rule.Name);
                break;
            case QualityMetric.Sql:
                AddQuery(rule);
                break;
            default:
                AddRows(rule);
                break;
        }
    }

    private void AddRows(QualityRule rule)
    {
        if (Broken(rule) is not var (when, reason, windowed))
        {
            return;
        }

        if (rule.Limit.AllowsNone)
        {
            var action = rule.Severity switch { QualitySeverity.Warning => RefusalAction.Warn, QualitySeverity.Error => RefusalAction.DeadLetter, _ => RefusalAction.Fail };
            _refusals.Add(new Refusal(rule.Name, action, when, rule.Description is null ? reason : $"{reason}: {rule.Description}", windowed));
            return;
        }

        _refusals.Add(new Refusal(rule.Name, OnWhole(rule), when, reason, windowed));
        _limits.Add(rule.Name, rule.Limit);
        if (rule.Metric == QualityMetric.DuplicateValues)
        {
            _ofWhole.Add(rule.Name);
        }
    }

    private static RefusalAction OnWhole(QualityRule rule) => rule.Severity == QualitySeverity.Warning ? RefusalAction.Warn : RefusalAction.Fail;

    private (string When, string Reason, bool Windowed)? Broken(QualityRule rule)
    {
        var names = rule.Columns.Select(c => rows.Arrow.FieldsList[rows.Index(c.Name)].Name).ToList();
        var column = SqlText.Quote(names[0]);
        switch (rule.Metric)
        {
            // In this form the engine knows that the column has values from here on.
            case QualityMetric.NullValues:
                return ($"{column} IS NULL", $"{names[0]} has no value", false);
            case QualityMetric.MissingValues:
                var texts = rule.Values.Where(v => !v.IsEmpty).Select(v => SqlText.Literal(v.Value)).ToList();
                string?[] tests = [rule.Values.Any(v => v.IsEmpty) ? $"{column} IS NULL" : null, texts.Count > 0 ? $"CAST({column} AS VARCHAR) IN ({string.Join(", ", texts)})" : null];
                return (string.Join(" OR ", tests.OfType<string>()), $"{names[0]} stands for no value", false);
            case QualityMetric.DuplicateValues:
                // A deletion holds its last row: the value may be another row's by now.
                var all = string.Join(", ", names.Select(SqlText.Quote).Concat(rows.HasOp ? [SqlText.Quote(RowSchema.OpColumn)] : []));
                var have = string.Join(" AND ", names.Select(n => $"{SqlText.Quote(n)} IS NOT NULL"));
                // All that share a value are refused, as none is known to be the right one; counted are those that are too many.
                var repeated = rule.Limit.AllowsNone ? $"count(*) OVER (PARTITION BY {all}) > 1" : $"row_number() OVER (PARTITION BY {all}) > 1";
                return ($"{have} AND {repeated}", $"{string.Join(", ", names)} is not unique", true);
            default:
                return Invalid(rule, names[0]) is { } invalid ? (invalid.When, invalid.Reason, false) : null;
        }
    }

    private (string When, string Reason)? Invalid(QualityRule rule, string name)
    {
        var field = rows.Require(name);
        var type = DuckType.Of(field.DataType).ToString();
        var (tests, reasons) = (new List<string>(), new List<string>());
        foreach (var value in rule.Values)
        {
            if (value.IsEmpty || !binder.Holds(value.Value, type))
            {
                bag.AddError(value.Span, "ETL3151", $"'{value.Written}' is no {type.ToLowerInvariant()}, as the column '{name}' is", "Write a value of that type.");
                return null;
            }
        }

        if (rule.Values.Count > 0)
        {
            tests.Add($"({SqlText.Quote(name)} IN ({string.Join(", ", rule.Values.Select(v => $"CAST({SqlText.Literal(v.Value)} AS {type})"))})) IS FALSE");
            reasons.Add($"{name} is not one of {string.Join(", ", rule.Values.Select(v => v.Value))}");
        }

        if (rule.Pattern is { } pattern)
        {
            if (field.DataType is not StringType)
            {
                bag.AddError(pattern.Span, "ETL3151", $"the column '{name}' is {type.ToLowerInvariant()}, and a pattern is for texts", "Write validValues, or a rule of `type: sql`.");
                return null;
            }

            if (binder.PatternError(pattern.Value) is { } error)
            {
                bag.AddError(pattern.Span, "ETL3151", $"'{pattern.Written}' is no regular expression: {error}", "Patterns are of RE2, which has neither look-around nor references back.");
                return null;
            }

            tests.Add($"regexp_matches({SqlText.Quote(name)}, {SqlText.Literal(pattern.Value)}) IS FALSE");
            reasons.Add($"{name} does not match {pattern.Value}");
        }

        return (string.Join(" OR ", tests), string.Join("; or ", reasons));
    }

    private void AddQuery(QualityRule rule)
    {
        var (text, pieces) = Expand(rule);
        if (text is null)
        {
            return;
        }

        var isPart = isSource && file.Contract.Columns.Any(c => rows.Index(c.Field.Name) < 0);
        // A mistake is one over the whole table too; what only the rows here lack is a column that is not read.
        if (isPart && !Binds(rule, file.Contract.Schema, text, pieces))
        {
            return;
        }

        var told = isPart ? new DiagnosticBag() : bag;
        if (!Binds(rule, rows, text, pieces, told))
        {
            if (told != bag)
            {
                _notes.Add(new QualityNote(rule.Name, "it names columns that are not read"));
            }

            return;
        }

        _queries.Add(new TableRule(rule.Name, OnWhole(rule), rule.Limit.Sql(Measured), 1, new Dictionary<string, Etl.Contracts.Sql> { [Measured] = text }));
        _ofWhole.Add(rule.Name);
    }

    // The standard's placeholders, in the form of v3.0 and of v3.1.
    private (string? Text, IReadOnlyList<(int Start, int Original)> Pieces) Expand(QualityRule rule)
    {
        var query = rule.Query!.Value;
        var (text, pieces, at) = (new StringBuilder(), new List<(int, int)>(), 0);
        foreach (var match in Placeholder().Matches(query).Cast<Match>())
        {
            var isTable = match.Groups[1].Value is "object" or "table";
            if (!isTable && rule.Columns.Count == 0)
            {
                bag.AddError(rule.Query.SpanAt(match.Index), "ETL3152", $"{match.Value} stands for a column, and the rule stands at the table", "Name the column, or move the rule to the `quality` of a property.");
                return (null, []);
            }

            pieces.Add((text.Length, at));
            text.Append(query, at, match.Index - at);
            pieces.Add((text.Length, match.Index));
            text.Append(SqlText.Quote(isTable ? file.Contract.Name : rule.Columns[0].Name));
            at = match.Index + match.Length;
        }

        pieces.Add((text.Length, at));
        text.Append(query, at, query.Length - at);
        return (text.ToString().TrimEnd().TrimEnd(';'), pieces);
    }

    private bool Binds(QualityRule rule, RowSchema schema, string text, IReadOnlyList<(int Start, int Original)> pieces, DiagnosticBag? told = null)
    {
        told ??= bag;
        SourceSpan At(int? position)
        {
            var piece = position is null ? default : pieces.Last(p => p.Start <= position);
            return position is null ? rule.Query!.Span : rule.Query!.SpanAt(Math.Min(piece.Original + position.Value - piece.Start, rule.Query.Value.Length));
        }

        var prefix = $"WITH {SqlText.Quote(file.Contract.Name)} AS (SELECT * FROM \"{ContractChecks.Node}\") SELECT * FROM (\n";
        var composer = new SqlComposer(parameters.ToDictionary(p => p.Key, p => GraphTyper.SqlTypeOf(p.Key, p.Value)));
        try
        {
            composer.Add(prefix).Add(new Etl.Contracts.Sql(text, "query"), "contract").Add("\n)");
            var values = composer.Parameters.ToDictionary(n => n, n => parameters[n]);
            // It sees the contract's table and no stage, as in the run.
            using var alone = new TypeBinder();
            alone.Declare(ContractChecks.Node, schema);
            var (columns, _) = alone.Bind(composer.ToString(), values);
            foreach (var misfit in alone.MisfitsOf(composer.ToString()))
            {
                told.AddError(At(composer.OriginOf(misfit.Position)?.Offset), "ETL3152", misfit.What, misfit.Hint);
                return false;
            }

            if (columns.FieldsList is not [{ DataType: BooleanType or NumberType or Decimal128Type }])
            {
                var given = columns.FieldsList is [var only] ? DuckType.Of(only.DataType).ToString().ToLowerInvariant() : "several columns";
                told.AddError(rule.Query!.Span, "ETL3152", $"the query gives {given}, and must give one number, or true or false", "Count something: SELECT count(*) FROM {object} WHERE ...");
                return false;
            }

            return true;
        }
        catch (DuckException e)
        {
            told.AddError(At(e.Error.Position is { } position ? composer.OriginOf(position)?.Offset : null), "ETL3152", $"the query of the contract's rule '{rule.Name}' does not bind: {e.Error.Message}", e.Hint ?? "It is DuckDB's SQL, over the contract's table.");
        }
        catch (EtlException e)
        {
            told.AddError(At(e.OptionOffset), e.Code, e.Message, e.Hint);
        }

        return false;
    }

    [GeneratedRegex(@"\$?\{\s*(object|table|property|column)\s*\}", RegexOptions.CultureInvariant)]
    private static partial Regex Placeholder();
}
