using Etl.Runtime.Definition;
using Etl.Runtime.Diagnostics;

namespace Etl.Runtime.Testing;

/// <summary>How the tests of one file came out.</summary>
/// <param name="File">The pipeline's file.</param>
/// <param name="Pipeline">Its id; null when it does not compile.</param>
/// <param name="Tests">Those that ran, in the file's order.</param>
/// <param name="Problems">Why none could run: the pipeline or its tests are wrong; else none.</param>
public sealed record TestFileResult(string File, string? Pipeline, IReadOnlyList<TestResult> Tests, IReadOnlyList<Diagnostic> Problems);

/// <summary>How a test came out.</summary>
/// <param name="Test">As written.</param>
/// <param name="Elapsed">How long it took.</param>
/// <param name="Differences">Between what it expects and what came of it; none: it passed.</param>
public sealed record TestResult(TestDefinition Test, TimeSpan Elapsed, IReadOnlyList<TestDifference> Differences)
{
    /// <summary>Whether it passed.</summary>
    public bool Passed => Differences.Count == 0;
}

/// <summary>Something that is not as expected.</summary>
/// <param name="Span">Where the expectation is written.</param>
/// <param name="Message">A sentence without its full stop.</param>
public sealed record TestDifference(SourceSpan Span, string Message)
{
    /// <summary><c>file:line:column: message</c>.</summary>
    public override string ToString() => $"{Span}: {Message}";
}
