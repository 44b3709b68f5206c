using Etl.Contracts;
using FluentValidation;

namespace Etl.Plugins.Transforms;

/// <summary>Options of <see cref="Check"/>.</summary>
public sealed record CheckOptions
{
    /// <summary>The rules.</summary>
    [Option("Rules on rows, each with one of expect, not_null, unique, accepted, range, matches; and on the whole, with row_count, freshness or expect_table. The first rule that refuses a row decides; warnings come last.",
        Example = "[{ name: amount_positive, expect: \"amount > 0\" }]")]
    public required IReadOnlyList<CheckRule> Rules { get; init; }
}

/// <summary>A rule; exactly one of its forms is given.</summary>
public sealed record CheckRule
{
    /// <summary>The name.</summary>
    [Option("Its name in reports, dead letters and --accept. Made from the rule when absent; a form with several columns is then one rule for each.", Example = "amount_positive")]
    public string? Name { get; init; }

    /// <summary>A condition.</summary>
    [Option("SQL condition that a row must fulfil.", Example = "amount > 0", Sql = true)]
    public string? Expect { get; init; }

    /// <summary>Values must be there.</summary>
    [Option("Columns that must have a value.", Example = "[order_id]", Identifier = true)]
    public IReadOnlyList<string>? NotNull { get; init; }

    /// <summary>Values must be unique.</summary>
    [Option("Columns whose values together occur once among the rows of this run; all rows that share them are refused.", Example = "[order_id]", Identifier = true)]
    public IReadOnlyList<string>? Unique { get; init; }

    /// <summary>Allowed values.</summary>
    [Option("Column to the values that it may have.", Example = "{ status: [new, paid, sent] }")]
    public IReadOnlyDictionary<string, IReadOnlyList<string>>? Accepted { get; init; }

    /// <summary>Limits.</summary>
    [Option("Column to its least and greatest value, both allowed.", Example = "{ quantity: { min: 1, max: 1000 } }")]
    public IReadOnlyDictionary<string, RangeLimits>? Range { get; init; }

    /// <summary>Patterns.</summary>
    [Option("Text column to a regular expression (RE2) that is found in it; ^ and $ tie it to the ends.", Example = "{ sku: \"^[A-Z]{3}-[0-9]+$\" }")]
    public IReadOnlyDictionary<string, string>? Matches { get; init; }

    /// <summary>Number of rows.</summary>
    [Option("Least and greatest number of rows that pass this stage, both allowed.", Example = "{ min: 1 }")]
    public RowCountLimits? RowCount { get; init; }

    /// <summary>Age.</summary>
    [Option("The newest value of a time column may be no older than this when the run starts. Not looked at in a run without rows, unless min_rows is 0.", Example = "{ column: created_at, max_age: 2d }")]
    public FreshnessLimit? Freshness { get; init; }

    /// <summary>A condition on the counts.</summary>
    [Option("SQL condition over rows_in, rows_passed, rows_refused and refused_ratio of this stage.", Example = "refused_ratio < 0.02", Sql = true)]
    public string? ExpectTable { get; init; }

    /// <summary>What happens otherwise.</summary>
    [Option("What becomes of a row that does not fulfil the rule; dead_letter when absent. For row_count, freshness and expect_table: warn or fail; fail when absent.")]
    public RefusalAction? OnFail { get; init; }

    /// <summary>What NULL means.</summary>
    [Option("Whether a NULL, in the column or as the condition's result, fails the rule or passes it.")]
    public NullRule Null { get; init; } = NullRule.Fail;

    /// <summary>From how many rows on.</summary>
    [Option("Rules on the whole are not looked at when fewer rows came in. 0 when absent, for freshness 1.", Min = 0)]
    public long? MinRows { get; init; }

    /// <summary>Whether the rule is on the whole and not on each row.</summary>
    internal bool OnWhole => RowCount is not null || Freshness is not null || ExpectTable is not null;

    /// <summary>How many forms are given.</summary>
    internal int Forms => new object?[] { Expect, NotNull, Unique, Accepted, Range, Matches, RowCount, Freshness, ExpectTable }.Count(f => f is not null);
}

