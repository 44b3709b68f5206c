using System.Diagnostics;

namespace Etl.Benchmarks;

/// <summary>
/// Other ways to move the same rows, on the same machine: the same upsert with a dictionary per row and with pandas, and pgloader, which copies and does not transform. In these lines
/// "limit" is the peer, and a ratio below 1 says that ours is faster.
/// </summary>
internal sealed class PeerBenchmarks(string tools, Server server, Project project)
{
    private static readonly string Upsert = Orders.Upsert("loaded.orders", $"{Orders.Columns}, size, day");

    /// <summary>All of them.</summary>
    public IReadOnlyList<Benchmark> All =>
    [
        new("dictionary", "upsert with the transform", "a dictionary per row, in C#, same work", 1.0, Checked(Dictionary), Ours),
        new("pandas", "upsert with the transform", "pandas in chunks, with COPY, same work", 1.0, Checked(Pandas), Ours) { IsInstalled = () => Has("/usr/bin/python3", "-c", "import pandas, psycopg2") },
        new("pgloader", "upsert with the transform", "pgloader, two workers, batches of 10,000 rows, no transform, an empty table", 1.0, PgLoader, Ours) { IsInstalled = () => Has("pgloader", "--version") },
    ];

    private Measurement Ours()
    {
        project.Clear();
        return project.RunPipeline("upsert").Measurement;
    }

    // Each time, as the table of a peer is made by hand here.
    private Func<Measurement> Checked(Func<Measurement> run) => () =>
    {
        project.Clear();
        server.Execute("CREATE SCHEMA loaded; CREATE TABLE loaded.orders (LIKE orders INCLUDING INDEXES, size text NOT NULL, day date NOT NULL)");
        var measurement = run();
        var (expected, found) = (server.Query(Orders.PostgresSums($"({Orders.Transformed})")), server.Query(Orders.PostgresSums("loaded.orders")));
        return expected == found ? measurement : throw new UnreachableException($"the peer's table holds (count, sum, hash) {found} where the source makes {expected}");
    };

    private Measurement Dictionary() =>
        ChildProcess.Run(project.Folder, server.Environment, "dotnet", typeof(PeerBenchmarks).Assembly.Location, "--peer", "dictionary", server.Environment["ETL_TEST_POSTGRES"] + ";Options=-c TimeZone=UTC", "loaded.orders", Upsert).Measurement;

    private Measurement Pandas() =>
        ChildProcess.Run(project.Folder, server.Environment, "/usr/bin/python3", Path.Combine(tools, "Etl.Benchmarks", "peers", "upsert.py"), $"SELECT {Orders.Columns} FROM orders", "loaded.orders", Upsert).Measurement;

    private Measurement PgLoader()
    {
        project.Clear();
        server.Execute("DROP DATABASE IF EXISTS pgloaded");
        server.Execute("CREATE DATABASE pgloaded");
        var at = $"pgsql://{server.Environment["PGUSER"]}:{server.Environment["PGPASSWORD"]}@{server.Environment["PGHOST"]}:{server.Environment["PGPORT"]}";
        var script = Path.Combine(project.Folder, "orders.load");
        // With its defaults it runs out of its heap.
        File.WriteAllText(script, $"""
            LOAD DATABASE FROM {at}/{server.Environment["PGDATABASE"]} INTO {at}/pgloaded
              WITH include drop, create tables, create indexes, workers = 2, concurrency = 1, batch rows = 10000, prefetch rows = 10000
              INCLUDING ONLY TABLE NAMES MATCHING 'orders' IN SCHEMA 'public';
            """);
        var measurement = ChildProcess.Run(project.Folder, server.Environment, "pgloader", "--dynamic-space-size", "4096", "--quiet", script).Measurement;
        server.Execute("DROP DATABASE pgloaded");
        return measurement;
    }

    private static bool Has(string program, params string[] arguments)
    {
        try
        {
            using var process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true })!;
            process.WaitForExit();
            return process.ExitCode == 0;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return false;
        }
    }
}
