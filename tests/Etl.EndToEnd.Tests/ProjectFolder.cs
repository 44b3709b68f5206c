using System.Globalization;
using System.Text.Json.Nodes;
using DuckDB.NET.Data;
using Microsoft.Data.Sqlite;
using NUnit.Framework;

namespace Etl.EndToEnd.Tests;

/// <summary>A project in a folder of its own, and what tests do with it.</summary>
public sealed class ProjectFolder : IDisposable
{
    private readonly DirectoryInfo _root = Directory.CreateTempSubdirectory("etl-end-to-end-");

    private ProjectFolder(string inside) => Folder = Directory.CreateDirectory(Path.Combine(_root.FullName, inside)).FullName;

    /// <summary>Where commands run.</summary>
    public string Folder { get; }

    /// <summary>Of the commands, beside the test's own.</summary>
    public Dictionary<string, string> Environment { get; } = [];

    /// <summary>An empty one with these files.</summary>
    public static ProjectFolder With(params (string Name, string Text)[] files)
    {
        var project = new ProjectFolder("project");
        foreach (var (name, text) in files)
        {
            project.Write(name, text);
        }

        return project;
    }

    /// <summary>A copy of the quickstart, with the contracts it uses.</summary>
    public static ProjectFolder Quickstart() => Example("quickstart");

    /// <summary>A copy of an example as it is checked in, with the contracts it uses.</summary>
    public static ProjectFolder Example(string name)
    {
        var project = new ProjectFolder($"pipelines/{name}");
        foreach (var part in (string[])[$"pipelines/{name}", "schemas/contracts"])
        {
            var source = Path.Combine(ShippedCli.Repository, part);
            foreach (var file in Directory.GetFiles(source, "*", SearchOption.AllDirectories).Select(f => Path.GetRelativePath(source, f)).Where(IsCheckedIn))
            {
                var target = Path.Combine(project._root.FullName, part, file);
                Directory.CreateDirectory(Path.GetDirectoryName(target)!);
                File.Copy(Path.Combine(source, file), target);
            }
        }

        return project;

        // What runs leave there is not.
        static bool IsCheckedIn(string file) => file.Split(Path.DirectorySeparatorChar)[0] is not ("data" or ".etl");
    }

    public string PathOf(string name) => Path.Combine(Folder, name);

