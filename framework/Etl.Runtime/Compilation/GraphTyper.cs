using System.Collections.ObjectModel;
using System.Text.Json.Nodes;
using Etl.Contracts;
using Etl.DuckDb;
using Etl.Runtime.Definition;
using Etl.Runtime.Diagnostics;
using Etl.Runtime.Sql;

namespace Etl.Runtime.Compilation;

/// <summary>
/// The pass "type": from stage to stage, each states the rows that leave it, and neighbouring relational stages are fused into one query.
/// </summary>
internal sealed partial class GraphTyper
{
    /// <summary>What the id of a node ends in that runs the refusals of a stage whose columns are made by the next node.</summary>
    public const string FirstHalf = "/refusals";

    private readonly DiagnosticBag _bag;
    private readonly TypeBinder _binder;
    private readonly IReadOnlyDictionary<string, object> _parameters;
    private readonly IReadOnlyDictionary<string, string> _parameterTypes;
    private readonly Dictionary<string, RowSchema> _schemas = [];
    private readonly Dictionary<string, IReadOnlyDictionary<string, string>> _origins = [];
    private readonly Dictionary<string, string> _nodeOf = [];
    private readonly Dictionary<string, OpenSegment> _open = [];
    private readonly List<PlanNode> _nodes = [];
    private readonly Dictionary<string, int> _readers;
    private readonly Dictionary<string, ResolvedStage> _stages = [];
    private readonly Dictionary<string, IReadOnlyList<QualityNote>> _notes = [];

    // Keys that hold because the rows that share one are refused. They do not hold among deletions, which refused rows become for a load that asks for them.
    private readonly HashSet<string> _keysByRefusal = [];

    // Stages whose SQL is known not to bind.
    private readonly HashSet<string> _broken;

    // The stage that said last what it does: from there on what is wrong is in its SQL.
    private string? _described;

    private GraphTyper(PipelineDefinition definition, DiagnosticBag bag, TypeBinder binder, HashSet<string> broken)
    {
        _broken = broken;
        _bag = bag;
        _binder = binder;
        _parameters = definition.Parameters;
        _parameterTypes = definition.Parameters.ToDictionary(p => p.Key, p => SqlTypeOf(p.Key, p.Value));
        _readers = definition.Stages.SelectMany(s => s.From).GroupBy(f => f.Stage).ToDictionary(g => g.Key, g => g.Count());
    }

    /// <summary>The nodes in order; stages whose inputs could not be typed are left out, their cause being in the bag.</summary>
    public static IReadOnlyList<PlanNode> Type(PipelineDefinition definition, IReadOnlyList<ResolvedStage> stages, DiagnosticBag bag, out StageRows rows)
    {
        var broken = new HashSet<string>();
        while (true)
        {
            using var binder = new TypeBinder();
            var typer = new GraphTyper(definition, bag, binder, broken);
            if (typer.AddAll(stages))
            {
                rows = new StageRows(typer._schemas, typer._origins) { Notes = typer._notes, Partial = typer._partial };
                return InOrder(typer._nodes);
            }
        }
    }

    // False when a stage's SQL does not bind for the first time: then all is typed again, and that stage by itself.
    private bool AddAll(IReadOnlyList<ResolvedStage> stages)
    {
        foreach (var stage in stages.Where(s => s.Component is not null && (s.Definition.Kind == StageKind.Extract || s.Definition.From.Count > 0) && s.Definition.From.All(f => _schemas.ContainsKey(f.Stage))))
        {
            try
            {
                _stages[stage.Id] = stage;
                Add(stage);
            }
            catch (EtlException) when (_described == stage.Id && _broken.Add(stage.Id))
            {
                return false;
            }
            catch (EtlException e) when (FollowsFromAnother(stage, e))
            {
                // The cause is told where it is.
                continue;
            }
            catch (EtlException e)
            {
                stage.Report(e, _bag);
            }
        }

        foreach (var last in _open.Keys.ToList())
        {
            NodeOf(last);
        }

        return true;
    }

