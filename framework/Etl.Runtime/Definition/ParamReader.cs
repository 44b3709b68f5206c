using System.Globalization;
using Etl.Runtime.Diagnostics;
using Etl.Runtime.Yaml;

namespace Etl.Runtime.Definition;

/// <summary>Reads <c>params:</c> and finds each one's value for a run.</summary>
internal static class ParamReader
{
    private static readonly string[] Types = ["string", "bool", "integer", "decimal", "date", "timestamp"];

    /// <summary>Declared parameters, in order.</summary>
    public static OrderedDictionary<string, ParamDefinition> Read(YamlMap? block, DiagnosticBag bag)
    {
        var read = new OrderedDictionary<string, ParamDefinition>(StringComparer.Ordinal);
        foreach (var entry in block?.Entries ?? [])
        {
            if (!Interpolation.IsVariableName(entry.Key) || entry.Key.StartsWith("run_", StringComparison.Ordinal))
            {
                bag.AddError(entry.KeySpan, "ETL1045", $"'{entry.Key}' cannot be the name of a parameter", "Use letters, digits and _; names that start with run_ are the run's own.");
                continue;
            }

            if (entry.Value is not YamlMap map)
            {
                bag.AddError(entry.Value.Span, "ETL2002", $"'params.{entry.Key}' must be a mapping, and this is {entry.Value.Kind}", $"Write {entry.Key}: {{ type: decimal, default: 0.21 }}.");
                continue;
            }

            if (Definition(entry, map, bag) is { } param)
            {
                read.Add(entry.Key, param);
            }
        }

        return read;
    }

    /// <summary>The value of each parameter: of the run, else its default. Problems with the run's are reported at the declaration.</summary>
    public static OrderedDictionary<string, object> Resolve(string file, IReadOnlyDictionary<string, ParamDefinition> declared, RunContext run, DiagnosticBag bag)
    {
        var values = new OrderedDictionary<string, object>(StringComparer.Ordinal);
        foreach (var (name, param) in declared)
        {
            if (run.Params.TryGetValue(name, out var text))
            {
                if (Parse(text, param.Type) is { } value)
                {
                    values.Add(name, value);
                    continue;
                }

                bag.AddError(param.Span, "ETL1046", $"the parameter {name} is '{text}'; it must be {Noun(param.Type)}", $"Give it with --param {name}=VALUE.");
            }
            else if (param.Default is { } standard)
            {
                values.Add(name, standard);
            }
            else
            {
                bag.AddError(param.Span, "ETL1048", $"the parameter {name} has no default and no value was given", $"Run with --param {name}=VALUE.");
            }
        }

        foreach (var name in run.Params.Keys.Where(n => !declared.ContainsKey(n)))
        {
            var known = declared.Count == 0 ? "The pipeline has none." : $"{Suggest.Sentence(name, declared.Keys)}Parameters are: {string.Join(", ", declared.Keys)}.";
            bag.AddError(SourceSpan.Start(file), "ETL1047", $"the pipeline has no parameter '{name}'", known);
        }

        return values;
    }

    private static ParamDefinition? Definition(YamlEntry entry, YamlMap map, DiagnosticBag bag)
    {
        var fields = new MapFields(map, $"params.{entry.Key}", bag).Only("type", "default", "description");
        var type = fields.RequiredText("type", $"One of: {string.Join(", ", Types)}.", entry.KeySpan);
        if (type is null)
        {
            return null;
        }

        var index = Array.IndexOf(Types, type);
        if (index < 0)
        {
            bag.AddError(fields.SpanOf("type"), "ETL2003", $"'params.{entry.Key}.type' is '{type}'; it must be one of: {string.Join(", ", Types)}");
            return null;
        }

        object? standard = null;
        if (fields.Scalar("default") is { } scalar)
        {
            standard = Parse(scalar.Value, (ParamType)index);
            if (standard is null)
            {
                bag.AddError(scalar.Span, "ETL1046", $"'params.{entry.Key}.default' is '{scalar.Written}'; it must be {Noun((ParamType)index)}");
            }
        }

        return new ParamDefinition(entry.Key, (ParamType)index, standard, fields.Text("description"), entry.KeySpan);
    }

    /// <summary>The value that a text stands for; null when it is none of the type.</summary>
    public static object? Parse(string text, ParamType type)
    {
        var culture = CultureInfo.InvariantCulture;
        return type switch
        {
            ParamType.String => text,
            ParamType.Bool => text switch { "true" => true, "false" => false, _ => null },
            ParamType.Integer => long.TryParse(text, NumberStyles.AllowLeadingSign, culture, out var n) ? n : null,
            ParamType.Decimal => text.Count(char.IsAsciiDigit) <= 28 && decimal.TryParse(text, NumberStyles.AllowLeadingSign | NumberStyles.AllowDecimalPoint, culture, out var d) ? d : null,
            ParamType.Date => DateOnly.TryParseExact(text, "yyyy-MM-dd", culture, DateTimeStyles.None, out var date) ? date : null,
            _ => Timestamp(text),
        };
    }

    private static DateTimeOffset? Timestamp(string text)
    {
        string[] formats = ["yyyy-MM-dd'T'HH:mm:ss.FFFFFFK", "yyyy-MM-dd HH:mm:ss.FFFFFFK", "yyyy-MM-dd'T'HH:mmK"];
        var zoned = text.EndsWith('Z') || (text.Length > 6 && text[^6] is '+' or '-' && text[^3] == ':');
        return zoned && DateTimeOffset.TryParseExact(text, formats, CultureInfo.InvariantCulture, DateTimeStyles.None, out var time) ? time.ToUniversalTime() : null;
    }

    /// <summary>What a value of the type is called.</summary>
    public static string Noun(ParamType type) => type switch
    {
        ParamType.String => "a text",
        ParamType.Bool => "true or false",
        ParamType.Integer => "a whole number of 64 bits",
        ParamType.Decimal => "a number of at most 28 digits",
        ParamType.Date => "a date such as 2026-01-31",
        _ => "a time with a zone, such as 2026-01-31T12:00:00Z",
    };
}