    public void Write(string name, string text)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(PathOf(name))!);
        File.WriteAllText(PathOf(name), text);
    }

    public string Read(string name) => File.ReadAllText(PathOf(name));

    public void Replace(string name, string old, string @new)
    {
        var text = Read(name);
        Assert.That(text, Does.Contain(old));
        Write(name, text.Replace(old, @new, StringComparison.Ordinal));
    }

    public Task<CliResult> RunAsync(params string[] arguments) => ShippedCli.RunAsync(Folder, Environment, arguments);

    /// <summary>With a fail point on.</summary>
    public Task<CliResult> RunAtAsync(string failPoint, params string[] arguments) =>
        ShippedCli.RunAsync(Folder, new Dictionary<string, string>(Environment) { ["ETL_FAILPOINT"] = failPoint }, arguments);

    public StartedCli StartAt(string failPoint, params string[] arguments) =>
        ShippedCli.Start(Folder, new Dictionary<string, string>(Environment) { ["ETL_FAILPOINT"] = failPoint }, arguments);

    /// <summary>Runs it, sees it succeed and gives its report.</summary>
    public async Task<JsonNode> ReportAsync(params string[] arguments)
    {
        var result = await RunAsync([.. arguments, "--output", "json"]);
        Assert.That(result.ExitCode, Is.Zero, result.ToString());
        return JsonNode.Parse(result.Out)!;
    }

    /// <summary>Runs statements on an SQLite file, with another driver than the framework's.</summary>
    public void Sqlite(string file, string sql)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(PathOf(file))!);
        using var connection = new SqliteConnection($"Data Source={PathOf(file)};Pooling=False");
        connection.Open();
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        command.ExecuteNonQuery();
    }

    /// <summary>The first column of a query, as text.</summary>
    public List<string> SqliteRows(string file, string sql)
    {
        using var connection = new SqliteConnection($"Data Source={PathOf(file)};Pooling=False;Mode=ReadOnly");
        connection.Open();
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        using var reader = command.ExecuteReader();
        var rows = new List<string>();
        while (reader.Read())
        {
            rows.Add(Text(reader.GetValue(0)));
        }

        return rows;
    }

    /// <summary>The first column of a query over a DuckDB file, or over Parquet files when it is null, as text.</summary>
    public List<string> DuckRows(string? file, string sql)
    {
        using var connection = new DuckDBConnection(file is null ? "Data Source=:memory:" : $"Data Source={PathOf(file)};ACCESS_MODE=READ_ONLY");
        connection.Open();
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        using var reader = command.ExecuteReader();
        var rows = new List<string>();
        while (reader.Read())
        {
            rows.Add(Text(reader.GetValue(0)));
        }

        return rows;
    }

    /// <summary>Runs statements on a DuckDB file.</summary>
    public void Duck(string file, string sql)
    {
        using var connection = new DuckDBConnection($"Data Source={PathOf(file)}");
        connection.Open();
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        command.ExecuteNonQuery();
    }

    /// <summary>The lake's table as SQL that DuckDB can read: the files that its Delta log says are there, with their partition's values.</summary>
    public string LakeTable(string folder)
    {
        var active = new Dictionary<string, JsonObject>();
        foreach (var version in LakeLog(folder))
        {
            foreach (var action in File.ReadLines(version).Select(l => JsonNode.Parse(l)!.AsObject()))
            {
                if (action["remove"] is JsonObject removed)
                {
                    Assert.That(active.Remove(removed["path"]!.GetValue<string>()), Is.True, "only what is there is removed");
                }
            }

            foreach (var action in File.ReadLines(version).Select(l => JsonNode.Parse(l)!.AsObject()))
            {
                if (action["add"] is JsonObject added)
                {
                    active.Add(added["path"]!.GetValue<string>(), added);
                }
            }
        }

        Assert.That(active, Is.Not.Empty, "the table has no file");
        return $"({string.Join(" UNION ALL ", active.Select(a => $"SELECT *{Partition(a.Value)} FROM read_parquet('{PathOf(folder)}/{Uri.UnescapeDataString(a.Key)}')"))})";
    }

    /// <summary>The log's entries, the oldest first. What is not a version by its whole name is none: a run that was killed leaves a hidden file of the next one.</summary>
    public List<string> LakeLog(string folder) => Directory.Exists(PathOf($"{folder}/_delta_log"))
        ? [.. Directory.GetFiles(PathOf($"{folder}/_delta_log"), "*.json").Where(f => Path.GetFileNameWithoutExtension(f).All(char.IsAsciiDigit)).Order(StringComparer.Ordinal)]
        : [];

    /// <summary>Versions of the lake's table.</summary>
    public int LakeVersions(string folder) => LakeLog(folder).Count;

    /// <summary>Removes it; fails the test if a password that the commands were given is in a file.</summary>
    public void Dispose()
    {
        var secrets = Secrets.Of(Environment);
        try
        {
            foreach (var file in secrets.Count == 0 ? [] : _root.GetFiles("*", SearchOption.AllDirectories))
            {
                Secrets.AssertAbsent(file.FullName, File.ReadAllBytes(file.FullName), secrets);
            }
        }
        finally
        {
            _root.Delete(recursive: true);
        }
    }

    private static string Partition(JsonObject added) => string.Concat(added["partitionValues"]!.AsObject()
        .Select(p => p.Value is null ? $", NULL::DATE AS {p.Key}" : $", DATE '{p.Value.GetValue<string>()}' AS {p.Key}"));

    private static string Text(object value) => value is DBNull ? "NULL" : Convert.ToString(value, CultureInfo.InvariantCulture)!;
}
