using System.Text.RegularExpressions;
using Apache.Arrow;
using Etl.Contracts;
using FluentValidation;

namespace Etl.Plugins.Transforms;

/// <summary>Looks up columns of the second input for the rows of the first. What happens without a match must be said.</summary>
[Transformer("join", "Brings columns of a second input to the rows of the first.")]
public sealed partial class Join(JoinOptions options) : IRelationalTransformer
{
    /// <inheritdoc/>
    public RelationalStep Describe(IReadOnlyList<RelationalInput> inputs)
    {
        var (first, second) = InputShape.Two(inputs, "join");
        var columns = InputShape.DataColumns(first.Schema)
            .Select(f => new ColumnExpression(f.Name, SqlText.Quote(first.Relation, f.Name), f.IsNullable)).ToList();
        columns.AddRange(Brought(first.Schema, second));

        var (on, secondKey) = options.Using is { } shared ? Using(first, second, shared) : On(first, second, options.On!);
        RefusalAction? onNoMatch = options.OnNoMatch switch
        {
            JoinNoMatch.Keep => null,
            JoinNoMatch.DeadLetter => RefusalAction.DeadLetter,
            JoinNoMatch.Exclude => RefusalAction.Exclude,
            _ => RefusalAction.Fail,
        };
        return new LookupStep(on, columns, onNoMatch, options.OnSeveral, secondKey);
    }

    private IEnumerable<ColumnExpression> Brought(RowSchema first, RelationalInput second)
    {
        var renamed = ColumnRenaming.Apply(InputShape.DataColumns(second.Schema), options.Rename, "rename");
        var names = new RowSchema(new Schema(renamed.Select(c => new Field(c.Name, c.Source.DataType, c.Source.IsNullable)), null));
        InputShape.RequireDistinct(names, options.Columns, "columns");
        for (var i = 0; i < options.Columns.Count; i++)
        {
            var column = renamed[names.Index(options.Columns[i])];
            if (first.Index(column.Name) >= 0)
            {
                throw InputShape.Twice(column.Name, InputShape.Path("columns", i), $"Give the one of '{second.Relation}' another name: rename: {{ {second.Relation}_{column.Source.Name}: {column.Source.Name} }}.");
            }

            yield return new ColumnExpression(
                column.Name, SqlText.Quote(second.Relation, column.Source.Name), column.Source.IsNullable || options.OnNoMatch == JoinNoMatch.Keep);
        }
    }

    private static (Sql On, IReadOnlyList<string> SecondKey) Using(RelationalInput first, RelationalInput second, IReadOnlyList<string> shared)
    {
        InputShape.RequireDistinct(first.Schema, shared, "using");
        InputShape.RequireDistinct(second.Schema, shared, "using");
        var equal = shared.Select(c =>
            $"{SqlText.Quote(first.Relation, InputShape.NameOf(first.Schema, c))} = {SqlText.Quote(second.Relation, InputShape.NameOf(second.Schema, c))}");
        return (string.Join(" AND ", equal), [.. shared.Select(c => InputShape.NameOf(second.Schema, c))]);
    }

    private static (Sql On, IReadOnlyList<string> SecondKey) On(RelationalInput first, RelationalInput second, string condition)
    {
        var on = SqlFragment.Expression(condition, "on");

        // Only what is surely a conjunction of equalities proves that at most one row matches; anything else proves nothing.
        if (NotAConjunction().IsMatch(condition))
        {
            return (on, []);
        }

        var key = new List<string>();
        foreach (var part in And().Split(condition))
        {
            if (Equality().Match(part) is not { Success: true } equality)
            {
                continue;
            }

            var (left, right) = (Side(equality, "left"), Side(equality, "right"));
            var other = InputShape.SameName(left.Relation, second.Relation) && InputShape.SameName(right.Relation, first.Relation) ? left
                : InputShape.SameName(right.Relation, second.Relation) && InputShape.SameName(left.Relation, first.Relation) ? right
                : (null, null);
            if (other.Column is { } column && second.Schema.Index(column) is >= 0 and var index)
            {
                key.Add(second.Schema.Arrow.FieldsList[index].Name);
            }
        }

        return (on, [.. key.Distinct()]);
    }

    private static (string Relation, string? Column) Side(Match equality, string side) =>
        (Unquoted(equality.Groups[$"{side}Relation"].Value), Unquoted(equality.Groups[$"{side}Column"].Value));

    private static string Unquoted(string name) => name.Trim('"');

    [GeneratedRegex(@"\b(or|not|between|case|is|in|like|ilike)\b|[()|'\[{$]|--|/\*", RegexOptions.IgnoreCase)]
    private static partial Regex NotAConjunction();

    [GeneratedRegex(@"\band\b", RegexOptions.IgnoreCase)]
    private static partial Regex And();

    [GeneratedRegex("""^\s*(?<leftRelation>\w+|"[^"]+")\s*\.\s*(?<leftColumn>\w+|"[^"]+")\s*==?\s*(?<rightRelation>\w+|"[^"]+")\s*\.\s*(?<rightColumn>\w+|"[^"]+")\s*\z""")]
    private static partial Regex Equality();
}

/// <summary>Options of <see cref="Join"/>. <see cref="Rename"/> is applied to the second input first; <see cref="Columns"/> uses the new names.</summary>
public sealed record JoinOptions
{
    /// <summary>The condition.</summary>
    [Option("SQL condition over the two stages' ids.", Example = "orders.customer_id = customers.id", Sql = true)]
    public string? On { get; init; }

    /// <summary>Shared columns.</summary>
    [Option("Columns of both that must be equal.", Example = "[customer_id]", Identifier = true)]
    public IReadOnlyList<string>? Using { get; init; }

    /// <summary>What to bring.</summary>
    [Option("Columns of the second input to bring, by their names after rename.", Example = "[customer_name, country]", Identifier = true)]
    public required IReadOnlyList<string> Columns { get; init; }

    /// <summary>New names.</summary>
    [Option("New name to old name, of the second input.", Example = "{ customer_name: name }", Identifier = true)]
    public IReadOnlyDictionary<string, string>? Rename { get; init; }

    /// <summary>What becomes of a row without a match.</summary>
    [Option("A row of the first input that matches nothing: keep it with NULLs, refuse it, or fail the run.")]
    public required JoinNoMatch OnNoMatch { get; init; }

    /// <summary>What to do with several matches.</summary>
    [Option("A row that matches several: fail the run, take the first (the least by all columns), or make a row for each.")]
    public SeveralMatches OnSeveral { get; init; } = SeveralMatches.Fail;
}

/// <summary>What becomes of a row that matches nothing.</summary>
public enum JoinNoMatch
{
    /// <summary>It goes on, with NULL in what would have been brought.</summary>
    Keep,

    /// <summary>It is kept as a dead letter.</summary>
    DeadLetter,

    /// <summary>It is left out, and counted.</summary>
    Exclude,

    /// <summary>The run publishes nothing.</summary>
    Fail,
}

/// <summary>Rules of <see cref="JoinOptions"/>.</summary>
public sealed class JoinRules : OptionsRules<JoinOptions>
{
    /// <summary>One way to match.</summary>
    public JoinRules()
    {
        RuleFor(o => o.On).Must((o, on) => on is not null || o.Using is { Count: > 0 }).WithMessage("is missing: give on or using.");
        RuleFor(o => o.Using).Must((o, shared) => shared is null || o.On is null).WithMessage("excludes on: give one of them.");
    }
}
