using System.Text;
using Etl.Runtime.Definition;

namespace Etl.Runtime.Profiling;

/// <summary>A <c>check</c> stage for what was profiled.</summary>
public static class ProposedChecks
{
    /// <summary>The YAML of the stage, to be put under <c>stages:</c>. ETL6024: there were no rows.</summary>
    public static string Write(SourceProfile profile)
    {
        var rules = ProposedRules.Of(profile);
        var text = new StringBuilder();
        foreach (var line in rules.Remarks())
        {
            text.Append(line).Append('\n');
        }

        text.Append("- id: checked\n  transform: check\n  from: ").Append(ContractWriter.Scalar(profile.Name)).Append("\n  with:\n    rules:\n");
        foreach (var rule in Rules(rules))
        {
            text.Append("      - { ").Append(rule).Append(" }\n");
        }

        return text.ToString();
    }

    // NULL is for not_null to judge, and passes the others.
    private static IEnumerable<string> Rules(ProposedRules rules)
    {
        if (rules.NotNull.Count > 0)
        {
            yield return $"not_null: {List(rules.NotNull)}";
        }

        foreach (var key in rules.Unique)
        {
            yield return $"unique: {List(key)}";
        }

        foreach (var (column, values) in rules.Accepted)
        {
            yield return $"accepted: {{ {ContractWriter.Scalar(column)}: {List(values)} }}, null: pass";
        }

        foreach (var (column, pattern) in rules.Matches)
        {
            yield return $"matches: {{ {ContractWriter.Scalar(column)}: {ContractWriter.Scalar(pattern)} }}, null: pass";
        }

        foreach (var (column, range) in rules.Ranges)
        {
            var limits = ((string?[])[range.Min is null ? null : $"min: {Quoted(range.Min)}", range.Max is null ? null : $"max: {Quoted(range.Max)}"]).OfType<string>();
            yield return $"range: {{ {ContractWriter.Scalar(column)}: {{ {string.Join(", ", limits)} }} }}, null: pass";
        }
    }

    private static string List(IEnumerable<string> values) => $"[{string.Join(", ", values.Select(ContractWriter.Scalar))}]";

    // A number says itself; a time has colons.
    private static string Quoted(string limit) => limit.Contains('-', StringComparison.Ordinal) && !limit.StartsWith('-') ? $"\"{limit}\"" : limit;
}
