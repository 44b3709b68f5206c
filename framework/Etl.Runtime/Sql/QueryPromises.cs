using System.Text.Json.Nodes;
using Etl.Contracts;

namespace Etl.Runtime.Sql;

/// <summary>A column that a query gives.</summary>
/// <param name="Name">Null where DuckDB makes one up.</param>
/// <param name="Required">It is never NULL.</param>
internal sealed record PromisedColumn(string? Name, bool Required);

/// <summary>
/// What a query keeps of the promises of its inputs: which columns cannot be NULL, and which are unique together. DuckDB says of every column that it may be NULL, and
/// nothing of uniqueness, so both are read off its syntax tree. What is not understood is not promised.
/// </summary>
/// <param name="Columns">In order.</param>
/// <param name="Keys">Positions of columns that are unique together, NULL being one value.</param>
internal sealed record QueryPromises(IReadOnlyList<PromisedColumn> Columns, IReadOnlyList<IReadOnlySet<int>> Keys)
{
    /// <summary>Nothing is promised.</summary>
    public static readonly QueryPromises None = new([], []);

    /// <summary>Of a query over inputs, by their names.</summary>
    public static QueryPromises Of(JsonObject? query, IReadOnlyDictionary<string, RowSchema> inputs)
    {
        var tables = inputs.ToDictionary(i => i.Key, i => Of(i.Value), StringComparer.OrdinalIgnoreCase);
        return query is null ? None : new QueryReading(tables).Query(query) ?? None;
    }

    /// <summary>Whether the column of this name is never NULL.</summary>
    public bool IsRequired(string name) => Columns.Count(c => Same(c.Name, name)) == 1 && Columns.Single(c => Same(c.Name, name)).Required;

    /// <summary>The keys, by their columns' names; without those that have a column with no name of its own.</summary>
    public IEnumerable<IReadOnlyList<string>> NamedKeys =>
        Keys.Where(k => k.All(i => Columns[i].Name is not null)).Select(k => (IReadOnlyList<string>)[.. k.Order().Select(i => Columns[i].Name!)]);

    internal static bool Same(string? a, string? b) => string.Equals(a, b, StringComparison.OrdinalIgnoreCase);

    private static QueryPromises Of(RowSchema schema) => new(
        [.. schema.Arrow.FieldsList.Select(f => new PromisedColumn(f.Name, !f.IsNullable))], [.. schema.Keys.Select(k => k.Select(schema.Index).ToHashSet())]);
}
