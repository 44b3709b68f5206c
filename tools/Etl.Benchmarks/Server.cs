using System.Diagnostics;
using Npgsql;

namespace Etl.Benchmarks;

/// <summary>A PostgreSQL of the benchmark's own, with durable commits and the memory that a server would have.</summary>
internal sealed class Server : IDisposable
{
    private readonly string _folder;
    private readonly string _tools;
    private readonly NpgsqlDataSource _source;

    private Server(string tools, string folder, IReadOnlyDictionary<string, string> environment)
    {
        (_tools, _folder, Environment) = (tools, folder, environment);
        _source = NpgsqlDataSource.Create(environment["ETL_TEST_POSTGRES"] + ";Command Timeout=0;Include Error Detail=true;Options=-c TimeZone=UTC");
    }

    /// <summary>How <c>psql</c> and the pipelines find it: <c>PGHOST</c> and so on.</summary>
    public IReadOnlyDictionary<string, string> Environment { get; }

    /// <summary>Starts it, in a folder that is deleted at the end.</summary>
    public static Server Start(string tools, string folder)
    {
        var start = new ProcessStartInfo(Path.Combine(tools, "postgres-up.sh"), [folder]) { RedirectStandardOutput = true };
        start.Environment["ETL_POSTGRES_OPTIONS"] = "-c fsync=on -c shared_buffers=1GB -c max_wal_size=8GB -c checkpoint_timeout=30min -c wal_level=replica";
        using var process = Process.Start(start)!;
        var reached = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return process.ExitCode == 0
            ? new Server(tools, folder, reached.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(l => l.Split('=', 2)).ToDictionary(p => p[0], p => p[1]))
            : throw new InvalidOperationException("PostgreSQL did not start");
    }

    /// <summary>Runs statements.</summary>
    public void Execute(string sql)
    {
        using var command = _source.CreateCommand(sql);
        command.ExecuteNonQuery();
    }

    /// <summary>The first row of a query, as text.</summary>
    public string Query(string sql)
    {
        using var command = _source.CreateCommand(sql);
        using var reader = command.ExecuteReader();
        reader.Read();
        return string.Join(" ", Enumerable.Range(0, reader.FieldCount).Select(i => Convert.ToString(reader.GetValue(i), System.Globalization.CultureInfo.InvariantCulture)));
    }

    public void Dispose()
    {
        _source.Dispose();
        using var stop = Process.Start(Path.Combine(_tools, "postgres-down.sh"), [_folder]);
        stop.WaitForExit();
    }
}
