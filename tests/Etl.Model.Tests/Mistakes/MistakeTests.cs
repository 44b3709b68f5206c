using System.Data.Common;
using System.Globalization;
using DuckDB.NET.Data;
using Etl.Model.Tests.Protocol;
using Etl.Runtime;
using Etl.Runtime.Diagnostics;
using Microsoft.Data.Sqlite;
using NUnit.Framework;

namespace Etl.Model.Tests.Mistakes;

/// <summary>
/// Right pipelines with one mistake each. A mistake is what would make a run fail, refuse rows or give a target other rows; it must be told without a run, at its line.
/// What is right must not be called wrong.
/// </summary>
public sealed class MistakeTests
{
    private const int Pipelines = 100;
    private const int MutantsOfAKind = 10;
    private const int PipelinesToRun = 25;
    private const string PipelineFile = "p.yaml";

    // Codes of the compiler that no kind of mistake brings out here: they need another component, an append, an environment, a template, a test, a file that is no text, a plan that was made before, or a live system. Their texts
    // are pinned by other tests. A new code comes with a kind of mistake, or is added here with a reason.
    private static readonly string[] Elsewhere = (
        "ETL1001 ETL1002 ETL1003 ETL1004 ETL1007 ETL1008 ETL1010 ETL1011 ETL1014 ETL1022 ETL1024 ETL1026 ETL1031 " +
        "ETL1032 ETL1033 ETL1034 ETL1035 ETL1036 ETL1037 ETL1040 ETL1041 ETL1045 ETL1046 ETL1047 ETL1048 ETL1053 " +
        "ETL1055 ETL2007 ETL2008 ETL2090 ETL3003 ETL3004 ETL3005 ETL3008 ETL3009 ETL3011 ETL3013 ETL3020 ETL3021 " +
        "ETL3022 ETL3023 ETL3040 ETL3043 ETL3046 ETL3047 ETL3048 ETL3053 ETL3054 ETL3055 ETL3057 ETL3060 " +
        "ETL3065 ETL3066 ETL3080 ETL3081 ETL3082 ETL3083 ETL3084 ETL3085 ETL3086 ETL3087 ETL3088 ETL3089 ETL3090 ETL3102 " +
        "ETL3104 ETL3105 ETL3106 ETL3107 ETL3108 ETL3109 ETL3110 ETL3111 ETL3120 ETL3121 ETL3122 ETL3156 " +
        "ETL3130 ETL3131 ETL3132 ETL3133 ETL3140 ETL3141 ETL3142").Split(' ');

    [Test]
    public async Task Pipelines_that_are_right_are_not_called_wrong_and_run()
    {
        var ran = 0;
        for (var seed = 0; seed < Pipelines; seed++)
        {
            var pipeline = ValidPipeline.Of(seed);
            using var disk = Project();
            disk.Write(PipelineFile, string.Join('\n', pipeline.Lines));
            Assert.That(await ProblemsAsync(disk, warnings: false), Is.Empty, string.Join('\n', pipeline.Lines));
            if (seed % (Pipelines / PipelinesToRun) == 0)
            {
                ran++;
                var outcome = await RunAsync(disk);
                Assert.That(outcome, Does.StartWith("Succeeded"), string.Join('\n', pipeline.Lines));
            }
        }

        Assert.That(ran, Is.EqualTo(PipelinesToRun));
    }

    [Test]
    public async Task A_mistake_is_told_at_its_line_without_a_run()
    {
        var misses = new List<string>();
        var (mistakes, harmless, codes) = (0, 0, new SortedSet<string>(StringComparer.Ordinal));
        foreach (var kind in MistakeKinds.All)
        {
            var made = 0;
            for (var seed = 0; seed < Pipelines * 3 && made < MutantsOfAKind; seed++)
            {
                var pipeline = ValidPipeline.Of(seed % Pipelines).Lines;
                if (kind.Make(kind.Contract is { } contract ? ValidPipeline.Contracts[contract].Split('\n') : pipeline, new Random(seed)) is not { } mutant)
                {
                    continue;
                }

                made++;
                var verdict = await JudgeAsync(kind, pipeline, mutant, codes);
                if (verdict is "harmless")
                {
                    harmless++;
                    continue;
                }

                mistakes++;
                if (verdict is not null)
                {
                    misses.Add($"{kind.Name}, seed {seed}: {mutant.What}: {verdict}");
                }
            }

            Assert.That(made, Is.GreaterThanOrEqualTo(MutantsOfAKind), $"{kind.Name}: there are too few places for it");
        }

        var found = mistakes - misses.Count;
        TestContext.Out.WriteLine($"{found} of {mistakes} mistakes of {MistakeKinds.All.Count} kinds were told at their lines ({100.0 * found / mistakes:0.0} %); {harmless} changes were harmless");
        TestContext.Out.WriteLine($"by {string.Join(' ', codes)}");
        misses.ForEach(TestContext.Out.WriteLine);
        Assert.That(mistakes, Is.GreaterThanOrEqualTo(300));
        Assert.That(
            DiagnosticCatalog.Pages.Keys.Where(c => c is ['E', 'T', 'L', '1' or '2' or '3', ..]).Except(codes).Except(Elsewhere), Is.Empty, "codes that no mistake brings out");
        Assert.That(100.0 * found / mistakes, Is.GreaterThanOrEqualTo(98.0), string.Join('\n', misses));
    }

