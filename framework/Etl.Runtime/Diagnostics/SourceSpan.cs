namespace Etl.Runtime.Diagnostics;

/// <summary>A position in a file: what an editor shows for it.</summary>
/// <param name="File">The path as the user gave it, or absolute for files that were found from it.</param>
/// <param name="Line">1-based.</param>
/// <param name="Column">1-based, in UTF-16 code units.</param>
public readonly record struct SourceSpan(string File, int Line, int Column)
{
    /// <summary>The start of a file.</summary>
    public static SourceSpan Start(string file) => new(file, 1, 1);

    /// <summary><c>file:line:column</c>, which terminals and editors make a link of.</summary>
    public override string ToString() => $"{File}:{Line}:{Column}";
}
