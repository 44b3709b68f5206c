using System.Globalization;
using System.Text;
using Etl.Runtime.Yaml;

namespace Etl.Runtime.Options;

/// <summary>Paths to options: <c>columns.gross</c>, <c>rules[2].expect</c>, and FluentValidation's <c>Rules[2].Expect</c>.</summary>
internal static class OptionPath
{
    /// <summary>A step: a name, or an index.</summary>
    public readonly record struct Part(string? Name, int Index)
    {
        /// <summary>The node that it leads to; an index into a mapping counts its entries.</summary>
        public YamlNode? Of(YamlNode node) => node switch
        {
            YamlMap map when Name is not null => map[Name],
            YamlMap map when Index < map.Entries.Count => map.Entries[Index].Value,
            YamlList list when Name is null && Index < list.Items.Count => list.Items[Index],
            _ => null,
        };
    }

    /// <summary>The steps of a path.</summary>
    public static IReadOnlyList<Part> Parse(string path)
    {
        var parts = new List<Part>();
        foreach (var piece in path.Split('.', StringSplitOptions.RemoveEmptyEntries))
        {
            var bracket = piece.IndexOf('[', StringComparison.Ordinal);
            if (bracket != 0)
            {
                parts.Add(new Part(bracket < 0 ? piece : piece[..bracket], -1));
            }

            foreach (var index in bracket < 0 ? [] : piece[(bracket + 1)..].TrimEnd(']').Split("]["))
            {
                parts.Add(int.TryParse(index, NumberStyles.None, CultureInfo.InvariantCulture, out var i) ? new Part(null, i) : new Part(index, -1));
            }
        }

        return parts;
    }

    /// <summary>The first name of a path.</summary>
    public static string First(string path) => Parse(path)[0].Name ?? "";

    /// <summary>A path of properties as one of options.</summary>
    public static string FromProperty(string? path)
    {
        var option = new StringBuilder();
        foreach (var part in Parse(path ?? ""))
        {
            if (part.Name is { } name)
            {
                option.Append(option.Length > 0 ? "." : "").Append(OptionText.SnakeCase(name));
            }
            else
            {
                option.Append(CultureInfo.InvariantCulture, $"[{part.Index}]");
            }
        }

        return option.ToString();
    }
}
