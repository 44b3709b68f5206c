using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using Etl.Contracts;
using Etl.DuckDb;
using Etl.Runtime.Compilation;

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

    /// <summary>A file's bytes. ETL4220: it is not there; ETL4228: its connection is not the pipeline's any more.</summary>
    internal static async ValueTask<Stream> OpenAsync(CompiledPipeline pipeline, DeadLetterFile file, CancellationToken cancel)
    {
        if (file.Connection is null)
        {
            return File.Exists(file.Path) ? File.OpenRead(file.Path) : throw Missing(file.Path);
        }

        return pipeline.Connections.GetValueOrDefault(file.Connection) is IObjectStore store
            ? await store.GetAsync(file.Path, cancel) ?? throw Missing(file.Path)
            : throw new EtlException("ETL4228", $"dead letters are kept in the connection '{file.Connection}', which the pipeline does not use any more", "Name it in policies.dead_letters while they are read.");
    }

    /// <summary>At most <paramref name="limit"/> rows of a file that are open.</summary>
    public static async Task<IReadOnlyList<DeadLetter>> ReadAsync(CompiledPipeline pipeline, LetterFile letters, string? rule, int limit, CancellationToken cancel)
    {
        // Made by the system with mode 0600.
        var copy = Path.GetTempFileName();
        try
        {
            await using (var source = await OpenAsync(pipeline, letters.File, cancel))
            await using (var target = new FileStream(copy, FileMode.Truncate, FileAccess.Write))
            {
                await source.CopyToAsync(target, cancel);
            }

            return [.. Read(copy, letters.WhereOpen(rule), limit).Select(l => l with
            {
                Row = pipeline.Hidden.Row(l.Stage, l.Row),
                Reason = l.Rule == LoadTask.TargetRule ? pipeline.Hidden.Text(l.Reason, isForeign: true) : l.Reason,
            })];
        }
        finally
        {
            File.Delete(copy);
        }
    }

    private static List<DeadLetter> Read(string file, string where, int limit)
    {
        using var database = DuckDatabase.Open(null, new DuckSettings { Threads = 1, AllowedDirectories = [Path.GetDirectoryName(Path.GetFullPath(file))!] });
        using var connection = database.Connect();
        var meta = DeadLetters.MetaColumns;
        var rows = connection.QueryRows(
            $"SELECT {meta[2]}, {meta[3]}, {meta[4]}, CAST(to_json(t) AS VARCHAR) FROM read_parquet({SqlText.Literal(Path.GetFullPath(file))}) AS t WHERE {where} LIMIT $limit", new Dictionary<string, object> { ["limit"] = (long)limit });
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

    private static EtlException Missing(string path) => new("ETL4220", $"the dead letters in '{path}' are not there", "Someone has removed the file. Restore it; or correct the rows in the source so that the next run reads them, and close these with `etl dead-letters discard`.");
}
