using Etl.Runtime.Diagnostics;
using Etl.Runtime.Options;
using Etl.Runtime.Yaml;

namespace Etl.Runtime.Definition;

/// <summary>Reads the properties of a mapping whose shape the framework owns, with the same errors as options have.</summary>
internal sealed class MapFields(YamlMap map, string path, DiagnosticBag bag)
{
    /// <summary>Where the mapping starts.</summary>
    public SourceSpan Span => map.Span;

    /// <summary>Reports keys that are none of these.</summary>
    public MapFields Only(params string[] known)
    {
        UnknownKeys.Report(map, known, "property", bag);
        return this;
    }

    /// <summary>Where the value of a property is; the mapping's start when it is absent.</summary>
    public SourceSpan SpanOf(string key) => map[key]?.Span ?? map.Span;

    /// <summary>A text; null when it is absent or was reported.</summary>
    public string? Text(string key) => Scalar(key)?.Value;

    /// <summary>A text that must be there; null when it was reported.</summary>
    public string? RequiredText(string key, string hint, SourceSpan? where = null)
    {
        Require(key, hint, where);
        return Text(key);
    }

    /// <summary>Reports a property that is absent.</summary>
    public void Require(string key, string hint, SourceSpan? where = null)
    {
        if (map.Find(key) is null)
        {
            bag.AddError(where ?? map.Span, "ETL2005", $"the property '{Name(key)}' is required", hint);
        }
    }

    /// <summary>A single value; null when it is absent or was reported.</summary>
    public YamlScalar? Scalar(string key) => Value<YamlScalar>(key, "a text");

    /// <summary>A mapping; null when it is absent or was reported.</summary>
    public YamlMap? Map(string key) => Value<YamlMap>(key, "a mapping");

    /// <summary>A list; null when it is absent or was reported.</summary>
    public YamlList? List(string key) => Value<YamlList>(key, "a list");

    /// <summary><c>true</c> or <c>false</c>; false when it is absent.</summary>
    public bool Flag(string key)
    {
        var scalar = Scalar(key);
        if (scalar is not null && (scalar.IsQuoted || scalar.Value is not ("true" or "false")))
        {
            bag.AddError(scalar.Span, "ETL2002", $"'{Name(key)}' is '{scalar.Written}'; it must be true or false");
        }

        return scalar?.Value == "true";
    }

    /// <summary>The name of a property as a person finds it.</summary>
    public string Name(string key) => path.Length == 0 ? key : $"{path}.{key}";

    private T? Value<T>(string key, string expected) where T : YamlNode
    {
        switch (map.Find(key))
        {
            case null:
                return null;
            case { Value: YamlScalar { IsEmpty: true } } empty:
                bag.AddError(empty.KeySpan, "ETL2006", $"'{Name(key)}' has no value", $"Remove it, or write {expected}.");
                return null;
            case { Value: T value }:
                return value;
            case var entry:
                bag.AddError(entry.Value.Span, "ETL2002", $"'{Name(key)}' must be {expected}, and this is {entry.Value.Kind}");
                return null;
        }
    }
}
