using System.Collections.ObjectModel;
using System.Text.RegularExpressions;
using Apache.Arrow;
using Etl.Contracts;
using Etl.DuckDb;
using Etl.Runtime.Sql;

namespace Etl.Runtime.Compilation;

/// <summary>
/// A stage whose SQL does not bind. DuckDB tells the first problem of a query, so each expression is bound by itself; the stages below are typed with the columns that are left,
/// and nothing is said of those that are not. All this happens in another pass over the pipeline, so that one without problems pays nothing for it.
/// </summary>
internal sealed partial class GraphTyper
{
    // Columns that a stage would give if its SQL were right.
    private readonly Dictionary<string, HashSet<string>> _lost = [];

    // False where each of its expressions is right by itself.
    private bool TellApart(ResolvedStage stage, RelationalStep step, List<string> from)
    {
        foreach (var input in from)
        {
            _binder.Declare(input, _schemas[input]);
        }

        var rows = _schemas[from[0]];
        var alone = new Alone(this, stage, string.Join(", ", from.Distinct().Select(SqlText.Quote)));
        var output = rows;
        switch (step)
        {
            case RowLocalStep local:
                foreach (var refusal in local.Refusals)
                {
                    alone.Bind("", refusal.When, "");
                }

                foreach (var rule in local.TableRules)
                {
                    BindRule(alone, rule);
                }

                output = local.Columns is null ? rows : Columns(alone, local.Columns, rows, "");
                break;
            case DeduplicateStep deduplicate:
                foreach (var term in deduplicate.OrderBy)
                {
                    alone.Bind("row_number() OVER (ORDER BY ", term, ")");
                }

                break;
            case LookupStep lookup when from.Count == 2:
                alone.Bind("", lookup.On, "");
                output = Columns(alone, lookup.Columns, rows, SqlText.Quote(from[0]) + ".");
                break;
            case SetStep { Parts.Count: > 0 } set:
                foreach (var part in set.Parts)
                {
                    alone.BindWithin(set, part);
                }

                break;
        }

        if (!alone.HasFailed)
        {
            return false;
        }

        if (step is not SetStep)
        {
            _lost[stage.Id] = alone.Lost;
            _schemas[stage.Id] = output;
            _origins[stage.Id] = ReadOnlyDictionary<string, string>.Empty;
            AddPartial(stage, null, null);
            var inputs = from.Select(f => new SegmentInput(f, _schemas[f])).ToList();
            AddNode(stage.Id, new SegmentNode(stage.Id, [.. from.Select(NodeOf)], new SegmentBuilder(_parameterTypes, inputs) { Schema = output }.Build("*")));
        }

        return true;
    }

    private static void BindRule(Alone alone, TableRule rule)
    {
        var isBound = true;
        foreach (var (_, aggregate) in rule.Aggregates)
        {
            isBound &= alone.Bind("", aggregate, "") is not null;
        }

        if (isBound)
        {
            var aggregates = string.Concat(rule.Aggregates.Select(a => $", {a.Value.Text} AS {SqlText.Quote(a.Key)}"));
            alone.Bind("", rule.Expect, "", $"(SELECT {TableRuleCounts.Typed}{aggregates} FROM {alone.Source})");
        }
    }

    // Those that bind; each may use the names of those before it.
    private static RowSchema Columns(Alone alone, IReadOnlyList<ColumnExpression> columns, RowSchema input, string qualifier)
    {
        var fields = new List<Field>();
        var right = new List<ColumnExpression>();
        foreach (var column in columns)
        {
            if (alone.Bind(column, right) is { } field)
            {
                right.Add(column);
                fields.Add(new Field(column.Name, field.DataType, NullableColumn(columns, input, qualifier, column.Name)));
            }
        }

        if (input.HasOp)
        {
            fields.Add(input.Require(RowSchema.OpColumn));
        }

        return WithKeys(new Schema(fields, null), KeptKeys(input, right, qualifier));
    }

    // Whether an error is of a column that is missing because of another error.
    private bool FollowsFromAnother(ResolvedStage stage, EtlException error) => _lost.Count > 0 && stage.Definition.From.SelectMany(f => LostAbove(f.Stage)).Any(c => IsNamed(c, error));

    private IEnumerable<string> LostAbove(string stage) => _lost.GetValueOrDefault(stage, []).Concat(_stages[stage].Definition.From.SelectMany(f => LostAbove(f.Stage)));

    private static bool IsNamed(string column, EtlException error) => Regex.IsMatch(error.Message, $@"(?<!\w){Regex.Escape(column)}(?!\w)", RegexOptions.IgnoreCase | RegexOptions.CultureInvariant);

    // Binds expressions of one stage over its inputs, and tells what does not bind.
    private sealed class Alone(GraphTyper typer, ResolvedStage stage, string source)
    {
        public string Source => source;

        public bool HasFailed { get; private set; }

        public HashSet<string> Lost { get; } = new(StringComparer.OrdinalIgnoreCase);

        public Field? Bind(string before, Etl.Contracts.Sql expression, string after, string? from = null) =>
            Bind(c => c.Add($"SELECT {before}").Add(expression, stage.Id).Add($"{after} FROM {from ?? source}"));

        public Field? Bind(ColumnExpression column, List<ColumnExpression> others)
        {
            var field = Bind(c =>
            {
                c.Add("SELECT ");
                foreach (var other in others)
                {
                    c.Add(other.Expression, stage.Id).Add($" AS {SqlText.Quote(other.Name)}, ");
                }

                c.Add(column.Expression, stage.Id).Add($" AS {SqlText.Quote(column.Name)} FROM {source}");
            });
            if (field is null)
            {
                Lost.Add(column.Name);
            }

            return field;
        }

        // The others of a query's parts are NULL meanwhile.
        public void BindWithin(SetStep set, Etl.Contracts.Sql part)
        {
            var query = set.Query.Text;
            var (before, after) = (query[..part.Offset], query[(part.Offset + part.Text.Length)..]);
            foreach (var other in set.Parts.Where(p => p.Offset != part.Offset).OrderByDescending(p => p.Offset))
            {
                var (text, at) = other.Offset > part.Offset ? (after, other.Offset - part.Offset - part.Text.Length) : (before, other.Offset);
                text = text[..at] + "NULL" + text[(at + other.Text.Length)..];
                (before, after) = other.Offset > part.Offset ? (before, text) : (text, after);
            }

            Bind(c => c.Add(before).Add(part with { Offset = 0 }, stage.Id).Add(after));
        }

        private Field? Bind(Action<SqlComposer> write)
        {
            var composer = new SqlComposer(typer._parameterTypes);
            try
            {
                write(composer);
                return typer._binder.Bind(composer.ToString(), typer.Values(composer.Parameters)).Schema.FieldsList[^1];
            }
            catch (DuckException e)
            {
                return Tell(Located(stage, e, composer.OriginOf));
            }
            catch (EtlException e)
            {
                return Tell(e);
            }
        }

        private Field? Tell(EtlException error)
        {
            HasFailed = true;
            if (!typer.FollowsFromAnother(stage, error) && !Lost.Any(c => IsNamed(c, error)))
            {
                stage.Report(error, typer._bag);
            }

            return null;
        }
    }
}
