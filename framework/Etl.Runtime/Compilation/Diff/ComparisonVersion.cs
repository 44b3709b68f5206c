using Apache.Arrow.Types;
using Etl.Contracts;
using Etl.DuckDb;
using Etl.Runtime.Compilation.Lineage;
using Etl.Runtime.Diagnostics;

namespace Etl.Runtime.Compilation.Diff;

/// <summary>What has to be known of one version of a pipeline to compare it with another.</summary>
/// <param name="Id">The pipeline.</param>
/// <param name="File">Relative to the repository.</param>
/// <param name="Loads">What it writes; empty when it does not compile.</param>
/// <param name="Reads">What it reads.</param>
/// <param name="Problem">Why it does not compile; null when it does.</param>
public sealed record PipelineVersion(string Id, string File, IReadOnlyList<LoadVersion> Loads, IReadOnlyList<ReadVersion> Reads, string? Problem = null)
{
    /// <summary>Of a pipeline below a folder.</summary>
    public static PipelineVersion Of(CompiledPipeline pipeline, string root)
    {
        string Relative(string path) => Path.GetRelativePath(root, Path.GetFullPath(path)).Replace('\\', '/');
        var lineage = PipelineLineage.Of(pipeline);
        return new PipelineVersion(
            pipeline.Definition.Id,
            Relative(pipeline.Definition.File),
            [.. lineage.Loads.Select(l => new LoadVersion(
                l.Load.Id,
                l.Load.Stage.IdSpan with { File = Relative(l.Load.Stage.IdSpan.File) },
                Dataset.Of(l.Load.Stage, pipeline.Project),
                l.Load.Stage.Contract is { } contract ? Relative(contract) : null,
                l.Load.Stage.With["table"] is not null,
                l.Load.Plan.Mode,
                l.Load.Plan.Key,
                l.Load.Fingerprint,
                pipeline.SourcesOf(l.Load).Any(s => s.Extractor.Capabilities.Incremental),
                l,
                [.. l.Columns.Select(c => (c, l.Load.Schema.Require(c.Column))).Select(c => new ColumnVersion(c.c, c.Item2.DataType, c.Item2.IsNullable))]))],
            [.. pipeline.Nodes.OfType<ExtractNode>().Select(e => new ReadVersion(
                e.Id, Dataset.Of(e.Stage, pipeline.Project), e.Stage.Contract is { } contract ? Relative(contract) : null, [.. e.Schema.Names]))]);
    }
}

/// <summary>One version of a load.</summary>
/// <param name="Stage">Its id.</param>
/// <param name="Span">Where it is written.</param>
/// <param name="Dataset">What it writes.</param>
/// <param name="Contract">The contract that it offers, relative to the repository.</param>
/// <param name="IsTable">The checkpoint stands in the table's database, and not in the target itself.</param>
/// <param name="Mode">How it changes the target.</param>
/// <param name="Key">The key of upsert.</param>
/// <param name="Fingerprint">What a checkpoint depends on.</param>
/// <param name="IsIncremental">A source is read only where it changed.</param>
/// <param name="Lineage">Where its rows come from.</param>
/// <param name="Columns">What it offers.</param>
public sealed record LoadVersion(
    string Stage, SourceSpan Span, Dataset Dataset, string? Contract, bool IsTable, LoadMode Mode, IReadOnlyList<string> Key, string Fingerprint, bool IsIncremental,
    LoadLineage Lineage, IReadOnlyList<ColumnVersion> Columns)
{
    /// <summary>A column by name.</summary>
    public ColumnVersion? Column(string name) => Columns.FirstOrDefault(c => string.Equals(c.Name, name, StringComparison.OrdinalIgnoreCase));
}

/// <summary>One version of a column of a target.</summary>
public sealed record ColumnVersion(ColumnLineage Lineage, IArrowType Type, bool Nullable)
{
    /// <summary>Its name.</summary>
    public string Name => Lineage.Column;

    /// <summary>The type as SQL writes it.</summary>
    public string TypeText => DuckType.Of(Type).ToString().ToLowerInvariant();
}

/// <summary>One version of an extract.</summary>
/// <param name="Stage">Its id.</param>
/// <param name="Dataset">What it reads.</param>
/// <param name="Contract">Its contract, relative to the repository.</param>
/// <param name="Columns">Those that it reads.</param>
public sealed record ReadVersion(string Stage, Dataset Dataset, string? Contract, IReadOnlyList<string> Columns)
{
    /// <summary>Whether it reads what a load writes: the same data set, or one that they share the contract of.</summary>
    public bool ReadsFrom(LoadVersion load) => Dataset == load.Dataset || (Contract is not null && Contract == load.Contract);
}
