using Etl.Contracts;

namespace Etl.Runtime.Diagnostics;

/// <summary>Collects all problems of a compilation, so that a person sees them at once. Not for several threads.</summary>
/// <param name="levels">What a project makes of warnings, by code; those that it does not name stay warnings.</param>
public sealed class DiagnosticBag(IReadOnlyDictionary<string, CheckLevel>? levels = null)
{
    private readonly HashSet<Diagnostic> items = [];

    /// <summary>Whether anything stops the run.</summary>
    public bool HasErrors => ErrorCount > 0;

    /// <summary>How many errors there are.</summary>
    public int ErrorCount { get; private set; }

    /// <summary>By file, line, column, then code; the same one twice is listed once.</summary>
    public IReadOnlyList<Diagnostic> Sorted =>
    [
        .. items.OrderBy(d => d.Span.File, StringComparer.Ordinal).ThenBy(d => d.Span.Line).ThenBy(d => d.Span.Column)
            .ThenBy(d => d.Code, StringComparer.Ordinal).ThenBy(d => d.Message, StringComparer.Ordinal),
    ];

    /// <summary>Adds one.</summary>
    public void Add(Diagnostic diagnostic)
    {
        if (items.Add(diagnostic) && diagnostic.Severity == Severity.Error)
        {
            ErrorCount++;
        }
    }

    /// <summary>Adds an error.</summary>
    public void AddError(SourceSpan span, string code, string message, string? hint = null) =>
        Add(new Diagnostic(span, Severity.Error, code, message, hint));

    /// <summary>Adds a warning, or what the project makes of it.</summary>
    public void AddWarning(SourceSpan span, string code, string message, string? hint = null)
    {
        var level = levels?.GetValueOrDefault(code, CheckLevel.Warning) ?? CheckLevel.Warning;
        if (level != CheckLevel.Off)
        {
            Add(new Diagnostic(span, level == CheckLevel.Error ? Severity.Error : Severity.Warning, code, message, hint));
        }
    }

    /// <summary>Adds what a component threw, at a position that the caller found for it.</summary>
    public void AddError(SourceSpan span, EtlException error) => AddError(span, error.Code, error.Message.TrimEnd('.'), error.Hint);
}
