using Etl.Contracts;
using FluentValidation;

namespace Etl.Plugins.Transforms;

/// <summary>Computes columns. Each expression sees the input's columns only, never another derived one, so their order says nothing.</summary>
[Transformer("derive", "Computes columns from SQL expressions.")]
public sealed class Derive(DeriveOptions options) : IRelationalTransformer
{
    /// <inheritdoc/>
    public RelationalStep Describe(IReadOnlyList<RelationalInput> inputs)
    {
        var input = InputShape.One(inputs, "derive").Schema;
        var derived = new Dictionary<string, ColumnExpression>(StringComparer.OrdinalIgnoreCase);
        foreach (var (name, expression) in options.Columns)
        {
            var path = $"columns.{name}";
            InputShape.RequireOwnName(name, path);
            if (!derived.TryAdd(name, new ColumnExpression(name, SqlFragment.Expression(expression, path))))
            {
                throw InputShape.Twice(name, path);
            }
        }

        var columns = InputShape.DataColumns(input)
            .Select(f => derived.Remove(f.Name, out var replaced) ? replaced : new ColumnExpression(f.Name, SqlText.Quote(f.Name), f.IsNullable))
            .ToList();
        columns.AddRange(options.Columns.Keys.Where(derived.ContainsKey).Select(name => derived[name]));
        return new RowLocalStep([], columns);
    }
}

/// <summary>Options of <see cref="Derive"/>.</summary>
public sealed record DeriveOptions
{
    /// <summary>The columns.</summary>
    [Option("Name to SQL expression over the input's columns. A column of the same name is replaced in its place; others come last, in this order.",
        Example = "{ gross: \"round(amount * (1 + $vat), 2)\" }", Sql = true)]
    public required IReadOnlyDictionary<string, string> Columns { get; init; }
}

/// <summary>Rules of <see cref="DeriveOptions"/>.</summary>
public sealed class DeriveRules : OptionsRules<DeriveOptions>
{
    /// <summary>Something must be computed.</summary>
    public DeriveRules() => RuleFor(o => o.Columns).NotEmpty().WithMessage("is empty: name at least one column.");
}