    // Null: told at its line. "harmless": a run does the same. Otherwise what was missed.
    private static async Task<string?> JudgeAsync(MistakeKind kind, string[] pipeline, Mutant mutant, SortedSet<string> codes)
    {
        var right = string.Join('\n', pipeline) + "\n";
        using var disk = Project();
        disk.Write(PipelineFile, right);
        var before = (await ProblemsAsync(disk, warnings: true)).Select(d => (d.Code, d.Message)).ToHashSet();
        disk.Write(kind.Contract ?? PipelineFile, mutant.Text);
        var told = (await ProblemsAsync(disk, warnings: true)).Where(d => !before.Contains((d.Code, d.Message))).ToList();
        var file = mutant.First > 0 ? kind.Contract ?? PipelineFile : PipelineFile;
        var here = told.Where(d => Path.GetFileName(d.Span.File) == file && (mutant.First == 0 || (d.Span.Line >= mutant.First && d.Span.Line <= mutant.Last))).ToList();
        if (here.Count > 0)
        {
            codes.UnionWith(here.Select(d => d.Code));
            return null;
        }

        if (told.Count > 0)
        {
            return $"told elsewhere than in lines {mutant.First} to {mutant.Last}: {told[0]}";
        }

        using var clean = Project();
        clean.Write(PipelineFile, right);
        var (wanted, got) = (await RunAsync(clean), await RunAsync(disk));
        return wanted == got ? "harmless" : $"not told, and a run gives: {got}";
    }

    private static async Task<IReadOnlyList<Diagnostic>> ProblemsAsync(Disk disk, bool warnings)
    {
        var told = new List<Diagnostic>();
        try
        {
            await using var compiled = await Runner.CompileAsync(new PipelineRunRequest(Path.Combine(disk.Folder, PipelineFile)) { Connects = false, Warn = told.AddRange });
            return warnings ? told : [];
        }
        catch (InvalidPipelineException e)
        {
            return [.. e.Diagnostics.Where(d => warnings || d.Severity == Severity.Error)];
        }
    }

    // How it ended, what was refused, and all rows of all targets.
    private static async Task<string> RunAsync(Disk disk)
    {
        var report = await Runner.RunAsync(new PipelineRunRequest(Path.Combine(disk.Folder, PipelineFile)), CancellationToken.None);
        List<string> text = [$"{report.Status} {report.Error?.Code}", .. report.DeadLetters.Select(d => string.Create(CultureInfo.InvariantCulture, $"{d.Stage} {d.Rows}"))];
        var folder = Path.Combine(disk.Folder, "out");
        using var duck = new DuckDBConnection("DataSource=:memory:");
        duck.Open();
        if (File.Exists(Path.Combine(folder, "duck.db")))
        {
            foreach (var table in Rows(duck, $"ATTACH '{folder}/duck.db' AS d (READ_ONLY); SELECT table_name FROM duckdb_tables() WHERE database_name = 'd' AND schema_name = 'main' ORDER BY 1"))
            {
                text.Add(table);
                text.AddRange(Rows(duck, $"SELECT CAST(t AS VARCHAR) FROM d.main.\"{table}\" t ORDER BY 1"));
            }
        }

        if (File.Exists(Path.Combine(folder, "lite.db")))
        {
            using var lite = new SqliteConnection($"Data Source={folder}/lite.db;Pooling=False;Mode=ReadOnly");
            lite.Open();
            foreach (var table in Rows(lite, "select name from sqlite_schema where type = 'table' and name not like '\\_etl%' escape '\\' order by 1"))
            {
                text.Add(table);
                text.AddRange(Rows(lite, $"select * from \"{table}\" order by 1"));
            }
        }

        var lake = Directory.Exists(Path.Combine(folder, "files")) ? Directory.GetFiles(Path.Combine(folder, "files"), "*.parquet", SearchOption.AllDirectories) : [];
        if (lake.Length > 0)
        {
            text.AddRange(Rows(duck, $"SELECT CAST(t AS VARCHAR) FROM (FROM read_parquet([{string.Join(", ", lake.Select(f => $"'{f}'"))}], union_by_name = true, hive_partitioning = false)) t ORDER BY 1"));
            text.AddRange(lake.Select(f => Path.GetDirectoryName(Path.GetRelativePath(folder, f))!).Distinct().Order(StringComparer.Ordinal));
        }

        return string.Join('\n', text);
    }

    private static List<string> Rows(DbConnection connection, string sql)
    {
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        using var reader = command.ExecuteReader();
        var rows = new List<string>();
        do
        {
            while (reader.Read())
            {
                rows.Add(string.Join('|', Enumerable.Range(0, reader.FieldCount).Select(i => Convert.ToString(reader.GetValue(i), CultureInfo.InvariantCulture))));
            }
        }
        while (reader.NextResult());

        return rows;
    }

    private static PipelineRunner Runner => new([], TimeProvider.System) { Shared = LoadedPlugins.Catalog };

    private static Disk Project()
    {
        var disk = new Disk();
        disk.Write("etl.yaml", "time_zone: UTC\n");
        disk.Write("connections.yaml", ValidPipeline.Connections);
        foreach (var (file, contract) in ValidPipeline.Contracts)
        {
            disk.Write(file, contract);
        }

        using var shop = new SqliteConnection($"Data Source={Path.Combine(disk.Folder, "shop.db")};Pooling=False");
        shop.Open();
        using var command = shop.CreateCommand();
        command.CommandText = ValidPipeline.Source;
        command.ExecuteNonQuery();
        return disk;
    }
}
