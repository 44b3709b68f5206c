using Etl.Contracts;

namespace Etl.Plugins.Transforms;

/// <summary>Lets through the rows for which a condition is TRUE. The others are counted as excluded, by the rule <c>filter</c>.</summary>
[Transformer("filter", "Keeps the rows for which a condition is true; the others are counted as excluded.")]
public sealed class Filter(FilterOptions options) : IRelationalTransformer
{
    /// <inheritdoc/>
    public RelationalStep Describe(IReadOnlyList<RelationalInput> inputs)
    {
        InputShape.One(inputs, "filter");
        return new RowLocalStep(
            [new Refusal("filter", RefusalAction.Exclude, SqlFragment.Within("", options.Where, " IS NOT TRUE", "where"), $"not: {options.Where.Trim()}")],
            Columns: null);
    }
}

/// <summary>Options of <see cref="Filter"/>.</summary>
public sealed record FilterOptions
{
    /// <summary>The condition.</summary>
    [Option("SQL condition. A row for which it is false or NULL does not pass.", Example = "status <> 'draft'", Sql = true)]
    public required string Where { get; init; }
}
