using Apache.Arrow;
using Etl.Runtime.Compilation;
using Etl.Runtime.Definition;
using Etl.Runtime.Diagnostics;
using Etl.Runtime.Reports;

namespace Etl.Runtime.Testing;

/// <summary>A test whose names are stages and columns, and whose values have their types.</summary>
/// <param name="Test">As written.</param>
/// <param name="Existing">Whole rows by load.</param>
/// <param name="Runs">In order.</param>
internal sealed record BoundTest(TestDefinition Test, IReadOnlyDictionary<string, IReadOnlyList<object?[]>> Existing, IReadOnlyList<BoundRun> Runs);

/// <summary>A run of it.</summary>
/// <param name="Run">As written.</param>
/// <param name="Given">Whole rows by extract stage.</param>
/// <param name="Targets">What loads must hold.</param>
/// <param name="Letters">What must be refused; null when it is not looked at.</param>
/// <param name="Rules">How rules must come out.</param>
/// <param name="Status">How it must end; null: well.</param>
internal sealed record BoundRun(
    TestRun Run, IReadOnlyDictionary<string, IReadOnlyList<object?[]>> Given, IReadOnlyList<ExpectedTarget> Targets, IReadOnlyList<ExpectedLetter>? Letters, IReadOnlyList<ExpectedRule> Rules, RunStatus? Status);

/// <summary>All rows that a target must hold.</summary>
/// <param name="Load">The load.</param>
/// <param name="Schema">The target's columns.</param>
/// <param name="Rows">The rows.</param>
/// <param name="Span">Where they are listed.</param>
internal sealed record ExpectedTarget(LoadNode Load, Schema Schema, IReadOnlyList<ExpectedRow> Rows, SourceSpan Span);

/// <summary>A row of which some columns are told.</summary>
/// <param name="Span">Where it is written.</param>
/// <param name="Cells">By the column's index.</param>
internal sealed record ExpectedRow(SourceSpan Span, IReadOnlyList<ExpectedCell> Cells);

/// <summary>A value that is expected.</summary>
/// <param name="Column">Its index.</param>
/// <param name="Value">See <see cref="Cell"/>.</param>
/// <param name="Span">Where it is written.</param>
internal readonly record struct ExpectedCell(int Column, object? Value, SourceSpan Span);

/// <summary>A refused row that is expected.</summary>
/// <param name="Stage">Who refuses it.</param>
/// <param name="Rule">By which rule.</param>
/// <param name="Schema">The row's columns.</param>
/// <param name="Row">What is told of it.</param>
internal sealed record ExpectedLetter(string Stage, string Rule, Schema Schema, ExpectedRow Row);

/// <summary>How a rule must come out.</summary>
/// <param name="Stage">Whose it is.</param>
/// <param name="Rule">Its name.</param>
/// <param name="Rows">How many rows break it; null when a word tells the outcome.</param>
/// <param name="Outcome">The outcome; null when a number tells it.</param>
/// <param name="Span">Where it is written.</param>
internal sealed record ExpectedRule(string Stage, string Rule, long? Rows, RuleOutcome? Outcome, SourceSpan Span);
