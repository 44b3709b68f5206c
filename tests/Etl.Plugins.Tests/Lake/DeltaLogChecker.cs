using System.Collections.Concurrent;
using System.Globalization;
using System.Security.Cryptography;
using System.Text.Json.Nodes;
using Etl.Contracts;
using NUnit.Framework;

namespace Etl.Plugins.Tests.Lake;

/// <summary>
/// Reads a table's log action by action, as Delta's protocol has it, with no code of the loader, and asserts what must hold at every version.
/// Returns the paths of the files that make the table.
/// </summary>
internal static class DeltaLogChecker
{
    private static readonly string[] KnownActions = ["commitInfo", "protocol", "metaData", "txn", "domainMetadata", "add", "remove"];

    // A name is used once, so a file needs to be looked into once.
    private static readonly ConcurrentDictionary<string, bool> Checked = new();

    public static IReadOnlyList<string> Check(string tableFolder, bool isVacuumed = false)
    {
        var log = Path.Combine(tableFolder, "_delta_log");
        var names = Directory.GetFiles(log).Select(f => Path.GetFileName(f)).Order(StringComparer.Ordinal).ToList();
        var versions = names.Where(n => n.EndsWith(".json", StringComparison.Ordinal)).Select(n => long.Parse(n[..20], CultureInfo.InvariantCulture)).ToList();
        var checkpoints = names.Where(n => n.EndsWith(".checkpoint.parquet", StringComparison.Ordinal)).Select(n => long.Parse(n[..20], CultureInfo.InvariantCulture)).ToList();
        Assert.That(names.Except(versions.Select(v => $"{v:D20}.json")).Except(checkpoints.Select(v => $"{v:D20}.checkpoint.parquet")).Except(["_last_checkpoint"]), Is.Empty, "nothing else lies in the log");
        var first = versions.Count > 0 ? versions[0] : checkpoints[^1] + 1;
        Assert.That(versions, Is.EqualTo(Enumerable.Range(0, versions.Count).Select(v => first + v)), "versions have no gaps");
        var active = new Dictionary<string, JsonObject>();
        var everAdded = new HashSet<string>();
        var transactions = new Dictionary<string, long>();
        var domains = new Dictionary<string, string>();
        JsonObject? metadata = null;
        if (first > 0)
        {
            Assert.That(checkpoints, Does.Contain(first - 1), "where the log was cleaned up a checkpoint stands in");
            DeltaCheckpointChecker.Load(log, first - 1, active, transactions, domains, out metadata);
        }

        foreach (var version in versions)
        {
            var name = $"{version:D20}.json";
            var actions = File.ReadAllLines(Path.Combine(log, name!)).Select(l => JsonNode.Parse(l)!.AsObject().Single()).ToList();
            Assert.That(actions.Select(a => a.Key).Distinct(), Is.SubsetOf(KnownActions));
            foreach (var single in new[] { "commitInfo", "protocol", "metaData" })
            {
                Assert.That(actions.Count(a => a.Key == single), Is.LessThanOrEqualTo(1), $"{single} at most once in a version");
            }

            if (version == 0)
            {
                Assert.That(actions.Select(a => a.Key), Does.Contain("protocol").And.Contain("metaData"));
            }

            CheckCompaction(tableFolder, actions);
            CheckFence(version, actions);
            var touched = new HashSet<string>();
            foreach (var (kind, value) in actions.Select(a => (a.Key, a.Value!.AsObject())).OrderBy(a => a.Key == "metaData" ? 0 : 1))
            {
                switch (kind)
                {
                    case "metaData":
                        Assert.That(value["format"]!["provider"]!.GetValue<string>(), Is.EqualTo("parquet"));
                        Assert.That(metadata is null || value["id"]!.GetValue<string>() == metadata["id"]!.GetValue<string>(), "a table keeps its id");
                        metadata = value;
                        break;
                    case "txn":
                        var (app, number) = (value["appId"]!.GetValue<string>(), value["version"]!.GetValue<long>());
                        Assert.That(number, Is.EqualTo(transactions.GetValueOrDefault(app) + 1), $"epochs of {app} have no gaps");
                        transactions[app] = number;
                        var checkpoint = Checkpoint.Parse(actions.Single(a => a.Key == "commitInfo").Value!["etlCheckpoint"]!.GetValue<string>());
                        Assert.That((checkpoint.Key.ToString(), checkpoint.N), Is.EqualTo((app, number)), "the checkpoint is committed with the data");
                        Assert.That(actions.Count(a => a.Key == "domainMetadata" && a.Value!["domain"]!.GetValue<string>() == $"etl.checkpoint/{app}"), Is.EqualTo(1), "and is the table's state");
                        break;
                    case "domainMetadata":
                        domains[value["domain"]!.GetValue<string>()] = value["configuration"]!.GetValue<string>();
                        break;
                    case "add":
                        var path = Uri.UnescapeDataString(value["path"]!.GetValue<string>());
                        if (!isVacuumed || File.Exists(Path.Combine(tableFolder, path)))
                        {
                            CheckAdd(tableFolder, value, metadata!);
                        }

                        Assert.That(everAdded.Add(path), $"{path} is added once, ever");
                        Assert.That(touched.Add(path) && active.TryAdd(path, value), $"{path} is named once in a version and was not part of the table");
                        break;
                    case "remove":
                        var gone = Uri.UnescapeDataString(value["path"]!.GetValue<string>());
                        Assert.That(touched.Add(gone) && active.Remove(gone, out var added), $"{gone} was part of the table");
                        Assert.That(value["deletionTimestamp"]!.GetValue<long>(), Is.GreaterThan(0));
                        break;
                }
            }

            if (checkpoints.Contains(version))
            {
                DeltaCheckpointChecker.Check(log, version, active, transactions, domains, metadata!);
            }
        }

        var columns = metadata!["partitionColumns"]!.AsArray().Select(c => c!.GetValue<string>()).ToList();
        foreach (var (path, add) in active)
        {
            Assert.That(Path.Combine(tableFolder, path), Does.Exist, "what makes the table stays");
            Assert.That(add["partitionValues"]!.AsObject().Select(v => v.Key), Is.EquivalentTo(columns), path);
        }

        CheckAgainstKernel(tableFolder, active);
        return [.. active.Keys.Select(p => Path.Combine(tableFolder, p))];
    }