/// <summary>What a NULL does to a rule.</summary>
public enum NullRule
{
    /// <summary>It fails.</summary>
    Fail,

    /// <summary>It passes.</summary>
    Pass,
}

/// <summary>Limits of a value, both allowed, in the form of the column's type.</summary>
public sealed record RangeLimits
{
    /// <summary>The least.</summary>
    [Option("The least value.", Example = "0")]
    public string? Min { get; init; }

    /// <summary>The greatest.</summary>
    [Option("The greatest value.", Example = "2030-12-31")]
    public string? Max { get; init; }
}

/// <summary>Limits of a number of rows, both allowed.</summary>
public sealed record RowCountLimits
{
    /// <summary>The least.</summary>
    [Option("The least number.", Min = 0)]
    public long? Min { get; init; }

    /// <summary>The greatest.</summary>
    [Option("The greatest number.", Min = 0)]
    public long? Max { get; init; }
}

/// <summary>How old the newest row may be.</summary>
public sealed record FreshnessLimit
{
    /// <summary>The time.</summary>
    [Option("A date or time column; a time without zone is taken as UTC.", Example = "created_at", Identifier = true)]
    public required string Column { get; init; }

    /// <summary>The age.</summary>
    [Option("The greatest age.", Example = "2d")]
    public required TimeSpan MaxAge { get; init; }
}

/// <summary>Rules of <see cref="CheckOptions"/>.</summary>
public sealed class CheckOptionsRules : OptionsRules<CheckOptions>
{
    /// <summary>Each rule has one form, and the options that go with it.</summary>
    public CheckOptionsRules()
    {
        RuleFor(o => o.Rules).NotEmpty().WithMessage("is empty: give at least one rule.");
        RuleForEach(o => o.Rules).Must(r => r.Forms == 1)
            .WithMessage("must have exactly one of expect, not_null, unique, accepted, range, matches, row_count, freshness, expect_table.");
        RuleForEach(o => o.Rules).ChildRules(rule =>
        {
            // As RuleForValue.
            rule.RuleFor(r => (object?)r.OnFail).Must((r, _) => !r.OnWhole || r.OnFail is null or RefusalAction.Warn or RefusalAction.Fail)
                .WithMessage("must be warn or fail: the rule is on the whole, and there is no row to refuse.");
            rule.RuleFor(r => (object?)r.MinRows).Must((r, _) => r.MinRows is null || (r.OnWhole && r.RowCount is null))
                .WithMessage("is only for freshness and expect_table.");
            rule.RuleFor(r => (object)r.Null).Must((r, _) => r.Null == NullRule.Fail || (!r.OnWhole && r.NotNull is null))
                .WithMessage("is only for expect, unique, accepted, range and matches.");
            rule.RuleFor(r => r.Name).Must(name => name is null || name.Trim().Length > 0).WithMessage("is empty.");
            rule.RuleFor(r => r.NotNull).Must(columns => columns is null or { Count: > 0 }).WithMessage("names no column.");
            rule.RuleFor(r => r.Unique).Must(columns => columns is null or { Count: > 0 }).WithMessage("names no column.");
            rule.RuleFor(r => r.Accepted).Must(a => a is null || (a.Count > 0 && a.Values.All(v => v.Count > 0))).WithMessage("needs a column with at least one value.");
            rule.RuleFor(r => r.Range).Must(a => a is null || (a.Count > 0 && a.Values.All(v => v.Min is not null || v.Max is not null))).WithMessage("needs a column with min or max.");
            rule.RuleFor(r => r.Matches).Must(a => a is null or { Count: > 0 }).WithMessage("names no column.");
            rule.RuleFor(r => r.RowCount).Must(c => c is null || (c.Min ?? c.Max) is not null).WithMessage("needs min or max.");
            rule.RuleFor(r => r.RowCount).Must(c => c is not { Min: { } min, Max: { } max } || min <= max).WithMessage("has a min that is greater than its max.");
            rule.RuleFor(r => r.Freshness).Must(f => f is null || f.MaxAge > TimeSpan.Zero).WithMessage("needs a max_age above zero.");
        });
    }
}
