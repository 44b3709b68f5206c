using System.Diagnostics;
using Npgsql;
using NUnit.Framework;

namespace Etl.Plugins.Tests.Postgres;

/// <summary>
/// The server that the tests of this folder run against: that of ETL_TEST_POSTGRES, or a private cluster which lives as long as they do.
/// </summary>
[SetUpFixture]
public sealed class PostgresServer
{
    private static string? _folder;

    public static string ConnectionString { get; private set; } = "";

    [OneTimeSetUp]
    public async Task StartAsync()
    {
        var given = Environment.GetEnvironmentVariable("ETL_TEST_POSTGRES");
        if (!string.IsNullOrEmpty(given))
        {
            ConnectionString = given;
            return;
        }

        _folder = Directory.CreateTempSubdirectory("etl-postgres-").FullName;
        ConnectionString = await UpAsync(_folder);
    }

    [OneTimeTearDown]
    public async Task StopAsync()
    {
        NpgsqlConnection.ClearAllPools();
        if (_folder is not null)
        {
            await DownAsync(_folder);
        }
    }

    /// <summary>Starts a cluster of its own in an empty folder, as a standby of the cluster in <paramref name="primary"/> if there is one; how to reach it.</summary>
    public static async Task<string> UpAsync(string folder, string? primary = null) =>
        (await ScriptAsync("postgres-up.sh", folder, "", primary ?? "")).Split('\n').Single(l => l.StartsWith("ETL_TEST_POSTGRES=", StringComparison.Ordinal))["ETL_TEST_POSTGRES=".Length..];

    /// <summary>Stops it and deletes the folder.</summary>
    public static Task DownAsync(string folder) => ScriptAsync("postgres-down.sh", folder);

    private static async Task<string> ScriptAsync(string name, string folder, params string[] more)
    {
        var root = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(root.FullName, "Directory.Packages.props")))
        {
            root = root.Parent ?? throw new DirectoryNotFoundException("the repository's root was not found");
        }

        // To a file: the server inherits the script's output and would keep a pipe open for ever.
        var output = Path.Combine(Path.GetTempPath(), $"{Path.GetFileName(folder)}-{name}.out");
        using var script = Process.Start(new ProcessStartInfo("bash", ["-c", "output=$1; shift; \"$0\" \"$@\" > \"$output\" 2>&1", Path.Combine(root.FullName, "tools", name), output, folder, .. more]))!;
        await script.WaitForExitAsync();
        var text = await File.ReadAllTextAsync(output);
        File.Delete(output);
        return script.ExitCode == 0 ? text : throw new InvalidOperationException($"{name} failed: {text}");
    }
}
