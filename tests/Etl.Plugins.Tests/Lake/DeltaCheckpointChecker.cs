using System.Text.Json.Nodes;
using NUnit.Framework;

namespace Etl.Plugins.Tests.Lake;

/// <summary>Reads a checkpoint of a table's log by DuckDB, with no code of the loader, and holds it against the state that the log's entries make.</summary>
internal static class DeltaCheckpointChecker
{
    /// <summary>The checkpoint says what the versions up to it do.</summary>
    public static void Check(
        string log, long version, Dictionary<string, JsonObject> active, Dictionary<string, long> transactions, Dictionary<string, string> domains, JsonObject metadata)
    {
        var (files, epochs, states) = (new Dictionary<string, JsonObject>(), new Dictionary<string, long>(), new Dictionary<string, string>());
        Load(log, version, files, epochs, states, out var table);
        Assert.That(epochs, Is.EquivalentTo(transactions));
        Assert.That(states, Is.EquivalentTo(domains));
        foreach (var member in new[] { "id", "schemaString", "partitionColumns", "format" })
        {
            Assert.That(table[member]!.ToJsonString(), Is.EqualTo(metadata[member]!.ToJsonString()), member);
        }

        Assert.That(files.Keys, Is.EquivalentTo(active.Keys), "the checkpoint names exactly the files that make the table");
        foreach (var (path, add) in files)
        {
            Assert.That(add["dataChange"]!.GetValue<bool>(), Is.False);
            foreach (var member in new[] { "path", "size", "modificationTime", "stats", "partitionValues", "tags" })
            {
                Assert.That(add[member]!.ToJsonString(), Is.EqualTo(active[path][member]!.ToJsonString()), $"{member} of {path}");
            }
        }
    }

    /// <summary>The state that a checkpoint holds.</summary>
    public static void Load(string log, long version, Dictionary<string, JsonObject> active, Dictionary<string, long> transactions, Dictionary<string, string> domains, out JsonObject metadata)
    {
        var file = $"read_parquet('{Path.Combine(log, $"{version:D20}.checkpoint.parquet")}')";
        Assert.That(Duck.Rows($"select count(*) from {file} where (txn is not null)::int + (add is not null)::int + (remove is not null)::int + (metaData is not null)::int + (protocol is not null)::int + (domainMetadata is not null)::int <> 1"), Is.EqualTo(new[] { "0" }), "a row is one action");
        Assert.That(Duck.Rows($"select count(metaData), count(protocol), count(distinct coalesce(add.path, remove.path)) = count(coalesce(add.path, remove.path)), coalesce(bool_or(remove.dataChange), false) from {file}"), Is.EqualTo(new[] { "1|1|True|False" }));
        metadata = Actions(file, "metaData").Single();
        Assert.That(Actions(file, "protocol").Single()["writerFeatures"]!.ToJsonString(), Does.Contain("domainMetadata"), "other writers know that they must keep the state");
        foreach (var add in Actions(file, "add"))
        {
            active.Add(Uri.UnescapeDataString(add["path"]!.GetValue<string>()), add);
        }

        foreach (var transaction in Actions(file, "txn"))
        {
            transactions.Add(transaction["appId"]!.GetValue<string>(), transaction["version"]!.GetValue<long>());
        }

        foreach (var domain in Actions(file, "domainMetadata"))
        {
            domains.Add(domain["domain"]!.GetValue<string>(), domain["configuration"]!.GetValue<string>());
        }
    }

    private static IEnumerable<JsonObject> Actions(string file, string kind) => Duck.Rows($"select to_json({kind})::varchar from {file} where {kind} is not null").Select(j => JsonNode.Parse(j)!.AsObject());
}