    private void Add(ResolvedStage stage)
    {
        switch (stage.Component)
        {
            case IExtractor extractor:
                var source = extractor.DescribeOutput(stage.Contract);
                if (extractor is IBackfillExtractor { BackfillColumn: { } column })
                {
                    stage.Contract?.Schema.Require(column, "backfill.column");
                }

                _schemas[stage.Id] = source;
                _origins[stage.Id] = source.Names.ToDictionary(n => n, n => n, StringComparer.OrdinalIgnoreCase);
                _increments[stage.Id] = extractor.Capabilities.Incremental ? [stage.Id] : [];
                _partial[stage.Id] = [];
                AddNode(stage.Id, new ExtractNode(stage.Id, source, extractor, stage.Contract, stage.Definition));
                AddSourceRules(stage, source);
                break;
            case IRelationalTransformer relational:
                AddRelational(stage, relational);
                break;
            case IBatchTransformer transformer:
                RequireInputs(stage, 1);
                var input = stage.Definition.From[0].Stage;
                var output = transformer.DescribeOutput(_schemas[input]);
                _schemas[stage.Id] = output;
                _origins[stage.Id] = ReadOnlyDictionary<string, string>.Empty;
                AddPartial(stage, null, null);
                AddNode(stage.Id, new TransformNode(stage.Id, [NodeOf(input)], output, transformer, stage.Definition));
                break;
            case ILoader loader:
                RequireInputs(stage, 1);
                AddLoad(stage, loader);
                break;
            default:
                throw new EtlException(
                    "ETL5009", $"'{stage.Component!.GetType()}' implements none of the interfaces of {stage.Definition.Kind switch { StageKind.Extract => "an extractor", StageKind.Transform => "a transformer", _ => "a loader" }}",
                    "This is an error of the plugin: an extractor implements IExtractor, a transformer IRelationalTransformer or IBatchTransformer, a loader ILoader.");
        }
    }

    private void AddLoad(ResolvedStage stage, ILoader loader)
    {
        var input = stage.Definition.From[0].Stage;
        var (node, schema) = (LostAbove(input).Any() ? null : AddTargetRules(stage, input)) ?? (NodeOf(input), _schemas[input]);
        var plan = loader.Describe(schema);
        if (plan.DeletesExcluded)
        {
            schema = EmitDeletions(node, schema);
            plan = loader.Describe(schema);
        }

        if (stage.File is { } offered)
        {
            new ContractPromises(stage, offered, schema, plan, _bag).Check();
        }

        var sources = SourcesOf(node).ToList();
        var fingerprint = PlanHash.Short(sources.OrderBy(s => s.Id, StringComparer.Ordinal).Select(s => $"{s.Id} {s.Extractor.Capabilities.Kind} {s.Extractor.Capabilities.Fingerprint}").Append($"{plan.Mode} {string.Join(',', plan.Key)}"));
        AddNode(stage.Id, new LoadNode(stage.Id, [node], schema, loader, plan, fingerprint, stage.Definition));
    }

    // Rows that stop passing leave the query as deletions of their key.
    private RowSchema EmitDeletions(string node, RowSchema schema)
    {
        var at = _nodes.FindIndex(n => n.Id == node);
        var withOp = schema.HasOp ? schema : schema with
        {
            Arrow = new Apache.Arrow.Schema(schema.Arrow.FieldsList.Append(new Apache.Arrow.Field(RowSchema.OpColumn, Apache.Arrow.Types.StringType.Default, false)), null),
        };
        if (_nodes[at] is SegmentNode { Segment: var segment } found)
        {
            var keys = withOp.Keys.Where(k => !_keysByRefusal.Contains(KeyName(k))).ToList();
            withOp = WithKeys(withOp.Arrow, keys);
            _nodes[at] = found with { Segment = segment with { Output = withOp, EmitsDeletions = true }, Schema = withOp };
            return withOp;
        }

        return schema;
    }

