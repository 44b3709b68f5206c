using Etl.Runtime.Diagnostics;
using Etl.Runtime.Yaml;

namespace Etl.Runtime.Definition;

/// <summary>
/// The keys that the Open Data Contract Standard v3.0 to v3.2 has where a contract says something of its columns. Another one stays in the file and means nothing; it is told,
/// since most of them are misspelt. What begins with <c>x-</c> is the author's own, as is all in <c>customProperties</c>.
/// </summary>
internal static class ContractKeys
{
    private static readonly string[] Everywhere = ["id", "name", "description", "tags", "customProperties", "authoritativeDefinitions", "context"];

    private static readonly string[] Contract =
    [
        .. Everywhere, "apiVersion", "kind", "version", "status", "tenant", "domain", "dataProduct", "servers", "schema", "support", "price", "team", "roles", "slaDefaultElement", "slaProperties", "contractCreatedTs",
    ];

    private static readonly string[] Element = [.. Everywhere, "physicalName", "physicalType", "logicalType", "businessName", "quality", "relationships", "deprecated", "properties"];

    private static readonly string[] Table = [.. Element, "dataGranularityDescription", "measures", "dimensions"];

    private static readonly string[] Column =
    [
        .. Element, "logicalTypeOptions", "required", "unique", "primaryKey", "primaryKeyPosition", "partitioned", "partitionKeyPosition", "classification", "encryptedName", "transformSourceObjects",
        "transformLogic", "transformDescription", "examples", "enum", "criticalDataElement", "items", "map", "measure", "dimension",
    ];

    private static readonly string[] Rule =
    [
        .. Everywhere, "type", "metric", "rule", "arguments", "unit", "query", "engine", "implementation", "dimension", "method", "severity", "businessImpact", "scheduler", "schedule",
        "scheduleCronExpression", "validValues", "missingValues", "pattern", .. Enum.GetValues<QualityOperator>().Select(QualityLimit.Name),
    ];

    /// <summary>ETL1066 for each key of a contract, its table, its columns and their rules that the standard does not have.</summary>
    public static void Report(YamlMap contract, DiagnosticBag bag)
    {
        Report(contract, Contract, "contract", bag);
        foreach (var table in Maps(contract["schema"]))
        {
            Report(table, Table, "table", bag);
            Rules(table, bag);
            foreach (var column in Maps(table["properties"]))
            {
                Report(column, Column, "column", bag);
                Rules(column, bag);
            }
        }
    }

    private static void Rules(YamlMap owner, DiagnosticBag bag)
    {
        foreach (var rule in Maps(owner["quality"]))
        {
            Report(rule, Rule, "rule", bag);
        }
    }

    private static void Report(YamlMap map, string[] known, string what, DiagnosticBag bag)
    {
        foreach (var entry in map.Entries.Where(e => !known.Contains(e.Key) && !e.Key.StartsWith("x-", StringComparison.Ordinal)))
        {
            bag.AddWarning(
                entry.KeySpan, "ETL1066", $"the standard has no key '{entry.Key}' for a {what}, and nothing obeys it",
                $"{Suggest.Sentence(entry.Key, known)}What is your own belongs into customProperties.");
        }
    }

    private static IEnumerable<YamlMap> Maps(YamlNode? node) => (node as YamlList)?.Items.OfType<YamlMap>() ?? [];
}
