using System.Diagnostics;
using System.Text.Json;
using System.Text.Json.Nodes;
using Etl.EndToEnd.Tests;
using NUnit.Framework;

namespace Etl.Plugins.Tests.Lake;

/// <summary>
/// Another implementation of Delta's protocol as a reader of what was written: delta-kernel-rs, asked through ClickHouse (<c>tests/tools/delta-reader.js</c>). One process, which
/// ends with this one, as starting it costs more than these queries.
/// </summary>
internal static class KernelReader
{
    private static readonly Lock Gate = new();
    private static readonly Lazy<Process> Reader = new(() =>
    {
        NodeTools.InstalledAsync().GetAwaiter().GetResult();
        return Process.Start(new ProcessStartInfo("node", ["delta-reader.js"]) { WorkingDirectory = NodeTools.Folder, RedirectStandardInput = true, RedirectStandardOutput = true })!;
    });

    /// <summary>A table on the disk, as the queries name it.</summary>
    public static string Local(string tableFolder) => $"deltaLakeLocal('{tableFolder.Replace("'", "\\'", StringComparison.Ordinal)}')";

    /// <summary>A table in a bucket of the test server.</summary>
    public static string OnS3(string bucket, string table) => $"deltaLakeS3('{S3Server.Endpoint}/{bucket}/{table}', '{S3Server.AccessKey}', '{S3Server.SecretKey}')";

    /// <summary>Each row as text, its columns separated by '|'; NULL is ∅.</summary>
    public static string[] Rows(string sql)
    {
        lock (Gate)
        {
            Reader.Value.StandardInput.WriteLine(JsonSerializer.Serialize(sql));
            var answer = JsonNode.Parse(Reader.Value.StandardOutput.ReadLine() ?? throw new AssertionException($"the reader ended: {sql}"))!;
            return answer["error"] is { } error ? throw new AssertionException($"{sql}: {error}") : [.. answer["rows"]!.AsArray().Select(r => string.Join('|', r!.AsArray().Select(v => v!.GetValue<string>())))];
        }
    }
}
