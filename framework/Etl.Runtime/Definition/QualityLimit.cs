using System.Globalization;

namespace Etl.Runtime.Definition;

/// <summary>How a contract compares what it measures.</summary>
public enum QualityOperator
{
    /// <summary>Equal.</summary>
    MustBe,

    /// <summary>Not equal.</summary>
    MustNotBe,

    /// <summary>More.</summary>
    MustBeGreaterThan,

    /// <summary>More or equal.</summary>
    MustBeGreaterOrEqualTo,

    /// <summary>Less.</summary>
    MustBeLessThan,

    /// <summary>Less or equal.</summary>
    MustBeLessOrEqualTo,

    /// <summary>From the first to the second, both allowed.</summary>
    MustBeBetween,

    /// <summary>Less than the first or more than the second.</summary>
    MustNotBeBetween,
}

/// <summary>What a measured number must be.</summary>
/// <param name="Operator">How it is compared.</param>
/// <param name="Value">With what; the first of two.</param>
/// <param name="To">The second, for <see cref="QualityOperator.MustBeBetween"/> and <see cref="QualityOperator.MustNotBeBetween"/>.</param>
/// <param name="Percent">Of the rows, and not their number.</param>
public sealed record QualityLimit(QualityOperator Operator, decimal Value, decimal? To = null, bool Percent = false)
{
    /// <summary>Whether no row at all may be counted: then each row can be judged by itself.</summary>
    public bool AllowsNone => this is { Operator: QualityOperator.MustBe or QualityOperator.MustBeLessOrEqualTo, Value: 0 }
        or { Operator: QualityOperator.MustBeLessThan, Value: > 0 and <= 1, Percent: false };

    /// <summary>Whether a number is as it must be.</summary>
    public bool Holds(decimal found) => Operator switch
    {
        QualityOperator.MustBe => found == Value,
        QualityOperator.MustNotBe => found != Value,
        QualityOperator.MustBeGreaterThan => found > Value,
        QualityOperator.MustBeGreaterOrEqualTo => found >= Value,
        QualityOperator.MustBeLessThan => found < Value,
        QualityOperator.MustBeLessOrEqualTo => found <= Value,
        QualityOperator.MustBeBetween => found >= Value && found <= To,
        _ => found < Value || found > To,
    };

    /// <summary>The condition in SQL.</summary>
    public string Sql(string measured) => Operator switch
    {
        QualityOperator.MustBe => $"{measured} = {Number(Value)}",
        QualityOperator.MustNotBe => $"{measured} <> {Number(Value)}",
        QualityOperator.MustBeGreaterThan => $"{measured} > {Number(Value)}",
        QualityOperator.MustBeGreaterOrEqualTo => $"{measured} >= {Number(Value)}",
        QualityOperator.MustBeLessThan => $"{measured} < {Number(Value)}",
        QualityOperator.MustBeLessOrEqualTo => $"{measured} <= {Number(Value)}",
        QualityOperator.MustBeBetween => $"{measured} BETWEEN {Number(Value)} AND {Number(To!.Value)}",
        _ => $"{measured} NOT BETWEEN {Number(Value)} AND {Number(To!.Value)}",
    };

    /// <summary>As the contract has it: <c>mustBeLessThan 1 percent</c>.</summary>
    public override string ToString() => $"{Name(Operator)} {Number(Value)}{(To is { } to ? $" and {Number(to)}" : "")}{(Percent ? " percent" : "")}";

    /// <summary>The operator's key in a contract.</summary>
    internal static string Name(QualityOperator value) => $"m{value.ToString()[1..]}";

    private static string Number(decimal value) => value.ToString("0.############################", CultureInfo.InvariantCulture);
}
