using Etl.Contracts;

namespace Etl.Plugins.Transforms;

/// <summary>A query of the author's own, for what no other transformer says.</summary>
[Transformer("sql", "One SELECT over the stages named in from, by their ids.")]
public sealed class SqlQuery(SqlQueryOptions options) : IRelationalTransformer
{
    /// <inheritdoc/>
    public RelationalStep Describe(IReadOnlyList<RelationalInput> inputs)
    {
        InputShape.RequireWholeSet(inputs, "a query");

        // The output's columns are known once the engine has bound the query, which then checks the key.
        return new SetStep(SqlFragment.Query(options.Query, "query"), options.Key);
    }
}

/// <summary>Options of <see cref="SqlQuery"/>.</summary>
public sealed record SqlQueryOptions
{
    /// <summary>The query.</summary>
    [Option("One SELECT in DuckDB's dialect; inputs are named by their stage ids, $name is a bound parameter.",
        Example = "select o.*, c.country from orders o join customers c using (customer_id)", Sql = true)]
    public required string Query { get; init; }

    /// <summary>The key.</summary>
    [Option("Columns that are unique together in the result, as far as the author knows.", Example = "[order_id]", Identifier = true)]
    public IReadOnlyList<string> Key { get; init; } = [];
}
