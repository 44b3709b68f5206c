using System.Text.Json.Nodes;

namespace Etl.Runtime.Compilation.Lineage;

/// <summary>A column that expressions of a SELECT can name.</summary>
/// <param name="Table">The alias of its table.</param>
/// <param name="Name">Its name; null where DuckDB makes one up.</param>
/// <param name="Flow">Where it comes from.</param>
/// <param name="InStar">Part of <c>*</c>; false for the second of two columns that USING made one.</param>
internal sealed record ScopeColumn(string Table, string? Name, Flow Flow, bool InStar = true);

/// <summary>The names that an expression can use: columns of FROM, names given in the SELECT list, and those of the query around it.</summary>
internal sealed class LineageScope(IReadOnlyList<ScopeColumn> columns, LineageScope? outer)
{
    /// <summary>Of FROM, in the order of <c>*</c>.</summary>
    public IReadOnlyList<ScopeColumn> Columns => columns;

    /// <summary>Items of the SELECT list by the name given there; a column of FROM hides one.</summary>
    public Dictionary<string, JsonObject> Aliases { get; } = new(StringComparer.OrdinalIgnoreCase);

    /// <summary>
    /// What a name with dots stands for; null for an alias of the SELECT list (<paramref name="alias"/>). A name that is not found is made of all that can be named here.
    /// </summary>
    public Flow? Resolve(IReadOnlyList<string> name, out JsonObject? alias)
    {
        alias = null;
        for (var scope = this; scope is not null; scope = scope.Outer)
        {
            if (scope.Own(name) is { } flow)
            {
                return flow;
            }

            if (name.Count == 1 && scope == this && Aliases.TryGetValue(name[0], out alias))
            {
                return null;
            }
        }

        var all = new List<Flow>();
        for (var scope = this; scope is not null; scope = scope.Outer)
        {
            all.AddRange(scope.Columns.Select(c => c.Flow.As(Influence.Transformation)));
        }

        return Flow.Of(all, $"name {string.Join('.', name)}") with { Opaque = true };
    }

    private LineageScope? Outer => outer;

    private Flow? Own(IReadOnlyList<string> name)
    {
        // table.column.field, with catalog and schema before it if any; then column.field; then a table as one value.
        for (var i = name.Count - 2; i >= 0; i--)
        {
            if (columns.FirstOrDefault(c => Same(c.Table, name[i]) && Same(c.Name, name[i + 1])) is { } qualified)
            {
                return Part(qualified.Flow, name, i + 2);
            }
        }

        if ((columns.FirstOrDefault(c => c.InStar && Same(c.Name, name[0])) ?? columns.FirstOrDefault(c => Same(c.Name, name[0]))) is { } column)
        {
            return Part(column.Flow, name, 1);
        }

        var table = columns.Where(c => Same(c.Table, name[^1])).ToList();
        return table.Count == 0 ? null : Flow.Of(table.Select(c => c.Flow.As(Influence.Transformation)), "row");
    }

    private static Flow Part(Flow column, IReadOnlyList<string> name, int used) =>
        used == name.Count ? column : Flow.Of([column.As(Influence.Transformation)], $"field {string.Join('.', name.Skip(used))}");

    private static bool Same(string? a, string b) => string.Equals(a, b, StringComparison.OrdinalIgnoreCase);
}
