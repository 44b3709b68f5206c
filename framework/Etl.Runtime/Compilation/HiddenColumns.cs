using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using Etl.Contracts;
using Etl.Runtime.Compilation.Lineage;
using Etl.Runtime.Diagnostics;
using Etl.Runtime.Yaml;

namespace Etl.Runtime.Compilation;

/// <summary>
/// Columns whose values move in rows and stand in no text: those that contracts classify as the project's <c>hidden_classifications</c> say, and what is made of them on the way.
/// </summary>
public sealed class HiddenColumns
{
    /// <summary>None.</summary>
    public static readonly HiddenColumns None = new();

    private static readonly JsonSerializerOptions Readable = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private readonly Dictionary<string, HashSet<string>> _byStage = [];
    private readonly Dictionary<string, HashSet<string>> _columns = [];
    private readonly HashSet<string> _positions = [];
    private readonly ErrorMask? _errors;

    private HiddenColumns()
    {
    }

    private HiddenColumns(CompiledPipeline pipeline, IReadOnlyDictionary<string, DataContract> contracts, Dictionary<string, HashSet<string>> byStage, Dictionary<string, HashSet<string>> columns)
    {
        (_byStage, _columns) = (byStage, columns);
        // A position holds the last row's cursor and key.
        _positions = [.. pipeline.Nodes.OfType<ExtractNode>().Where(e => PositionOf(e).Any(c => Hides(e.Id, c))).Select(e => e.Id)];
        _errors = new ErrorMask(
            [
                pipeline.Definition.Id,
                .. pipeline.Definition.Stages.SelectMany(s => new[] { s.Id, s.Component, s.Connection ?? "" }),
                .. pipeline.Nodes.SelectMany(n => n.Schema.Names), .. pipeline.Nodes.OfType<LoadNode>().Select(l => l.Plan.Target),
                .. contracts.Values.SelectMany(c => c.Schema.Names.Append(c.Id).Append(c.Name)), .. pipeline.Connections.Values.Select(c => c.Display),
            ],
            [.. byStage.Values.SelectMany(c => c).Distinct(StringComparer.OrdinalIgnoreCase)]);
    }

    /// <summary>Whether there are any.</summary>
    public bool Any => _errors is not null;

    /// <summary>Those of a compiled pipeline.</summary>
    /// <param name="pipeline">The pipeline.</param>
    /// <param name="contracts">By the stage that names each.</param>
    internal static HiddenColumns Of(CompiledPipeline pipeline, IReadOnlyDictionary<string, DataContract> contracts)
    {
        var classes = pipeline.Project.Settings.HiddenClassifications.ToHashSet(StringComparer.OrdinalIgnoreCase);
        var declared = contracts.ToDictionary(c => c.Key, c => Set(c.Value.Columns.Where(x => x.Classification is { } named && classes.Contains(named.Trim())).Select(x => x.Field.Name)));
        if (declared.Values.All(c => c.Count == 0))
        {
            return None;
        }

        var byStage = declared.ToDictionary(d => d.Key, d => Set(d.Value));
        var columns = new Dictionary<string, HashSet<string>>();
        var relations = LineageTracer.Relations(pipeline);
        foreach (var node in pipeline.Nodes)
        {
            // A stage refuses rows as they leave its query, a load those that it takes.
            var all = relations[node is LoadNode ? node.Inputs[0] : node.Id].Columns;
            var hidden = all.Where(c => c.Name is not null && c.Flow.Edges.Any(IsHidden)).Select(c => c.Name!).ToList();
            foreach (var stage in node is SegmentNode segment ? segment.Segment.Stages.Select(s => s.Id) : [node.Id])
            {
                byStage.TryAdd(stage, Set([]));
                byStage[stage].UnionWith(hidden);
                columns.TryAdd(stage, Set([]));
                columns[stage].UnionWith([.. all.Select(c => c.Name).OfType<string>(), .. node.Schema.Names]);
            }
        }

        return new HiddenColumns(pipeline, contracts, byStage, columns);

        bool IsHidden(LineageEdge edge) => edge.IsDirect && declared.GetValueOrDefault(edge.From.Stage)?.Contains(edge.From.Column) == true;
        static HashSet<string> Set(IEnumerable<string> columns) => new(columns, StringComparer.OrdinalIgnoreCase);
    }

    /// <summary>Whether a column is hidden in the rows that a stage refuses. Of a stage that is not there any more, each is that is hidden anywhere.</summary>
    public bool Hides(string stage, string column) =>
        _byStage.TryGetValue(stage, out var columns) ? columns.Contains(column) : _byStage.Values.Any(c => c.Contains(column));

    /// <summary>Whether an SQL expression over a stage's rows names a hidden column.</summary>
    internal bool HidesIn(string stage, string sql) => _byStage.GetValueOrDefault(stage)?.Any(c => sql.Contains(c, StringComparison.OrdinalIgnoreCase)) == true;

    /// <summary>Whether the position in a source is told by hidden values.</summary>
    public bool HidesPosition(string extract) => _positions.Contains(extract);

    /// <summary>A row as JSON, with <see cref="Redactor.Mask"/> for hidden values; that one is NULL is told.</summary>
    public string Row(string stage, string json)
    {
        if (!Any)
        {
            return json;
        }

        var row = JsonNode.Parse(json)!.AsObject();
        // A column of an earlier version of the pipeline may hold what is hidden today.
        bool IsUnknown(string column) => _columns.TryGetValue(stage, out var known) && !known.Contains(column);
        foreach (var column in row.Where(p => p.Value is not null && (Hides(stage, p.Key) || IsUnknown(p.Key))).Select(p => p.Key).ToList())
        {
            row[column] = Redactor.Mask;
        }

        return row.ToJsonString(Readable);
    }

    /// <summary>A text about rows, without what may be a value of theirs.</summary>
    /// <param name="text">The text.</param>
    /// <param name="isForeign">Whether it has words of a database, in which anything may stand.</param>
    public string Text(string text, bool isForeign) => _errors?.Mask(text, isForeign) ?? text;

    private static IEnumerable<string> PositionOf(ExtractNode extract) =>
        extract.Stage.With["incremental"] is YamlMap incremental
            ? (extract.Contract?.PrimaryKey ?? []).Concat(incremental.Entries.Where(e => e.Key is "cursor" or "key").SelectMany(e => e.Value is YamlList list ? list.Items : [e.Value]).OfType<YamlScalar>().Select(s => s.Value))
            : [];
}
