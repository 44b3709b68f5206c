namespace Etl.Runtime.Diagnostics;

/// <summary>Whether a diagnostic stops the run.</summary>
public enum Severity
{
    /// <summary>Nothing runs.</summary>
    Error,

    /// <summary>It is told, and the run goes on.</summary>
    Warning,
}

/// <summary>Something that a person should change in a file.</summary>
/// <param name="Span">Where.</param>
/// <param name="Severity">How bad.</param>
/// <param name="Code"><c>ETLnnnn</c>; <see cref="DiagnosticCatalog"/> has a page for it.</param>
/// <param name="Message">What is wrong and what was expected: a sentence without its full stop.</param>
/// <param name="Hint">What to do: whole sentences.</param>
public sealed record Diagnostic(SourceSpan Span, Severity Severity, string Code, string Message, string? Hint)
{
    /// <summary><c>file:line:column: error ETLnnnn: message. Hint.</c></summary>
    public override string ToString()
    {
        var severity = Severity == Severity.Error ? "error" : "warning";
        return $"{Span}: {severity} {Code}: {Message}.{(Hint is null ? "" : $" {Hint}")}";
    }
}
