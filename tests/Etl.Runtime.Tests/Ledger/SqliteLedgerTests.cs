using System.Runtime.Versioning;
using Dapper;
using Etl.Contracts;
using Etl.Runtime.Ledger;
using Etl.Runtime.Tests.Reports;
using Microsoft.Data.Sqlite;
using NUnit.Framework;

namespace Etl.Runtime.Tests.Ledger;

[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class SqliteLedgerTests : LedgerTests, IDisposable
{
    private readonly DirectoryInfo folder = Directory.CreateTempSubdirectory("etl-ledger-");

    public SqliteLedgerTests() => Ledger = new SqliteLedger(File);

    protected override ILedger Ledger { get; }

    private string File => Path.Combine(folder.FullName, ".etl", "ledger.db");

    public void Dispose() => folder.Delete(recursive: true);

    [Test]
    public async Task Looking_at_a_ledger_that_is_not_there_makes_none()
    {
        Assert.That(await Ledger.ListAsync(new RunFilter(), default), Is.Empty);
        Assert.That(await Ledger.ShowAsync("r1", default), Is.Null);
        Assert.That(System.IO.File.Exists(File), Is.False);
    }

    [Test]
    [Platform(Exclude = "Win")]
    [UnsupportedOSPlatform("windows")]
    public async Task Only_its_owner_can_read_it()
    {
        await Ledger.FinishAsync(SampleReports.Succeeded, default);

        Assert.That(System.IO.File.GetUnixFileMode(File), Is.EqualTo(UnixFileMode.UserRead | UnixFileMode.UserWrite));
        Assert.That(
            System.IO.File.GetUnixFileMode(Path.GetDirectoryName(File)!),
            Is.EqualTo(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute));
    }

    [Test]
    public async Task Stages_rules_and_loads_can_be_asked_in_SQL()
    {
        await Ledger.FinishAsync(SampleReports.Succeeded, default);

        await using var connection = new SqliteConnection($"Data Source={File};Pooling=False");
        Assert.That(await connection.ExecuteScalarAsync<long>("select sum(dead_lettered) from run_stage"), Is.EqualTo(42));
        Assert.That(await connection.QueryAsync<string>("select rule || ' ' || action || ' ' || outcome from run_rule order by rule"), Is.EqualTo(new[]
        {
            "amount_positive dead_letter broken", "email_present dead_letter passed", "few_refusals fail accepted", "status_known exclude broken",
        }));
        Assert.That(await connection.ExecuteScalarAsync<long>("select sum(inserted) from run_load"), Is.EqualTo(2_403_951));
    }

    [Test]
    public async Task A_newer_ledger_is_refused_and_left_as_it_is()
    {
        await Ledger.FinishAsync(SampleReports.Succeeded, default);
        await using (var connection = new SqliteConnection($"Data Source={File};Pooling=False"))
        {
            await connection.ExecuteAsync("pragma user_version = 99");
        }

        await using var older = new SqliteLedger(File);
        Assert.That(
            () => older.ListAsync(new RunFilter(), default),
            Throws.TypeOf<EtlException>().With.Message.EqualTo($"the ledger {File} has version 99; this version knows up to 1").And.Property("Code").EqualTo("ETL4610"));
    }

    [Test]
    public async Task A_file_that_is_no_ledger_is_told_so()
    {
        Directory.CreateDirectory(Path.GetDirectoryName(File)!);
        await System.IO.File.WriteAllTextAsync(File, new string('x', 4096));

        Assert.That(
            () => Ledger.StartAsync(Start("r1", DateTimeOffset.UnixEpoch), default),
            Throws.TypeOf<EtlException>().With.Message.EqualTo($"the ledger {File} cannot be opened: SQLite Error 26: 'file is not a database'.").And.Property("Code").EqualTo("ETL4611"));
    }

    [Test]
    public async Task Several_processes_that_make_it_at_once_do_not_disturb_each_other()
    {
        await Task.WhenAll(Enumerable.Range(0, 8).Select(async i =>
        {
            await using var ledger = new SqliteLedger(File);
            await ledger.FinishAsync(SampleReports.Succeeded with { RunId = $"r{i}" }, default);
        }));

        Assert.That(await Ledger.ListAsync(new RunFilter(Limit: 100), default), Has.Count.EqualTo(8));
    }
}
