using System.Text.RegularExpressions;
using Apache.Arrow;
using Apache.Arrow.Types;
using Etl.Contracts;
using FluentValidation;

namespace Etl.Plugins.Transforms;

/// <summary>Changes the types of columns. A value that its new type cannot hold is refused by the rule <c>cast_COLUMN</c>, never silently lost.</summary>
[Transformer("cast", "Changes the types of columns; a value that does not convert is refused.")]
public sealed partial class Cast(CastOptions options) : IRelationalTransformer
{
    /// <inheritdoc/>
    public RelationalStep Describe(IReadOnlyList<RelationalInput> inputs)
    {
        var input = InputShape.One(inputs, "cast").Schema;
        var casts = new Dictionary<string, ColumnExpression>(StringComparer.OrdinalIgnoreCase);
        var refusals = new List<Refusal>();
        foreach (var (column, type) in options.Columns)
        {
            var path = $"columns.{column}";
            var field = input.Require(column, path);
            if (!TypeName().IsMatch(type))
            {
                throw new EtlException("ETL3109", $"'{type}' is not the name of a type", "Write one such as bigint, decimal(12,2), date, timestamp or timestamptz.") { OptionPath = path };
            }

            var (cast, refusal) = OneColumn(field, type, path);
            if (!casts.TryAdd(field.Name, cast))
            {
                throw InputShape.Twice(column, path);
            }

            refusals.AddRange(refusal is null ? [] : [refusal]);
        }

        var key = input.Key.All(k => !casts.ContainsKey(k) || StaysUnique(input.Require(k), TypeOf(k))) ? input.Key : [];
        return new RowLocalStep(refusals, [.. InputShape.DataColumns(input).Select(f =>
            casts.GetValueOrDefault(f.Name) ?? new ColumnExpression(f.Name, SqlText.Quote(f.Name), f.IsNullable))]) { Key = key };
    }

    private (ColumnExpression Cast, Refusal? Refusal) OneColumn(Field field, string type, string path)
    {
        var value = SqlText.Quote(field.Name);
        var head = $"TRY_CAST({value} AS ";
        var cast = $"{head}{type})";
        var rounds = options.AllowRounding ? null : Rounding.Condition(field.DataType, type, value, cast);
        if (options.OnFail == CastFailure.Null)
        {
            var before = rounds is null ? "" : $"CASE WHEN {rounds} THEN NULL ELSE ";
            return (new ColumnExpression(field.Name, new Sql($"{before}{cast}{(rounds is null ? "" : " END")}", path, before.Length + head.Length), true), null);
        }

        var given = $"{value} IS NOT NULL AND (";
        var when = new Sql($"{given}{cast} IS NULL{(rounds is null ? "" : $" OR {rounds}")})", path, given.Length + head.Length);
        return (
            new ColumnExpression(field.Name, new Sql(cast, path, head.Length), field.IsNullable),
            new Refusal($"cast_{field.Name}", Action(options.OnFail), when, $"{field.Name} is not {(rounds is null ? "" : "exactly ")}a {type}"));
    }

    // Whole numbers stay apart in any of the wider types (TRY_CAST refuses what does not fit) and as text; '1' and '01' do not.
    private bool StaysUnique(Field field, string type) =>
        options.OnFail != CastFailure.Null && field.DataType is IntegerType && WholeOrText().IsMatch(type.Trim());

    internal static RefusalAction Action(CastFailure failure) => failure switch
    {
        CastFailure.Exclude => RefusalAction.Exclude,
        CastFailure.Fail => RefusalAction.Fail,
        _ => RefusalAction.DeadLetter,
    };

    private string TypeOf(string column) => options.Columns.First(c => InputShape.SameName(c.Key, column)).Value;

    // An allow-list: the name goes into SQL as it is.
    [GeneratedRegex(@"^[A-Za-z][A-Za-z0-9_]*( [A-Za-z]+)*( ?\( ?[0-9]{1,2}( ?, ?[0-9]{1,2})? ?\))?\z")]
    private static partial Regex TypeName();

    [GeneratedRegex(@"^((tiny|small|big|huge)?int|integer|int[248]|varchar|text|string)\z", RegexOptions.IgnoreCase)]
    private static partial Regex WholeOrText();
}

/// <summary>Options of <see cref="Cast"/>.</summary>
public sealed record CastOptions
{
    /// <summary>New types.</summary>
    [Option("Column to its new type, in DuckDB's names.", Example = "{ amount: \"decimal(12,2)\", created_on: date }")]
    public required IReadOnlyDictionary<string, string> Columns { get; init; }

    /// <summary>Rounding.</summary>
    [Option("Accept values that are rounded to fit a whole number or a decimal's scale; otherwise they count as not convertible.")]
    public bool AllowRounding { get; init; }

    /// <summary>What becomes of a row.</summary>
    [Option("What becomes of a row with a value that does not convert; null keeps the row, with NULL in place of the value.")]
    public CastFailure OnFail { get; init; } = CastFailure.DeadLetter;
}

/// <summary>What becomes of a value that does not convert.</summary>
public enum CastFailure
{
    /// <summary>The row is kept as a dead letter.</summary>
    DeadLetter,

    /// <summary>The row is left out, and counted.</summary>
    Exclude,

    /// <summary>The run publishes nothing.</summary>
    Fail,

    /// <summary>The value becomes NULL.</summary>
    Null,
}

/// <summary>Rules of <see cref="CastOptions"/>.</summary>
public sealed class CastRules : OptionsRules<CastOptions>
{
    /// <summary>Something must be cast.</summary>
    public CastRules() => RuleFor(o => o.Columns).NotEmpty().WithMessage("is empty: name at least one column.");
}
