using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using Etl.Runtime.Diagnostics;
using Etl.Runtime.Yaml;

namespace Etl.Runtime.Definition;

/// <summary>
/// Puts <c>${NAME}</c>, <c>${NAME:-default}</c>, <c>${file:PATH}</c> and <c>{{ }}</c> into the values of a parsed file; <c>$${</c> is a plain <c>${</c>. Keys stay as
/// they are, and what was put in is not looked at again, so that no value can become YAML, a reference or a template.
/// </summary>
/// <param name="variables">What references are looked up in.</param>
/// <param name="files">The folder that <c>${file:}</c> paths start in; null where files are not allowed.</param>
/// <param name="templates">Evaluates templates; null where they are not allowed.</param>
/// <param name="bag">Receives what is wrong. Names are told, values never.</param>
internal sealed partial class Interpolation(EnvironmentVariables variables, string? files, TemplateModel? templates, DiagnosticBag bag)
{
    private const int LargestSecretFile = 64 * 1024;

    // Stand for references while the template is evaluated: noncharacters, which no file can hold.
    private const char Open = '\uFDD0';
    private const char Close = '\uFDD1';

    /// <summary>Whether a text can name a variable.</summary>
    public static bool IsVariableName(ReadOnlySpan<char> name) => VariableName().IsMatch(name);

    /// <summary>The mapping with all values substituted.</summary>
    public YamlMap Apply(YamlMap map) => map with { Entries = [.. map.Entries.Select(e => e with { Value = Apply(e.Value) })] };

    /// <summary>The node with all values substituted.</summary>
    public YamlNode Apply(YamlNode node) => node switch
    {
        YamlMap map => Apply(map),
        YamlList list => list with { Items = [.. list.Items.Select(Apply)] },
        YamlScalar scalar when scalar.Value.Contains("${", StringComparison.Ordinal) || scalar.Value.Contains("{{", StringComparison.Ordinal) => Substitute(scalar),
        _ => node,
    };

    private YamlScalar Substitute(YamlScalar scalar)
    {
        var values = new List<string>();
        var origins = new List<(int Template, int Written)> { (0, 0) };
        var template = new StringBuilder();
        var text = scalar.Value;
        var references = 0;
        var before = bag.ErrorCount;
        for (var i = 0; i < text.Length;)
        {
            if (text.AsSpan(i).StartsWith("$${"))
            {
                values.Add("${");
                i = Placeholder(i, i + 3);
            }
            else if (text.AsSpan(i).StartsWith("${"))
            {
                var end = text.IndexOf('}', i);
                values.Add(end < 0 ? Malformed(scalar, i) : Resolve(text[(i + 2)..end], scalar, i));
                references++;
                i = Placeholder(i, end < 0 ? text.Length : end + 1);
            }
            else
            {
                template.Append(text[i++]);
            }
        }

        var isTemplate = text.Contains("{{", StringComparison.Ordinal);
        var kind = (references > 0 ? Substitution.Reference : 0) | (isTemplate ? Substitution.Template : 0);
        var rendered = isTemplate ? Render(template.ToString(), scalar, origins) : template.ToString();
        kind |= bag.ErrorCount > before ? Substitution.Unresolved : 0;
        return scalar with { Value = Fill(rendered, values), Written = text, Substituted = kind };

        int Placeholder(int from, int to)
        {
            template.Append(CultureInfo.InvariantCulture, $"{Open}{values.Count - 1}{Close}");
            origins.Add((template.Length, to));
            return to;
        }
    }

    private static string Fill(string text, List<string> values) =>
        values.Count == 0 ? text : PlaceholderText().Replace(text, m =>
            int.Parse(m.ValueSpan[1..^1], NumberStyles.None, CultureInfo.InvariantCulture) is var i && i < values.Count ? values[i] : m.Value);

    private string Render(string template, YamlScalar scalar, List<(int Template, int Written)> origins)
    {
        if (templates is null)
        {
            bag.AddError(scalar.SpanAt(scalar.Value.IndexOf("{{", StringComparison.Ordinal)), "ETL1037", "a template {{ }} is not allowed here", "Templates are for the values of stages; here write ${NAME}.");
            return template;
        }

        try
        {
            return templates.Render(template);
        }
        catch (TemplateException e)
        {
            var origin = origins.Last(o => o.Template <= e.Offset);
            bag.AddError(scalar.SpanAt(origin.Written + e.Offset - origin.Template), e.Code, e.Message, e.Hint);
            return template;
        }
    }

    private string Malformed(YamlScalar scalar, int at)
    {
        bag.AddError(scalar.SpanAt(at), "ETL1032", "${ is not closed", "Write ${NAME}, ${NAME:-default} or ${file:PATH}; $${ stands for a plain ${.");
        return "";
    }

    private string Resolve(string reference, YamlScalar scalar, int at)
    {
        var span = scalar.SpanAt(at);
        if (reference.StartsWith("file:", StringComparison.Ordinal))
        {
            return FromFile(reference[5..], span);
        }

        var separator = reference.IndexOf(":-", StringComparison.Ordinal);
        var name = separator < 0 ? reference : reference[..separator];
        if (!IsVariableName(name))
        {
            bag.AddError(span, "ETL1032", $"'{name}' is not the name of a variable", "Write ${NAME}, ${NAME:-default} or ${file:PATH}; $${ stands for a plain ${.");
            return "";
        }

        var value = variables.Find(name);
        if (string.IsNullOrEmpty(value) && separator >= 0)
        {
            return reference[(separator + 2)..];
        }

        if (value is null)
        {
            bag.AddError(span, "ETL1030", $"the variable {name} is not set", $"Set {name} in the environment or in .env, or write ${{{name}:-default}}.");
            return "";
        }

        if (ReferenceText().IsMatch(value))
        {
            bag.AddError(span, "ETL1031", $"the value of {name} contains a reference itself: substitution is done once, not recursively", $"Set {name} to the final value.");
            return "";
        }

        return value;
    }

    private string FromFile(string path, SourceSpan span)
    {
        if (files is null)
        {
            bag.AddError(span, "ETL1035", "${file:} is for connections only", "Put the value into connections.yaml, or pass it as a parameter.");
            return "";
        }

        try
        {
            var file = new FileInfo(Path.Combine(files, path));
            if (file.Exists && file.Length <= LargestSecretFile)
            {
                return File.ReadAllText(file.FullName, new UTF8Encoding(false, throwOnInvalidBytes: true)).TrimEnd('\r', '\n');
            }

            bag.AddError(span, "ETL1035", file.Exists ? $"the file '{path}' is larger than 64 KiB" : $"there is no file '{path}'", $"A relative path starts in {files}.");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException)
        {
            bag.AddError(span, "ETL1035", $"the file '{path}' cannot be read as UTF-8 text", "Check its rights and its content.");
        }

        return "";
    }

    [GeneratedRegex("^[A-Za-z_][A-Za-z0-9_]*$", RegexOptions.CultureInvariant)]
    private static partial Regex VariableName();

    [GeneratedRegex(@"\$\{[A-Za-z_][A-Za-z0-9_]*(:-[^}]*)?\}", RegexOptions.CultureInvariant)]
    private static partial Regex ReferenceText();

    [GeneratedRegex("\uFDD0[0-9]{1,6}\uFDD1", RegexOptions.CultureInvariant)]
    private static partial Regex PlaceholderText();
}
