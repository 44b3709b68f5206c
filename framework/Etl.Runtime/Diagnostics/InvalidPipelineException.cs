namespace Etl.Runtime.Diagnostics;

/// <summary>A pipeline or a project that does not compile (exit code 2).</summary>
public sealed class InvalidPipelineException(IReadOnlyList<Diagnostic> diagnostics)
    : Exception(string.Join(Environment.NewLine, diagnostics))
{
    /// <summary>All problems, warnings too.</summary>
    public IReadOnlyList<Diagnostic> Diagnostics { get; } = diagnostics;
}
