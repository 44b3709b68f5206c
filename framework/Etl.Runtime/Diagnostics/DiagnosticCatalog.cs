using System.Collections.Frozen;
using System.Reflection;

namespace Etl.Runtime.Diagnostics;

/// <summary>What <c>etl explain</c> prints for a code.</summary>
/// <param name="Code"><c>ETLnnnn</c>.</param>
/// <param name="Title">A line.</param>
/// <param name="Text">Markdown: why it is refused, and an example of what to write.</param>
/// <param name="IsWarning">The compiler warns of it, and <c>checks</c> of <c>etl.yaml</c> can make an error of it or silence it.</param>
public sealed record DiagnosticPage(string Code, string Title, string Text, bool IsWarning = false);

/// <summary>
/// The pages of all codes. They are written in <c>Diagnostics/pages/*.md</c>, embedded in the assembly: each page starts with a
/// heading <c>## ETLnnnn Title</c> and goes on to the next; <c>[warning]</c> ends the title of what the compiler warns of. A plugin embeds its own the same way.
/// </summary>
public static class DiagnosticCatalog
{
    private const string Heading = "## ETL";
    private const string Warning = " [warning]";

    /// <summary>The runtime's pages, by code.</summary>
    public static IReadOnlyDictionary<string, DiagnosticPage> Pages { get; } =
        Load(typeof(DiagnosticCatalog).Assembly).ToFrozenDictionary(p => p.Code, StringComparer.Ordinal);

    /// <summary>Codes whose severity a project can set, in order.</summary>
    public static IReadOnlyList<string> Warnings { get; } = [.. Pages.Values.Where(p => p.IsWarning).Select(p => p.Code).Order(StringComparer.Ordinal)];

    /// <summary>The page of a code, in any case; null when there is none.</summary>
    public static DiagnosticPage? Find(string code) => Pages.GetValueOrDefault(code.ToUpperInvariant());

    /// <summary>The pages that an assembly embeds, ordered by code.</summary>
    public static IReadOnlyList<DiagnosticPage> Load(Assembly assembly)
    {
        var pages = new List<DiagnosticPage>();
        foreach (var name in assembly.GetManifestResourceNames().Where(n => n.Contains(".Diagnostics.pages.", StringComparison.Ordinal)))
        {
            using var reader = new StreamReader(assembly.GetManifestResourceStream(name)!);
            pages.AddRange(Parse(reader.ReadToEnd()));
        }

        return [.. pages.OrderBy(p => p.Code, StringComparer.Ordinal)];
    }

    private static IEnumerable<DiagnosticPage> Parse(string markdown) =>
        from page in ("\n" + markdown.ReplaceLineEndings("\n")).Split("\n" + Heading).Skip(1)
        let lines = page.Split('\n', 2)
        let heading = lines[0].Split(' ', 2)
        let isWarning = heading[1].TrimEnd().EndsWith(Warning, StringComparison.Ordinal)
        select new DiagnosticPage(
            $"ETL{heading[0]}", heading[1].Replace(Warning, "", StringComparison.Ordinal).Trim(),
            isWarning ? $"{lines[1].Trim()}\n\nA warning: `checks: {{ ETL{heading[0]}: error }}` in etl.yaml makes an error of it, and `off` silences it." : lines[1].Trim(), isWarning);
}
