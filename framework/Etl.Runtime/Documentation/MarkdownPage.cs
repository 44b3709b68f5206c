using System.Text;

namespace Etl.Runtime.Documentation;

/// <summary>A page that is written from top to bottom. What is given to it is Markdown already.</summary>
internal sealed class MarkdownPage
{
    /// <summary>The first line of each page: by it a page is known for one that may be written anew, or removed.</summary>
    public const string Marker = "<!-- Written by `etl docs` from pipelines and contracts. Change those: what is changed here is lost. -->";

    private readonly StringBuilder _text = new(Marker + "\n");

    public MarkdownPage Heading(int level, string title)
    {
        _text.Append('\n').Append('#', level).Append(' ').Append(title).Append('\n');
        return this;
    }

    /// <summary>Nothing for an empty text.</summary>
    public MarkdownPage Paragraph(string? text)
    {
        _text.Append(string.IsNullOrEmpty(text) ? "" : $"\n{text}\n");
        return this;
    }

    /// <summary>An entry for each text; nothing for none.</summary>
    public MarkdownPage List(IEnumerable<string> items) => Paragraph(string.Join('\n', items.Select(i => $"- {i}")));

    /// <summary>A chart of Mermaid's.</summary>
    public MarkdownPage Chart(string mermaid) => Paragraph($"```mermaid\n{mermaid.TrimEnd('\n')}\n```");

    /// <summary>A table; columns in which no row says anything are left out, and nothing is written for no rows.</summary>
    public MarkdownPage Table(IReadOnlyList<string> heads, IReadOnlyList<IReadOnlyList<string>> rows) => Paragraph(Rows(heads, rows));

    /// <summary>What is known in a few words: a name and a text for each, without those that have none.</summary>
    public MarkdownPage Facts(params ReadOnlySpan<(string Name, string? Text)> facts)
    {
        var rows = new List<IReadOnlyList<string>>();
        foreach (var (name, text) in facts)
        {
            if (!string.IsNullOrEmpty(text))
            {
                rows.Add([$"**{name}**", text]);
            }
        }

        return Paragraph(rows.Count == 0 ? "" : $"| | |\n| --- | --- |\n{string.Join('\n', rows.Select(Row))}");
    }

    /// <summary>A table that a reader opens.</summary>
    public MarkdownPage Folded(string summary, IReadOnlyList<string> heads, IReadOnlyList<IReadOnlyList<string>> rows) =>
        Paragraph(rows.Count == 0 ? "" : $"<details><summary>{summary}</summary>\n\n{Rows(heads, rows)}\n\n</details>");

    /// <inheritdoc/>
    public override string ToString() => _text.ToString();

    private static string Rows(IReadOnlyList<string> heads, IReadOnlyList<IReadOnlyList<string>> rows)
    {
        var shown = Enumerable.Range(0, heads.Count).Where(c => rows.Any(r => r[c].Length > 0)).ToList();
        return shown.Count == 0 ? "" : string.Join('\n', [Row(shown.Select(c => heads[c])), Row(shown.Select(_ => "---")), .. rows.Select(r => Row(shown.Select(c => r[c])))]);
    }

    private static string Row(IEnumerable<string> cells) => $"{string.Concat(cells.Select(c => c.Length == 0 ? "| " : $"| {c} "))}|";
}