    private void AddRelational(ResolvedStage stage, IRelationalTransformer transformer)
    {
        var from = stage.Definition.From.Select(f => f.Stage).ToList();
        var step = transformer.Describe([.. from.Select(f => new RelationalInput(f, _schemas[f]))]);
        if (step is not (LookupStep or SetStep))
        {
            RequireInputs(stage, 1);
        }

        _described = stage.Id;
        if (_broken.Contains(stage.Id) && TellApart(stage, step, from))
        {
            return;
        }

        var segment = (_broken.Contains(stage.Id) ? null : Continue(from[0], step)) ?? Start(from[0]);
        segment.MayHaveMisfits |= step is not SetStep;
        var builder = segment.Builder;
        var component = stage.Definition.Component;
        JsonObject? tree = null;
        switch (step)
        {
            case RowLocalStep local:
                if (local.Refusals.Count > 0 || local.TableRules.Count > 0 || local.Columns is null)
                {
                    builder.AddRefusals(stage.Id, component, local);
                    var keys = builder.Schema.Keys.ToList();
                    // A row that is a deletion already is not refused, so there its key says nothing of others.
                    if (local is { Columns: null, Key: { Count: > 0 } key } && !builder.Schema.HasOp && !keys.Exists(k => KeyName(k) == KeyName(key)))
                    {
                        keys.Add(key);
                        _keysByRefusal.Add(KeyName(key));
                    }

                    Bind(stage, segment, keys, f => !IsRefusedWhenNull(local, f, builder.Schema) && Nullable(builder.Schema, f));
                }

                if (local.Columns is not null)
                {
                    if (builder.HasDeadLetters)
                    {
                        segment = Seal(segment, stage.Id + FirstHalf, from[0]);
                        builder = segment.Builder;
                    }

                    var input = builder.Schema;
                    builder.AddColumns(stage.Id, component, local, from[0]);
                    var kept = KeptKeys(input, local.Columns, "");
                    if (input.Keys.Any(k => _keysByRefusal.Contains(KeyName(k))))
                    {
                        // By other names; which of them it was is not told.
                        _keysByRefusal.UnionWith(kept.Select(KeyName).Except(input.Keys.Select(KeyName)));
                    }

                    Bind(stage, segment, [.. new[] { local.Key ?? [] }.Concat(kept).Where(k => k.Count > 0).DistinctBy(KeyName)], f => NullableColumn(local.Columns, input, "", f));
                }

                break;
            case DeduplicateStep deduplicate:
                builder.AddDeduplicate(stage.Id, component, deduplicate);
                var before = builder.Schema;
                Bind(stage, segment, [deduplicate.Key, .. before.Keys], f => Nullable(before, f));
                break;
            case LookupStep lookup:
                RequireInputs(stage, 2);
                var first = builder.Schema;
                var second = new SegmentInput(from[1], _schemas[from[1]], new LookupInput(lookup.SecondKey, lookup.OnSeveral));
                segment.InputNodes.Add(NodeOf(from[1]));
                _binder.Declare(from[1], _schemas[from[1]]);
                builder.AddLookup(stage.Id, component, lookup, second, from[0]);
                var qualifier = SqlText.Quote(from[0]) + ".";
                Bind(stage, segment, lookup.OnSeveral == SeveralMatches.All ? [] : KeptKeys(first, lookup.Columns, qualifier), f => NullableColumn(lookup.Columns, first, qualifier, f));
                break;
            case SetStep set:
                foreach (var other in from.Skip(1))
                {
                    segment.InputNodes.Add(NodeOf(other));
                    _binder.Declare(other, _schemas[other]);
                }

                var rows = builder.Schema;
                builder.AddSet(stage.Id, component, set, from.Skip(1).Select(f => new SegmentInput(f, _schemas[f])));
                tree = SqlSyntax.Parse(set.Query.Text);
                var promises = QueryPromises.Of(tree, from.ToDictionary(f => f, f => _schemas[f]));
                segment.MayHaveMisfits |= SqlMisfits.MayBeIn(tree);
                Bind(stage, segment, [.. new[] { set.Key }.Concat(promises.NamedKeys).Where(k => k.Count > 0)], f => !promises.IsRequired(f));
                if (MayRename(segment.Builder.Schema))
                {
                    RequireOwnNames(stage.Id, set.Query, set.Parts, from.Select((f, i) => (f, i == 0 ? rows : _schemas[f])));
                }

                break;
            default:
                throw new EtlException("ETL5009", $"'{step.GetType()}' is no step that this version knows", "This is an error of the plugin, or it needs a newer version: there are RowLocalStep, DeduplicateStep, LookupStep and SetStep.");
        }

        _schemas[stage.Id] = segment.Builder.Schema;
        _origins[stage.Id] = Origins(step, from[0]);
        AddPartial(stage, step, tree);
        _open[stage.Id] = segment;
        CheckTableRules(stage, segment.Builder);
    }

    private IEnumerable<ExtractNode> SourcesOf(string node)
    {
        var n = _nodes.Find(n => n.Id == node)!;
        return n is ExtractNode extract ? [extract] : n.Inputs.SelectMany(SourcesOf).Distinct();
    }

