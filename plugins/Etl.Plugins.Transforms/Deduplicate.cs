using System.Text.RegularExpressions;
using Etl.Contracts;
using FluentValidation;

namespace Etl.Plugins.Transforms;

/// <summary>
/// Keeps one row for each key: the first in the order given. All other columns are appended to the order, ascending and NULLs last,
/// so that it is total and the same rows give the same choice in whatever order they come. NULLs in a key are equal to each other.
/// </summary>
[Transformer("deduplicate", "Keeps one row for each key, the first in an order that is made total.")]
public sealed partial class Deduplicate(DeduplicateOptions options) : IRelationalTransformer
{
    /// <inheritdoc/>
    public RelationalStep Describe(IReadOnlyList<RelationalInput> inputs)
    {
        var input = InputShape.One(inputs, "deduplicate").Schema;
        InputShape.RequireDistinct(input, options.Key, "key");
        var settled = new HashSet<string>(options.Key, StringComparer.OrdinalIgnoreCase);
        var order = new List<Sql>();
        for (var i = 0; i < options.OrderBy.Count; i++)
        {
            var path = InputShape.Path("order_by", i);
            if (ColumnTerm().Match(options.OrderBy[i]) is { Success: true } term)
            {
                var column = input.Require(term.Groups["column"].Value, path).Name;
                settled.Add(column);
                order.Add($"{SqlText.Quote(column)} {Word(term, "direction", "ASC")} NULLS {Word(term, "nulls", "LAST")}");
            }
            else
            {
                order.Add(SqlFragment.Expression(options.OrderBy[i], path));
            }
        }

        order.AddRange(InputShape.DataColumns(input).Where(f => !settled.Contains(f.Name)).Select(f => new Sql($"{SqlText.Quote(f.Name)} ASC NULLS LAST")));
        if (order.Count == 0)
        {
            // Every column is in the key: the rows of a key are equal, and any order will do.
            order.Add($"{SqlText.Quote(InputShape.NameOf(input, options.Key[0]))} ASC NULLS LAST");
        }

        return new DeduplicateStep([.. options.Key.Select(k => InputShape.NameOf(input, k))], order);
    }

    private static string Word(Match term, string group, string otherwise) =>
        term.Groups[group] is { Success: true } found ? found.Value.ToUpperInvariant() : otherwise;

    [GeneratedRegex(@"^\s*(?<column>[\p{L}_][\p{L}\p{N}_]*)(\s+(?<direction>asc|desc))?(\s+nulls\s+(?<nulls>first|last))?\s*\z", RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex ColumnTerm();
}

/// <summary>Options of <see cref="Deduplicate"/>.</summary>
public sealed record DeduplicateOptions
{
    /// <summary>The key.</summary>
    [Option("Columns that identify a row.", Example = "[order_id]", Identifier = true)]
    public required IReadOnlyList<string> Key { get; init; }

    /// <summary>Which row stays.</summary>
    [Option("The first row in this order is kept: a column or an SQL expression, with asc or desc. NULLs come last unless said. All other columns follow by themselves.",
        Example = "[updated_at desc]", Sql = true)]
    public IReadOnlyList<string> OrderBy { get; init; } = [];
}

/// <summary>Rules of <see cref="DeduplicateOptions"/>.</summary>
public sealed class DeduplicateRules : OptionsRules<DeduplicateOptions>
{
    /// <summary>A key is needed.</summary>
    public DeduplicateRules() => RuleFor(o => o.Key).NotEmpty().WithMessage("is empty: name at least one column.");
}
