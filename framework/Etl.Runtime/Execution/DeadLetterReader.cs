using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using Etl.Contracts;
using Etl.DuckDb;

namespace Etl.Runtime.Execution;

/// <summary>A refused row.</summary>
/// <param name="Stage">Who refused it.</param>
/// <param name="Rule">By which rule.</param>
/// <param name="Reason">Why.</param>
/// <param name="Row">The row's own columns, as a JSON object on one line.</param>
public sealed record DeadLetter(string Stage, string Rule, string Reason, string Row);

/// <summary>Reads files of dead letters, wherever they are.</summary>
public static class DeadLetterReader
{
    private static readonly JsonSerializerOptions Readable = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>At most <paramref name="limit"/> rows of a file; <paramref name="store"/> null is the local disk.</summary>
    public static async Task<IReadOnlyList<DeadLetter>> ReadAsync(IObjectStore? store, string path, string? rule, int limit, CancellationToken cancel)
    {
        var local = path;
        string? copy = null;
        try
        {
            if (store is not null)
            {
                // Made by the system with mode 0600.
                local = copy = Path.GetTempFileName();
                await using var source = await store.GetAsync(path, cancel) ?? throw Missing(path);
                await using var target = new FileStream(copy, FileMode.Truncate, FileAccess.Write);
                await source.CopyToAsync(target, cancel);
            }
            else if (!File.Exists(local))
            {
                throw Missing(path);
            }

            return Read(local, rule, limit);
        }
        finally
        {
            if (copy is not null)
            {
                File.Delete(copy);
            }
        }
    }

    private static List<DeadLetter> Read(string file, string? rule, int limit)
    {
        using var database = DuckDatabase.Open(null, new DuckSettings { Threads = 1, AllowedDirectories = [Path.GetDirectoryName(Path.GetFullPath(file))!] });
        using var connection = database.Connect();
        var meta = DeadLetters.MetaColumns;
        var parameters = new Dictionary<string, object> { ["limit"] = (long)limit };
        var where = "";
        if (rule is not null)
        {
            parameters.Add("rule", rule);
            where = $" WHERE {meta[3]} = $rule";
        }

        var rows = connection.QueryRows(
            $"SELECT {meta[2]}, {meta[3]}, {meta[4]}, CAST(to_json(t) AS VARCHAR) FROM read_parquet({SqlText.Literal(Path.GetFullPath(file))}) AS t{where} LIMIT $limit", parameters);
        return [.. rows.Select(r => new DeadLetter(r[0]!, r[1]!, r[2]!, OwnColumns(r[3]!)))];
    }

    private static string OwnColumns(string row)
    {
        var json = JsonNode.Parse(row)!.AsObject();
        foreach (var column in DeadLetters.MetaColumns)
        {
            json.Remove(column);
        }

        return json.ToJsonString(Readable);
    }

    private static EtlException Missing(string path) => new("ETL4220", $"the dead letters in '{path}' are not there", "Someone has removed the file; the run's report still has its count.");
}