    // Another implementation of the protocol finds the same files, each with the rows that the log says. It names no file without rows.
    private static void CheckAgainstKernel(string tableFolder, Dictionary<string, JsonObject> active)
    {
        var expected = active.Select(f => (Path: Path.Combine(tableFolder, f.Key), Rows: JsonNode.Parse(f.Value["stats"]!.GetValue<string>())!["numRecords"]!.GetValue<long>())).Where(f => f.Rows > 0);
        var found = KernelReader.Rows($"select '/' || _path, count() from {KernelReader.Local(tableFolder)} group by _path");
        Assert.That(found, Is.EquivalentTo(expected.Select(f => $"{f.Path}|{f.Rows}")), "what makes the table for delta-kernel-rs");
    }

    // Either all of a version's files change data, or it holds the same rows in other files and is about nothing else.
    private static void CheckCompaction(string tableFolder, List<KeyValuePair<string, JsonNode?>> actions)
    {
        var files = actions.Where(a => a.Key is "add" or "remove").ToLookup(a => a.Key, a => a.Value!.AsObject());
        var changes = files.SelectMany(f => f).Select(f => f["dataChange"]!.GetValue<bool>()).Distinct().ToList();
        Assert.That(changes, Has.Count.LessThanOrEqualTo(1), "a version changes data, or does not");
        if (changes is [true] or [])
        {
            return;
        }

        Assert.That(actions.Select(a => a.Key).Distinct(), Is.SubsetOf(new[] { "commitInfo", "add", "remove" }));
        Assert.That(actions.Single(a => a.Key == "commitInfo").Value!["operation"]!.GetValue<string>(), Is.EqualTo("OPTIMIZE"));
        var (before, after) = (Paths("remove"), Paths("add"));
        Assert.That(after.Count, Is.LessThan(before.Count));
        if (before.Concat(after).All(File.Exists))
        {
            Assert.That(Rows(after), Is.EqualTo(Rows(before)), "the same rows, in fewer files");
        }

        List<string> Paths(string kind) => [.. files[kind].Select(f => Path.Combine(tableFolder, Uri.UnescapeDataString(f["path"]!.GetValue<string>())))];

        static string[] Rows(List<string> paths) => paths.Count == 0 ? [] : Duck.Rows($"select * from read_parquet([{string.Join(", ", paths.Select(p => $"'{p.Replace("'", "''", StringComparison.Ordinal)}'"))}], union_by_name = true, hive_partitioning = false) order by all");
    }

    // The protocol asks for a protocol and metaData in a table's first version, and for nothing in a later one.
    private static void CheckFence(long version, List<KeyValuePair<string, JsonNode?>> actions)
    {
        if (actions.Find(a => a.Key == "commitInfo").Value?["operation"]?.GetValue<string>() == "FENCE")
        {
            Assert.That(actions.Select(a => a.Key), Is.EqualTo(version > 0 ? ["commitInfo"] : new[] { "commitInfo", "protocol", "metaData" }), "it changes nothing");
        }
    }

    private static void CheckAdd(string tableFolder, JsonObject add, JsonObject metadata)
    {
        var path = Path.Combine(tableFolder, Uri.UnescapeDataString(add["path"]!.GetValue<string>()));
        Assert.That(path, Does.Exist, "a file is there before the log names it, and stays");
        var bytes = File.ReadAllBytes(path);
        Assert.That(bytes, Has.Length.EqualTo(add["size"]!.GetValue<long>()), path);
        Assert.That(Convert.ToHexStringLower(SHA256.HashData(bytes)), Is.EqualTo(add["tags"]!["sha256"]!.GetValue<string>()), path);
        Assert.That(add["modificationTime"]!.GetValue<long>(), Is.GreaterThan(0));
        if (Checked.TryAdd(path, true))
        {
            CheckStatistics(path, JsonNode.Parse(add["stats"]!.GetValue<string>())!, metadata);
        }
    }

    // Bounds hold, counts are exact, as another reader counts them.
    private static void CheckStatistics(string path, JsonNode stats, JsonObject metadata)
    {
        var columns = JsonNode.Parse(metadata["schemaString"]!.GetValue<string>())!["fields"]!.AsArray().ToDictionary(f => f!["name"]!.GetValue<string>(), f => f!["type"]!.ToString());
        var file = $"read_parquet('{path.Replace("'", "''", StringComparison.Ordinal)}', hive_partitioning = false)";
        var expected = new List<string> { stats["numRecords"]!.ToString() };
        var query = "select count(*)";
        foreach (var (column, nulls) in stats["nullCount"]!.AsObject())
        {
            query += $", count(*) - count(\"{column}\")";
            expected.Add(nulls!.ToString());
        }

        foreach (var (column, min) in stats["minValues"]!.AsObject())
        {
            var type = columns[column] switch { "string" => "varchar", "timestamp" => "timestamptz", "timestamp_ntz" => "timestamp", "byte" => "tinyint", "short" => "smallint", "long" => "bigint", var t => t };
            string Value(JsonNode node) => $"'{node.ToString().Replace("'", "''", StringComparison.Ordinal)}'::{type}";
            query += $", count(*) filter (\"{column}\" < {Value(min!)} or \"{column}\" > {Value(stats["maxValues"]![column]!)})";
            expected.Add("0");
        }

        Assert.That(Duck.Rows($"{query} from {file}"), Is.EqualTo(new[] { string.Join('|', expected) }), $"{path}: {stats}");
    }
}
