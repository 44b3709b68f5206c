using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;

namespace Etl.Runtime.Documentation;

/// <summary>Text of a project as Markdown that shows it, in the dialect of GitHub: nothing of it becomes a mark, a link, a tag or a new cell.</summary>
internal static partial class Markdown
{
    // What means something in a line beside a tag.
    private const string CodeMarks = "\\`*_[]<>&|~$!";

    /// <summary>One line of text, for a paragraph or a cell.</summary>
    public static string Text(string text)
    {
        var line = Line(text);
        var escaped = new StringBuilder(line.Length + 8);
        for (var i = 0; i < line.Length; i++)
        {
            if (IsMark(line, i))
            {
                escaped.Append('\\');
            }

            escaped.Append(line[i]);
        }

        return escaped.ToString();
    }

    /// <summary>A name, or a piece of code, within a line.</summary>
    public static string Code(string text)
    {
        var line = Line(text);
        if (line.Length == 0)
        {
            return "";
        }

        // Within backticks a | would end a cell, and no backslash helps in each case.
        if (line.Contains('|', StringComparison.Ordinal))
        {
            return $"<code>{string.Concat(line.Select(c => CodeMarks.Contains(c, StringComparison.Ordinal) ? string.Create(CultureInfo.InvariantCulture, $"&#{(int)c};") : c.ToString()))}</code>";
        }

        var fence = Fence(line, 1);
        var gap = line[0] == '`' || line[^1] == '`' ? " " : "";
        return $"{fence}{gap}{line}{gap}{fence}";
    }

    /// <summary>Names, each as code, with commas between them.</summary>
    public static string Codes(IEnumerable<string> names) => string.Join(", ", names.Select(Code));

    /// <summary>A link to a page or a file; <paramref name="label"/> is Markdown already.</summary>
    public static string Link(string label, string path) =>
        $"[{label}]({string.Join('/', path.Split('/').Select(part => Uri.EscapeDataString(part).Replace("(", "%28", StringComparison.Ordinal).Replace(")", "%29", StringComparison.Ordinal)))})";

    /// <summary>Lines of code, with nothing left at their ends.</summary>
    public static string Block(string language, string text)
    {
        var lines = string.Join('\n', text.ReplaceLineEndings("\n").TrimEnd('\n', ' ').Split('\n').Select(l => Unseen().Replace(l, " ").TrimEnd()));
        var fence = Fence(lines, 3);
        return $"{fence}{language}\n{lines}\n{fence}";
    }

    // Longer than any in the text.
    private static string Fence(string text, int least) => new('`', Math.Max(least, Backticks().Matches(text).Select(m => m.Length).DefaultIfEmpty().Max() + 1));

    // Whether a character could mean something where it stands; names such as order_id stay as they are.
    private static bool IsMark(string line, int i) => line[i] switch
    {
        '\\' or '`' or '*' or '[' or ']' or '<' or '|' or '~' or '$' => true,
        '_' => i == 0 || i == line.Length - 1 || !char.IsLetterOrDigit(line[i - 1]) || !char.IsLetterOrDigit(line[i + 1]),
        '&' => i + 1 < line.Length && (char.IsAsciiLetterOrDigit(line[i + 1]) || line[i + 1] == '#'),
        '!' => i + 1 < line.Length && line[i + 1] == '[',
        '#' or '>' or '+' or '-' => i == 0,
        '.' or ')' => i > 0 && (i + 1 == line.Length || line[i + 1] == ' ') && line.AsSpan(0, i).IndexOfAnyExceptInRange('0', '9') < 0,
        _ => false,
    };

    private static string Line(string text) => Spaces().Replace(Unseen().Replace(text, " "), " ").Trim();

    [GeneratedRegex("[\\p{Cc}\u2028\u2029]")]
    private static partial Regex Unseen();

    [GeneratedRegex(" {2,}")]
    private static partial Regex Spaces();

    [GeneratedRegex("`+")]
    private static partial Regex Backticks();
}
