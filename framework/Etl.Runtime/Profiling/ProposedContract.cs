using Apache.Arrow;
using Apache.Arrow.Types;
using Etl.Contracts;
using Etl.Runtime.Definition;

namespace Etl.Runtime.Profiling;

/// <summary>A contract for what was profiled: its columns and types, and rules as <c>quality</c>, in the words of the Open Data Contract Standard v3.</summary>
public static class ProposedContract
{
    /// <summary>The YAML. ETL6024: there were no rows.</summary>
    /// <param name="profile">Of the source.</param>
    /// <param name="id">The contract's id.</param>
    public static string Write(SourceProfile profile, string id)
    {
        var rules = ProposedRules.Of(profile);
        var key = profile.CandidateKeys.Where(k => k.IsDeclared).SelectMany(k => k.Columns).ToList();
        var table = new TableDescription(
            profile.Name, [.. profile.Columns.Select(c => new ColumnDescription(c.Name, new Field(c.Name, c.Type, !c.IsRequired), c.PhysicalType))], key);
        var ofTable = rules.Unique.Where(k => k.Count > 1)
            .Select(k => $"  - {{ type: library, rule: duplicateCount, arguments: {{ properties: [{string.Join(", ", k.Select(ContractWriter.Scalar))}] }}, mustBe: 0 }}").ToList();
        var head = string.Concat(rules.Remarks().Select(r => r + "\n"));
        return head + ContractWriter.Write(table, id, "1.0.0", ofTable.Count > 0 ? ofTable.Prepend("quality:") : [], name => OfColumn(profile.Columns.First(c => c.Name == name), rules));
    }

    private static IEnumerable<string> OfColumn(ColumnProfile column, ProposedRules rules)
    {
        if (column.Classification is { } classification)
        {
            yield return $"classification: {ContractWriter.Scalar(classification)}";
        }

        var isUnique = rules.Unique.Any(k => k is [var only] && only == column.Name);
        if (isUnique)
        {
            yield return "unique: true";
        }

        var entries = Entries(column, rules, isUnique).Select(e => $"  - {{ {e}, mustBe: 0 }}").ToList();
        foreach (var line in entries.Count > 0 ? entries.Prepend("quality:") : [])
        {
            yield return line;
        }
    }

    private static IEnumerable<string> Entries(ColumnProfile column, ProposedRules rules, bool isUnique)
    {
        if (rules.NotNull.Contains(column.Name))
        {
            yield return "type: library, rule: nullCount";
        }

        if (isUnique)
        {
            yield return "type: library, rule: duplicateCount";
        }

        if (rules.Accepted.TryGetValue(column.Name, out var values))
        {
            yield return $"type: library, rule: invalidValues, validValues: [{string.Join(", ", values.Select(ContractWriter.Scalar))}]";
        }

        if (rules.Matches.TryGetValue(column.Name, out var pattern))
        {
            yield return $"type: library, rule: invalidValues, pattern: {ContractWriter.Scalar(pattern)}";
        }

        // The standard has no metric for a range.
        if (rules.Ranges.TryGetValue(column.Name, out var range))
        {
            yield return $"type: sql, query: {ContractWriter.Scalar($"SELECT count(*) FROM ${{object}} WHERE {Outside(column.Type, range)}")}";
        }
    }

    private static string Outside(IArrowType type, ProposedRange range) => string.Join(" OR ", ((string?[])
    [
        range.Min is null ? null : $"${{property}} < {Literal(type, range.Min)}",
        range.Max is null ? null : $"${{property}} > {Literal(type, range.Max)}",
    ]).OfType<string>());

    private static string Literal(IArrowType type, string value) => type switch
    {
        Date32Type => $"DATE '{value}'",
        TimestampType { Timezone: null } => $"TIMESTAMP '{value}'",
        TimestampType => $"TIMESTAMPTZ '{value}'",
        _ => value,
    };
}
