using System.Text;
using Etl.Contracts;
using FluentValidation;

namespace Etl.Plugins.Transforms;

/// <summary>One row for each group; without groups one row for all. The grouping columns are the output's key.</summary>
[Transformer("aggregate", "Computes aggregates, one row for each group.")]
public sealed class Aggregate(AggregateOptions options) : IRelationalTransformer
{
    /// <inheritdoc/>
    public RelationalStep Describe(IReadOnlyList<RelationalInput> inputs)
    {
        var input = InputShape.One(inputs, "aggregate");
        InputShape.RequireWholeSet(inputs, "an aggregate");
        InputShape.RequireDistinct(input.Schema, options.GroupBy, "group_by");
        List<string> groups = [.. options.GroupBy.Select(g => InputShape.NameOf(input.Schema, g))];

        var query = new StringBuilder("SELECT ").AppendJoin(", ", groups.Select(SqlText.Quote));
        var names = new HashSet<string>(groups, StringComparer.OrdinalIgnoreCase);
        var parts = new List<Sql>();
        foreach (var (name, aggregate) in options.Columns)
        {
            var path = $"columns.{name}";
            InputShape.RequireOwnName(name, path);
            if (!names.Add(name))
            {
                throw InputShape.Twice(name, path, "Choose a name that no grouping column has.");
            }

            query.Append(names.Count > 1 ? ", " : "");
            parts.Add(SqlFragment.Expression(aggregate, path) with { Offset = query.Length });
            query.Append(parts[^1].Text).Append(" AS ").Append(SqlText.Quote(name));
        }

        query.Append(" FROM ").Append(SqlText.Quote(input.Relation));
        if (groups.Count > 0)
        {
            query.Append(" GROUP BY ").AppendJoin(", ", groups.Select(SqlText.Quote));
        }

        return new SetStep(query.ToString(), groups) { Parts = parts };
    }
}

/// <summary>Options of <see cref="Aggregate"/>.</summary>
public sealed record AggregateOptions
{
    /// <summary>Groups.</summary>
    [Option("Columns whose values make a group; empty for one row over all.", Example = "[customer_id]", Identifier = true)]
    public required IReadOnlyList<string> GroupBy { get; init; }

    /// <summary>Aggregates.</summary>
    [Option("Name to SQL aggregate.", Example = "{ orders: \"count(*)\", total: \"sum(amount)\" }", Sql = true)]
    public required IReadOnlyDictionary<string, string> Columns { get; init; }
}

/// <summary>Rules of <see cref="AggregateOptions"/>.</summary>
public sealed class AggregateRules : OptionsRules<AggregateOptions>
{
    /// <summary>Something must come out.</summary>
    public AggregateRules() => RuleFor(o => o.Columns)
        .Must((o, columns) => columns.Count > 0 || o.GroupBy.Count > 0).WithMessage("is empty: name a column, or columns to group by.");
}
