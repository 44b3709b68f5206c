namespace Etl.Testing;

/// <summary>Something that a plugin does not keep of the contract, or that its users would miss.</summary>
/// <param name="Subject">What it is about: a component such as <c>loader table (duckdb)</c>, an option such as <c>Acme.Texts.InitialsOptions.column</c>, or a class.</param>
/// <param name="Problem">What is wrong and what it should be: the end of a sentence about the subject.</param>
public sealed record Finding(string Subject, string Problem)
{
    /// <summary>A line for a test's message.</summary>
    public override string ToString() => $"{Subject} {Problem}";
}
