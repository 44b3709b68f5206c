using System.Diagnostics;
using Etl.EndToEnd.Tests;
using Npgsql;

namespace Etl.Reliability.Tests;

/// <summary>A PostgreSQL: that of ETL_TEST_POSTGRES, shared with other tests, or one of its own, for tests that stop the server.</summary>
internal sealed class PostgresServer : IAsyncDisposable
{
    private readonly NpgsqlConnectionStringBuilder _admin;
    private readonly string? _folder;

    private PostgresServer(string connectionString, string? folder) =>
        (_admin, _folder) = (new NpgsqlConnectionStringBuilder(connectionString) { Pooling = false, CommandTimeout = 120 }, folder);

    public static PostgresServer Shared => new(
        Environment.GetEnvironmentVariable("ETL_TEST_POSTGRES") is { Length: > 0 } given ? given : throw new InvalidOperationException("ETL_TEST_POSTGRES names no server; tools/test starts one"), null);

    public string Host => _admin.Host!;

    public int Port => _admin.Port;

    public string User => _admin.Username!;

    public string Password => _admin.Password!;

    /// <summary>The data folder of a server of its own.</summary>
    public string DataFolder => Path.Combine(_folder!, "data");

    public static async Task<PostgresServer> StartAsync()
    {
        var folder = Directory.CreateTempSubdirectory("etl-postgres-").FullName;
        if (!OperatingSystem.IsWindows())
        {
            // The server's own user must get into it.
            File.SetUnixFileMode(folder, (UnixFileMode)0b111_001_001);
        }

        var lines = await ScriptAsync("postgres-up.sh", Path.Combine(folder, "cluster"));
        return new PostgresServer(lines.Split('\n').Single(l => l.StartsWith("ETL_TEST_POSTGRES=", StringComparison.Ordinal))["ETL_TEST_POSTGRES=".Length..], Path.Combine(folder, "cluster"));
    }

    /// <summary>A new, empty database.</summary>
    public async Task<string> CreateDatabaseAsync()
    {
        var name = $"reliability_{Guid.NewGuid():N}";
        await ExecuteAsync(_admin.Database!, $"create database {name}");
        return name;
    }

    public Task DropDatabaseAsync(string name) => ExecuteAsync(_admin.Database!, $"drop database if exists {name} with (force)");

    public async Task ExecuteAsync(string database, string sql)
    {
        await using var connection = await OpenAsync(database);
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync();
    }

    /// <summary>The first column, as text.</summary>
    public async Task<List<string>> QueryAsync(string database, string sql)
    {
        await using var connection = await OpenAsync(database);
        await using var command = new NpgsqlCommand(sql, connection);
        await using var reader = await command.ExecuteReaderAsync();
        var rows = new List<string>();
        while (await reader.ReadAsync())
        {
            rows.Add(reader.IsDBNull(0) ? "NULL" : reader.GetValue(0) is string text ? text : Convert.ToString(reader.GetValue(0), System.Globalization.CultureInfo.InvariantCulture)!);
        }

        return rows;
    }

    public async Task<NpgsqlConnection> OpenAsync(string database)
    {
        var connection = new NpgsqlConnection(new NpgsqlConnectionStringBuilder(_admin.ConnectionString) { Database = database, Options = "-c TimeZone=UTC" }.ConnectionString);
        await connection.OpenAsync();
        return connection;
    }

    /// <summary>Stops a server of its own without a chance to finish anything, and starts it again with the options that it had.</summary>
    public async Task CrashAsync()
    {
        const string Script = """
            control=$(ls /usr/lib/postgresql/*/bin/pg_ctl /usr/pgsql-*/bin/pg_ctl 2>/dev/null | sort -V | tail -n 1); control=${control:-$(command -v pg_ctl)}
            cd / && if [ "$(id -u)" = 0 ]; then set -- runuser -u postgres -- "$control" "$@"; else set -- "$control" "$@"; fi
            exec "$@" > /dev/null 2>&1 < /dev/null
            """;
        using var restart = Process.Start(new ProcessStartInfo("bash", ["-c", Script, "pg_ctl", "-D", DataFolder, "-l", Path.Combine(_folder!, "log"), "-m", "immediate", "-w", "restart"]))!;
        await restart.WaitForExitAsync();
        if (restart.ExitCode != 0)
        {
            throw new InvalidOperationException($"pg_ctl restart ended with {restart.ExitCode}");
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (_folder is not null)
        {
            await ScriptAsync("postgres-down.sh", _folder);
            Directory.Delete(Path.GetDirectoryName(_folder)!);
        }
    }

    private static async Task<string> ScriptAsync(string name, string folder)
    {
        // To a file: the server inherits the script's output and would keep a pipe open for ever.
        var output = $"{folder}.{name}.out";
        using var script = Process.Start(new ProcessStartInfo("bash", ["-c", "\"$0\" \"$1\" > \"$2\" 2>&1", Path.Combine(ShippedCli.Repository, "tools", name), folder, output]))!;
        await script.WaitForExitAsync();
        var text = await File.ReadAllTextAsync(output);
        File.Delete(output);
        return script.ExitCode == 0 ? text : throw new InvalidOperationException($"{name} failed: {text}");
    }
}
