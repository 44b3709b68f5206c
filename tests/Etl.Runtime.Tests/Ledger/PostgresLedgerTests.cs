using Etl.Contracts;
using Etl.Runtime.Ledger;
using Npgsql;
using NUnit.Framework;

namespace Etl.Runtime.Tests.Ledger;

/// <summary>On the server that <c>ETL_TEST_POSTGRES</c> names, which <c>tools/test</c> starts; in a database of its own.</summary>
[Category("Integration")]
public sealed class PostgresLedgerTests : LedgerTests
{
    private const string Database = "etl_ledger_tests";

    private PostgresLedger ledger = null!;

    protected override ILedger Ledger => ledger;

    private static string Server =>
        Environment.GetEnvironmentVariable("ETL_TEST_POSTGRES") ?? throw new InvalidOperationException("ETL_TEST_POSTGRES names no server; run the tests by tools/test");

    private static string Own => new NpgsqlConnectionStringBuilder(Server) { Database = Database, Pooling = false }.ToString();

    [OneTimeSetUp]
    public static async Task Create()
    {
        await ExecuteAsync(Server, $"drop database if exists {Database} with (force)");
        await ExecuteAsync(Server, $"create database {Database}");
    }

    [OneTimeTearDown]
    public static Task Drop() => ExecuteAsync(Server, $"drop database if exists {Database} with (force)");

    [SetUp]
    public async Task Open()
    {
        await ExecuteAsync(Own, "drop schema if exists _etl cascade");
        ledger = Open(Own);
    }

    [TearDown]
    public async Task Close() => await ledger.DisposeAsync();

    [Test]
    public async Task A_newer_ledger_is_refused()
    {
        await ledger.ListAsync(new RunFilter(), default);
        await ExecuteAsync(Own, "update _etl.ledger_version set version = 99");

        await using var older = Open(Own);
        Assert.That(
            () => older.ListAsync(new RunFilter(), default),
            Throws.TypeOf<EtlException>().With.Message.Contains("has version 99; this version knows up to 1").And.Property("Code").EqualTo("ETL4610"));
    }

    [Test]
    public async Task A_server_that_is_not_there_is_told_without_the_password()
    {
        await using var lost = Open("Host=127.0.0.1;Port=1;Username=u;Password=S3cr3t;Database=d");

        var error = (await Assert.ThrowsAsync<EtlException>(() => lost.ListAsync(new RunFilter(), default)))!;

        Assert.That(error.Code, Is.EqualTo("ETL4611"));
        Assert.That(error.Message, Does.StartWith("the ledger in 127.0.0.1:1/d cannot be opened:").And.Not.Contain("S3cr3t"));
    }

    [Test]
    public async Task Several_processes_that_make_it_at_once_do_not_disturb_each_other()
    {
        await Task.WhenAll(Enumerable.Range(0, 6).Select(async i =>
        {
            await using var other = Open(Own);
            await other.StartAsync(Start($"r{i}", DateTimeOffset.UnixEpoch), default);
        }));

        Assert.That(await ledger.ListAsync(new RunFilter(), default), Has.Count.EqualTo(6));
    }

    private static async Task ExecuteAsync(string server, string sql)
    {
        await using var connection = new NpgsqlConnection(server);
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync();
    }

    private static PostgresLedger Open(string connectionString) => new(
        async cancel =>
        {
            var connection = new NpgsqlConnection(connectionString);
            await connection.OpenAsync(cancel);
            return connection;
        },
        new NpgsqlConnectionStringBuilder(connectionString) is var c ? FormattableString.Invariant($"{c.Host}:{c.Port}/{c.Database}") : "");
}
