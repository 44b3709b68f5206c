using Etl.Contracts;
using Etl.Runtime.Definition;
using Etl.Runtime.Sql;

namespace Etl.Runtime.Compilation;

/// <summary>
/// A pipeline as it will run: components made, SQL bound, rows typed on every edge. Nothing was connected. Its connections are
/// disposed with it.
/// </summary>
public sealed class CompiledPipeline : IAsyncDisposable
{
    /// <summary>What was written.</summary>
    public required PipelineDefinition Definition { get; init; }

    /// <summary>Where it stands.</summary>
    public required Project Project { get; init; }

    /// <summary>In an order in which each comes after its inputs.</summary>
    public required IReadOnlyList<PlanNode> Nodes { get; init; }

    /// <summary>The connections that are used, by name.</summary>
    public required IReadOnlyDictionary<string, IConnection> Connections { get; init; }

    /// <summary><c>sha256:</c> and 64 hex characters, over all that decides what a run does to its rows.</summary>
    public required string Hash { get; init; }

    /// <summary>The node with an id.</summary>
    public PlanNode Node(string id) => Nodes.First(n => n.Id == id);

    /// <summary>What is known of the rows that leave each stage.</summary>
    public required StageRows Rows { get; init; }

    /// <summary>The extract stages that a node's rows come from.</summary>
    public IEnumerable<ExtractNode> SourcesOf(PlanNode node) =>
        node is ExtractNode extract ? [extract] : node.Inputs.SelectMany(i => SourcesOf(Node(i))).Distinct();

    /// <summary>A load by its stage; ETL6004 where there is none.</summary>
    public LoadNode RequireLoad(string stage)
    {
        var loads = Nodes.OfType<LoadNode>().ToList();
        return loads.Find(l => l.Id == stage) ?? throw new EtlException("ETL6004", $"'{stage}' is no load of the pipeline '{Definition.Id}'", $"Its loads are: {string.Join(", ", loads.Select(l => l.Id))}.");
    }

    /// <summary>The key of a load's checkpoint.</summary>
    public CheckpointKey KeyOf(LoadNode load) => new(Project.Environment, Definition.Id, load.Id);

    /// <summary>What becomes of each column's values in the target, by load stage; none for a loader that does not say.</summary>
    public IReadOnlyDictionary<string, IReadOnlyList<ConversionEntry>> Conversions { get; internal set; } = new Dictionary<string, IReadOnlyList<ConversionEntry>>();

    /// <summary>Columns whose values stand in no text.</summary>
    public HiddenColumns Hidden { get; internal set; } = HiddenColumns.None;

    /// <summary>The load's stage and those that first inputs lead to from it, up to the source.</summary>
    internal IReadOnlyList<StageDefinition> MainPath(LoadNode load)
    {
        var path = new List<StageDefinition> { load.Stage };
        while (path[^1].From.Count > 0)
        {
            path.Add(Definition.Stages.First(s => s.Id == path[^1].From[0].Stage));
        }

        return path;
    }

    /// <summary>Columns that a source has and its contract does not, taken along by <c>on_drift: evolve</c>, with the extract that reads each.</summary>
    internal IReadOnlySet<(string Extract, string Column)> Gained { get; set; } = new HashSet<(string, string)>();

    /// <summary>Whether rows of a stage reach a load.</summary>
    internal bool Reaches(string stage, string load) =>
        stage == load || Definition.Stages.First(s => s.Id == load).From.Any(f => Reaches(stage, f.Stage));

    /// <summary>The same pipeline with another node in the place of one; it shares the connections, which are disposed with the original.</summary>
    internal CompiledPipeline With(PlanNode node) => new()
    {
        Definition = Definition,
        Project = Project,
        Nodes = [.. Nodes.Select(n => n.Id == node.Id ? node : n)],
        Connections = Connections,
        Hash = Hash,
        Rows = Rows,
        Conversions = Conversions,
        Hidden = Hidden,
        Gained = Gained,
    };

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        foreach (var connection in Connections.Values)
        {
            await connection.DisposeAsync();
        }
    }
}

/// <summary>What is known of the rows that leave each extract and transform stage.</summary>
/// <param name="Schemas">By stage.</param>
/// <param name="Origins">By stage: columns that are the source's own, unchanged, to their name there; the source is the one that first inputs lead to.</param>
public sealed record StageRows(IReadOnlyDictionary<string, RowSchema> Schemas, IReadOnlyDictionary<string, IReadOnlyDictionary<string, string>> Origins)
{
    /// <summary>By stage: what its contract's <c>quality</c> has that does not run.</summary>
    public IReadOnlyDictionary<string, IReadOnlyList<QualityNote>> Notes { get; init; } = new Dictionary<string, IReadOnlyList<QualityNote>>();

    /// <summary>By stage: what was done on the way to it with a part of a source's rows and is right for all of them only.</summary>
    internal IReadOnlyDictionary<string, IReadOnlyList<PartialUse>> Partial { get; init; } = new Dictionary<string, IReadOnlyList<PartialUse>>();
}

/// <summary>A step of the plan; batches flow along <see cref="Inputs"/>.</summary>
/// <param name="Id">Unique: a stage's id, that of the last stage for several in one query, <c>stage/refusals</c> for the first half of a stage, or <c>stage/contract</c> for the rules of its contract.</param>
/// <param name="Inputs">Ids of the nodes that it reads.</param>
/// <param name="Schema">The rows that leave it; for a load, the rows that enter.</param>
public abstract record PlanNode(string Id, IReadOnlyList<string> Inputs, RowSchema Schema);

/// <summary>Reads a source.</summary>
public sealed record ExtractNode(string Id, RowSchema Schema, IExtractor Extractor, DataContract? Contract, StageDefinition Stage) : PlanNode(Id, [], Schema);

/// <summary>Relational stages as one query.</summary>
public sealed record SegmentNode(string Id, IReadOnlyList<string> Inputs, Segment Segment) : PlanNode(Id, Inputs, Segment.Output);

/// <summary>A transformer in code.</summary>
public sealed record TransformNode(string Id, IReadOnlyList<string> Inputs, RowSchema Schema, IBatchTransformer Transformer, StageDefinition Stage) : PlanNode(Id, Inputs, Schema);

/// <summary>Writes a target.</summary>
/// <param name="Id">The stage.</param>
/// <param name="Inputs">One node.</param>
/// <param name="Schema">The rows that enter.</param>
/// <param name="Loader">The component.</param>
/// <param name="Plan">What it says of itself.</param>
/// <param name="Fingerprint">Of the settings that stored positions depend on.</param>
/// <param name="Stage">As written.</param>
public sealed record LoadNode(string Id, IReadOnlyList<string> Inputs, RowSchema Schema, ILoader Loader, LoadPlan Plan, string Fingerprint, StageDefinition Stage) : PlanNode(Id, Inputs, Schema);
