namespace Etl.Runtime.Compilation.Lineage;

/// <summary>
/// How a source's column bears on a value or on the rows, in OpenLineage's words. The first three give the value; the others decide which
/// value it is, or which rows there are.
/// </summary>
public enum Influence
{
    /// <summary>The value as it is.</summary>
    Identity,

    /// <summary>Computed from it, row by row.</summary>
    Transformation,

    /// <summary>Computed from it, over several rows.</summary>
    Aggregation,

    /// <summary>Decides which rows meet.</summary>
    Join,

    /// <summary>Decides which rows become one.</summary>
    GroupBy,

    /// <summary>Decides which rows pass.</summary>
    Filter,

    /// <summary>Decides an order, and with it which row is first.</summary>
    Sort,

    /// <summary>Decides the window that a value is computed over.</summary>
    Window,

    /// <summary>Decides which of several values is taken.</summary>
    Conditional,
}

/// <summary>A column as an extract stage yields it.</summary>
/// <param name="Stage">The extract stage.</param>
/// <param name="Column">Its name there.</param>
public readonly record struct SourceColumn(string Stage, string Column)
{
    /// <inheritdoc/>
    public override string ToString() => $"{Stage}.{Column}";
}

/// <summary>One source column and how it bears.</summary>
public readonly record struct LineageEdge(SourceColumn From, Influence Influence)
{
    /// <summary>Whether it gives the value, rather than deciding about it.</summary>
    public bool IsDirect => Influence <= Influence.Aggregation;
}

/// <summary>How a column of a target came to be, in a word.</summary>
public enum Derivation
{
    /// <summary>One source column, under its name.</summary>
    Copied,

    /// <summary>One source column, under another name.</summary>
    Renamed,

    /// <summary>Made of source columns.</summary>
    Computed,

    /// <summary>Made of no source column: a constant, a parameter, a count of rows.</summary>
    Generated,
}

/// <summary>Where one column of a target comes from.</summary>
/// <param name="Column">Its name in the target.</param>
/// <param name="From">By source column, then influence.</param>
/// <param name="ComputedBy">The stages that change it on its way, in the plan's order.</param>
/// <param name="Opaque">A part of the way cannot be seen through: it counts as made of all that goes in there.</param>
/// <param name="Formula">16 hex characters: equal for two columns that are computed in the same way from the same sources, whatever stages and columns are called.</param>
public sealed record ColumnLineage(string Column, IReadOnlyList<LineageEdge> From, IReadOnlyList<string> ComputedBy, bool Opaque, string Formula)
{
    /// <summary>In a word.</summary>
    public Derivation Derivation => From switch
    {
        [] => Derivation.Generated,
        [{ Influence: Influence.Identity } only] =>
            string.Equals(only.From.Column, Column, StringComparison.OrdinalIgnoreCase) ? Derivation.Copied : Derivation.Renamed,
        _ => Derivation.Computed,
    };
}

/// <summary>Where the rows of a load come from.</summary>
/// <param name="Load">The load stage.</param>
/// <param name="Columns">In the target's order; none for the mark of a deletion.</param>
/// <param name="Rows">What decides which rows there are; it bears on every column.</param>
/// <param name="RowsFormula">As <see cref="ColumnLineage.Formula"/>, of the rows.</param>
public sealed record LoadLineage(LoadNode Load, IReadOnlyList<ColumnLineage> Columns, IReadOnlyList<LineageEdge> Rows, string RowsFormula);

/// <summary>Where a pipeline's columns come from, by load, in the plan's order.</summary>
public sealed record PipelineLineage(CompiledPipeline Pipeline, IReadOnlyList<LoadLineage> Loads)
{
    /// <summary>From the typed graph; nothing is connected.</summary>
    public static PipelineLineage Of(CompiledPipeline pipeline) => LineageTracer.Trace(pipeline);

    /// <summary>Columns as they leave a transform stage, in its order; none for a stage that cannot be seen into.</summary>
    public IReadOnlyList<ColumnLineage> ColumnsOf(string stage) => StageColumns(stage);

    // Worked out when asked for: most who want a load's lineage do not want that of the stages before it.
    internal Func<string, IReadOnlyList<ColumnLineage>> StageColumns { get; init; } = _ => [];

    /// <summary>What a source column bears on: a column of a load, or, where that is null, which rows the load has.</summary>
    public IEnumerable<(LoadLineage Load, ColumnLineage? Column, Influence Influence)> Downstream(string column, string? stage = null) =>
        from load in Loads
        from target in load.Columns.Select(c => ((ColumnLineage?)c, c.From)).Append((null, load.Rows))
        from edge in target.Item2
        where string.Equals(edge.From.Column, column, StringComparison.OrdinalIgnoreCase) && (stage is null || edge.From.Stage == stage)
        select (load, target.Item1, edge.Influence);
}
