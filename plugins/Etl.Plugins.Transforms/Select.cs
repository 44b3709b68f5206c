using Apache.Arrow;
using Etl.Contracts;
using FluentValidation;

namespace Etl.Plugins.Transforms;

/// <summary>Keeps, drops, renames and reorders columns; no value changes.</summary>
[Transformer("select", "Keeps, drops, renames and reorders columns.")]
public sealed class Select(SelectOptions options) : IRelationalTransformer
{
    /// <inheritdoc/>
    public RelationalStep Describe(IReadOnlyList<RelationalInput> inputs)
    {
        var input = InputShape.One(inputs, "select").Schema;
        var renamed = ColumnRenaming.Apply(InputShape.DataColumns(input), options.Rename, "rename");
        var names = new RowSchema(new Schema(renamed.Select(c => new Field(c.Name, c.Source.DataType, c.Source.IsNullable)), null));

        InputShape.RequireDistinct(names, options.Columns ?? options.Drop ?? [], options.Columns is null ? "drop" : "columns");
        IReadOnlyList<RenamedColumn> kept = options switch
        {
            { Columns: { } columns } => [.. columns.Select(c => renamed[names.Index(c)])],
            { Drop: { } drop } => [.. renamed.Where(c => !drop.Contains(c.Name, StringComparer.OrdinalIgnoreCase))],
            _ => renamed,
        };
        if (kept.Count == 0)
        {
            throw new EtlException("ETL3110", "no column is left", "Keep at least one.") { OptionPath = options.Columns is null ? "drop" : "columns" };
        }

        // The engine follows a key by name; here it is known through the renaming.
        var key = input.Key.Select(k => kept.FirstOrDefault(c => InputShape.SameName(c.Source.Name, k))?.Name).ToList();
        return new RowLocalStep([], [.. kept.Select(c => new ColumnExpression(c.Name, SqlText.Quote(c.Source.Name), c.Source.IsNullable))])
        {
            Key = key.Contains(null) ? [] : [.. key.OfType<string>()],
        };
    }
}

/// <summary>Options of <see cref="Select"/>. <see cref="Rename"/> is applied first; the others use the new names.</summary>
public sealed record SelectOptions
{
    /// <summary>What to keep.</summary>
    [Option("Columns to keep, in this order, by their names after rename. All when absent.", Example = "[order_id, total]", Identifier = true)]
    public IReadOnlyList<string>? Columns { get; init; }

    /// <summary>New names.</summary>
    [Option("New name to old name.", Example = "{ total: amount }", Identifier = true)]
    public IReadOnlyDictionary<string, string>? Rename { get; init; }

    /// <summary>What to leave out.</summary>
    [Option("Columns to leave out, by their names after rename.", Example = "[internal_note]", Identifier = true)]
    public IReadOnlyList<string>? Drop { get; init; }
}

/// <summary>Rules of <see cref="SelectOptions"/>.</summary>
public sealed class SelectRules : OptionsRules<SelectOptions>
{
    /// <summary>Keeping and dropping exclude each other, and something must be asked for.</summary>
    public SelectRules()
    {
        RuleFor(o => o.Drop).Must((o, drop) => drop is null || o.Columns is null).WithMessage("excludes columns: name what to keep or what to drop.");
        RuleFor(o => o.Columns).Must((o, columns) => columns is not null || o.Rename is not null || o.Drop is not null)
            .WithMessage("is missing: give columns, rename or drop.");
    }
}
