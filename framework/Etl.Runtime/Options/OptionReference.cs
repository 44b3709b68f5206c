using System.Text;

namespace Etl.Runtime.Options;

/// <summary>Options as a table for people, in Markdown.</summary>
public static class OptionReference
{
    /// <summary>The table; options of records follow theirs, under their path. An empty text when there are no options.</summary>
    public static string Render(OptionSet options)
    {
        if (options.Options.Count == 0)
        {
            return "";
        }

        var text = new StringBuilder("| option | type | default | description |\n| --- | --- | --- | --- |\n");
        Rows(text, options, "");
        return text.ToString();
    }

    private static void Rows(StringBuilder text, OptionSet options, string path)
    {
        foreach (var option in options.Options)
        {
            var description = option.Attribute.Description;
            if (option.Attribute.Secret)
            {
                description += " Secret: a `${NAME}` or `${file:PATH}` reference.";
            }

            if (option.Attribute.Example is { } example)
            {
                description += $" Example: `{example}`.";
            }

            var standard = option.Required ? "required" : option.DefaultText is { } value ? $"`{value}`" : "";
            text.Append("| `").Append(path).Append(option.Name).Append("` | ").Append(Cell(TypeOf(option))).Append(" | ")
                .Append(Cell(standard)).Append(" | ").Append(Cell(description)).Append(" |\n");

            var (nested, suffix) = Nested(option.Type);
            if (nested is not null)
            {
                Rows(text, nested, $"{path}{option.Name}{suffix}.");
            }
        }
    }

    private static (OptionSet? Options, string Suffix) Nested(OptionType type) => type.Kind switch
    {
        OptionKind.Record => (type.Record, ""),
        OptionKind.List when Nested(type.Element!) is ({ } options, var suffix) => (options, $"[]{suffix}"),
        OptionKind.Map when Nested(type.Element!) is ({ } options, var suffix) => (options, $".NAME{suffix}"),
        _ => (null, ""),
    };

    private static string TypeOf(OptionDescription option)
    {
        var type = option.Type.Display;
        return (double.IsNaN(option.Attribute.Min), double.IsNaN(option.Attribute.Max), option.Type.Kind) switch
        {
            (false, false, OptionKind.Integer or OptionKind.Number) => FormattableString.Invariant($"{type}, {option.Attribute.Min} to {option.Attribute.Max}"),
            (false, true, OptionKind.Integer or OptionKind.Number) => FormattableString.Invariant($"{type}, {option.Attribute.Min} or more"),
            (true, false, OptionKind.Integer or OptionKind.Number) => FormattableString.Invariant($"{type}, {option.Attribute.Max} or less"),
            _ => type,
        };
    }

    private static string Cell(string text) => text.Replace("|", "\\|", StringComparison.Ordinal).ReplaceLineEndings(" ");
}
