using System.Text;

namespace Etl.Runtime.Compilation.Lineage;

/// <summary>A name as the label of a box or of an arrow in a Mermaid chart, whatever characters it has.</summary>
internal static class MermaidLabel
{
    /// <summary>In quotes; lines of their own for each text.</summary>
    public static string Of(params IEnumerable<string> lines) => $"\"{string.Join("<br/>", lines.Select(Escaped))}\"";

    // Mermaid's own way to write a character, #35;. It reads HTML and Markdown in labels, takes %% for a comment wherever it stands, and takes the semicolon off
    // what looks like a colour: "style: #35;".
    private static string Escaped(string text)
    {
        var escaped = new StringBuilder();
        var isStyle = text.Contains("style", StringComparison.OrdinalIgnoreCase) || text.Contains("classDef", StringComparison.OrdinalIgnoreCase);
        foreach (var rune in text.EnumerateRunes())
        {
            _ = rune.Value switch
            {
                < ' ' or 0x7F or 0x85 or 0x2028 or 0x2029 => escaped.Append(' '),
                '"' or '#' or '<' or '>' or '&' or '`' or '%' or '\\' or '*' or '~' => escaped.Append('#').Append(rune.Value).Append(';'),
                ':' when isStyle => escaped.Append("#58;"),
                _ => escaped.Append(rune.ToString()),
            };
        }

        return escaped.ToString();
    }
}
