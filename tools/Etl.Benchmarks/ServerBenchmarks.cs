using System.Diagnostics;
using System.Text.Json.Nodes;
using Etl.DuckDb;

namespace Etl.Benchmarks;

/// <summary>The lines whose limit is PostgreSQL's own: the shipped command line against <c>psql</c>.</summary>
internal sealed class ServerBenchmarks(Server server, Project project)
{
    private const string CopyOut = $"COPY (SELECT {Orders.Columns} FROM orders) TO STDOUT (FORMAT BINARY)";
    private const string CopyIn = "COPY staged FROM STDIN (FORMAT BINARY)";
    private static readonly string Upsert = Orders.Upsert("copied", Orders.Columns);

    /// <summary>All of them.</summary>
    public IReadOnlyList<Benchmark> All =>
    [
        new("extract", "PostgreSQL to Arrow, by block range", "psql: COPY to /dev/null", 1.10, () => Shell($"psql -qc \"{CopyOut}\" > /dev/null"), () => Read("orders", "extract")),
        new("staging", "to staging, with a transform of every row", "psql pipe into an unlogged table, no transform", 1.20, Pipe, () => Read("warehouse", "upsert")),
        new("upsert", "upsert with the transform", "psql pipe and one INSERT .. ON CONFLICT, no transform", 0.90, PipeAndUpsert, () => Run("upsert"), CheckTable),
        new("both", "upsert and day-partitioned Parquet, with the transform", "psql pipe and one INSERT .. ON CONFLICT, no transform, no Parquet", 0.85, PipeAndUpsert, () => Run("both"), CheckBoth),
        new("unchanged", "upsert of rows that are there and did not change", "psql: the INSERT .. ON CONFLICT alone", 0.50, UpsertAgain, RunAgain, CheckTable),
        new("growth", "upsert with the transform", "the same of a tenth of the rows", 10.5, () => Run("tenth"), () => Run("upsert"), CheckTable) { Plotted = true },
        new("protocol", "upsert with the transform: the whole run", "the same run without the time that its commit protocol took", 1.05, WithoutProtocol, () => _whole, CheckTable),
    ];

    // What the profile of a publish calls the steps that a load without checkpoints would not have. Opening the session is none of them: two statements.
    private static readonly string[] Protocol = ["wait for others", "lock", "checkpoint"];

    private Measurement _whole;

    /// <summary>Sums of what the transform makes of the source, by PostgreSQL.</summary>
    private string Expected => field ??= server.Query(Orders.PostgresSums($"({Orders.Transformed})"));

    private Measurement Run(string pipeline)
    {
        project.Clear();
        return project.RunPipeline(pipeline).Measurement;
    }

    // Both sides of a pair are one run, so what else the machine does is in both.
    private Measurement WithoutProtocol()
    {
        project.Clear();
        var (measurement, report) = project.RunPipeline("upsert", "--profile");
        var steps = report["loads"]![0]!["publish"]!["steps"]!.AsArray();
        _whole = measurement with { Seconds = report["seconds"]!.GetValue<double>() };
        return _whole with { Seconds = _whole.Seconds - steps.Where(s => Protocol.Contains(s!["name"]!.GetValue<string>())).Sum(s => s!["seconds"]!.GetValue<double>()) };
    }

    // Until the stage was through, by the run's own report; what follows is another line's subject.
    private Measurement Read(string stage, string pipeline)
    {
        project.Clear();
        var (measurement, report) = project.RunPipeline(pipeline);
        return measurement with { Seconds = Stage(report, stage)["seconds"]!.GetValue<double>() };
    }

    private static JsonNode Stage(JsonNode report, string stage) => report["stages"]!.AsArray().First(s => s!["stage"]!.GetValue<string>() == stage)!;

    private Measurement RunAgain()
    {
        Run("upsert");
        server.Execute("CHECKPOINT");
        return project.RunPipeline("upsert").Measurement;
    }

    private Measurement Pipe()
    {
        project.Clear();
        server.Execute("DROP TABLE IF EXISTS staged; CREATE UNLOGGED TABLE staged (LIKE orders)");
        return Shell($"psql -qc \"{CopyOut}\" | psql -qc \"{CopyIn}\"");
    }

    private Measurement PipeAndUpsert()
    {
        project.Clear();
        server.Execute("DROP TABLE IF EXISTS staged, copied; CREATE UNLOGGED TABLE staged (LIKE orders); CREATE TABLE copied (LIKE orders INCLUDING INDEXES)");
        var measurement = Shell($"psql -qc \"{CopyOut}\" | psql -qc \"{CopyIn}\" && psql -qc \"{Upsert}\"");
        server.Execute("DROP TABLE staged, copied");
        return measurement;
    }

    private Measurement UpsertAgain()
    {
        project.Clear();
        server.Execute("DROP TABLE IF EXISTS staged, copied; CREATE UNLOGGED TABLE staged (LIKE orders); CREATE TABLE copied (LIKE orders INCLUDING INDEXES)");
        Shell($"psql -qc \"{CopyOut}\" | psql -qc \"{CopyIn}\" && psql -qc \"{Upsert}\"");
        server.Execute("CHECKPOINT");
        var measurement = Shell($"psql -qc \"{Upsert}\"");
        server.Execute("DROP TABLE staged, copied");
        return measurement;
    }

    private Measurement Shell(string command) => ChildProcess.Run(project.Folder, server.Environment, "bash", "-o", "pipefail", "-c", command).Measurement;

    private void CheckTable() => Require("the table", server.Query(Orders.PostgresSums("loaded.orders")));

    private void CheckBoth()
    {
        CheckTable();
        using var database = DuckDatabase.Open(null, new DuckSettings { AllowedDirectories = [project.LakeFolder] });
        using var connection = database.Connect();
        Require("the lake", connection.QueryText(Orders.DuckSums($"read_parquet('{project.LakeFolder}/orders/**/*.parquet', hive_partitioning = false)"))!);
    }

    private void Require(string what, string found)
    {
        if (found != Expected)
        {
            throw new UnreachableException($"{what} holds (count, sum, hash) {found} where the source makes {Expected}");
        }
    }
}