    private void Bind(ResolvedStage stage, OpenSegment segment, IReadOnlyList<IReadOnlyList<string>> keys, Func<string, bool> nullable)
    {
        try
        {
            var (schema, select) = _binder.Bind(segment.Builder.VisibleQuery(), Values(segment.Builder.Text.Parameters));
            var fields = schema.FieldsList.Select(f => new Apache.Arrow.Field(f.Name, f.DataType, nullable(f.Name))).ToList();
            segment.Builder.Schema = WithKeys(new Apache.Arrow.Schema(fields, null), keys);
            segment.SelectList = select;
        }
        catch (DuckException e)
        {
            throw Located(stage, e, segment.Builder.Text.OriginOf);
        }
    }

    // Within a larger query DuckDB calls a second `day` `day_1`.
    private static bool MayRename(RowSchema schema) => schema.Names.Any(n => n.LastIndexOfAny(['_', ':']) is > 0 and var at && schema.Index(n[..at]) >= 0);

    // By itself: the stages around it are no part of its SELECT list.
    private void RequireOwnNames(string stage, Etl.Contracts.Sql query, IReadOnlyList<Etl.Contracts.Sql>? parts, IEnumerable<(string Relation, RowSchema Schema)> inputs)
    {
        using var alone = new TypeBinder();
        foreach (var (relation, schema) in inputs)
        {
            alone.Declare(relation, schema);
        }

        if (alone.NameOfTwo(new SqlComposer(_parameterTypes).Add(query, stage, parts).ToString()) is { } twice)
        {
            throw new EtlException("ETL3023", $"two columns are named '{twice}'", "Give each its own name with AS.") { OptionPath = query.OptionPath };
        }
    }

    private void CheckTableRules(ResolvedStage stage, SegmentBuilder builder)
    {
        foreach (var rule in builder.TableRules.Where(r => r.Stage == stage.Id))
        {
            var aggregates = string.Concat(rule.Rule.Aggregates.Select(a => $", {a.Value.Text} AS {SqlText.Quote(a.Key)}"));
            var composer = new SqlComposer(_parameterTypes).Add("SELECT ").Add(rule.Rule.Expect, stage.Id);
            try
            {
                _binder.BindExpression($"{composer} FROM (SELECT {TableRuleCounts.Typed}{aggregates} FROM ({builder.VisibleQuery()}))", Values([.. composer.Parameters, .. builder.Text.Parameters]));
            }
            catch (DuckException e)
            {
                throw Located(stage, e, composer.OriginOf);
            }
        }
    }

    private Dictionary<string, object> Values(IEnumerable<string> names) => names.Distinct().ToDictionary(n => n, n => _parameters[n]);

    private static EtlException Located(ResolvedStage stage, DuckException e, Func<int, (string Stage, string OptionPath, int Offset)?> originOf)
    {
        var origin = e.Error.Position is { } position ? originOf(position) : null;
        return new EtlException("ETL3015", e.Error.Message, e.Hint, e)
        {
            OptionPath = origin?.Stage == stage.Id ? origin.Value.OptionPath : null,
            OptionOffset = origin?.Stage == stage.Id ? origin.Value.Offset : null,
        };
    }

    private static void RequireInputs(ResolvedStage stage, int count)
    {
        if (stage.Definition.From.Count != count)
        {
            throw new EtlException("ETL3055", $"'{stage.Definition.Component}' reads from {(count == 1 ? "one stage" : $"{count} stages")}, not {stage.Definition.From.Count}");
        }
    }

    internal static string SqlTypeOf(string name, object value) => value switch
    {
        string => "VARCHAR",
        bool => "BOOLEAN",
        long => "BIGINT",
        decimal => "DECIMAL(18,6)",
        DateOnly => "DATE",
        DateTimeOffset => "TIMESTAMPTZ",
        _ => throw new InvalidOperationException($"parameter {name} is a {value.GetType()}"),
    };

    private static List<PlanNode> InOrder(List<PlanNode> nodes)
    {
        var ordered = new List<PlanNode>();
        void Visit(PlanNode node)
        {
            foreach (var input in node.Inputs)
            {
                Visit(nodes.Find(n => n.Id == input)!);
            }

            if (!ordered.Contains(node))
            {
                ordered.Add(node);
            }
        }

        nodes.ForEach(Visit);
        return ordered;
    }
}
