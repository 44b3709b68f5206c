using System.Text;

namespace Etl.Runtime.Reports;

/// <summary>Columns of text that line up. A column in which no row says anything is left out.</summary>
/// <param name="headers">Heads; one that starts with <c>&gt;</c> is of a column aligned to the right.</param>
public sealed class TextTable(params string[] headers)
{
    private const string Gap = "  ";

    private readonly List<string[]> rows = [];

    /// <summary>Adds a row of as many cells as there are heads; empty text for nothing to say.</summary>
    public void Add(params string[] cells) => rows.Add(cells);

    /// <summary>Appends head and rows, a line each, indented by two.</summary>
    public void AppendTo(StringBuilder text)
    {
        var shown = Enumerable.Range(0, headers.Length).Where(c => rows.Exists(r => r[c].Length > 0)).ToArray();
        AppendLine(text, shown, [.. headers.Select(h => h.TrimStart('>'))]);
        foreach (var row in rows)
        {
            AppendLine(text, shown, row);
        }
    }

    private void AppendLine(StringBuilder text, int[] shown, string[] cells)
    {
        var line = new StringBuilder();
        foreach (var column in shown)
        {
            var width = Math.Max(headers[column].TrimStart('>').Length, rows.Max(r => r[column].Length));
            line.Append(Gap).Append(headers[column].StartsWith('>') ? cells[column].PadLeft(width) : cells[column].PadRight(width));
        }

        text.Append(line.ToString().TrimEnd()).Append('\n');
    }
}
