using System.Net;
using System.Net.Sockets;
using Apache.Arrow;
using Apache.Arrow.Types;
using Etl.Contracts;
using Etl.Plugins.Redshift;
using Etl.Plugins.Redshift.Extract;
using Etl.Plugins.Tests.Postgres;
using NUnit.Framework;
using static Etl.Plugins.Tests.TypedRows;

namespace Etl.Plugins.Tests.Redshift;

/// <summary>What a person reads when Redshift cannot be reached or read, whole.</summary>
[Category("Integration")]
public sealed class RedshiftSourceErrorTextTests
{
    private static readonly DataContract Orders = Contract("orders", [], ("id", Int64Type.Default), ("status", StringType.Default), ("made_at", Timestamp));

    private static IEnumerable<TestCaseData> Connections()
    {
        yield return Case("to_a_port_where_nobody_listens", (o, _) => o with { Port = 1 }, """
            ETL4630: 127.0.0.1:1 cannot be reached: Connection refused
              Check host and port, and that the cluster's security group lets this machine in.
            """);
        yield return Case("to_a_cluster_that_does_not_answer", (o, others) => o with { Port = others.Silent, ConnectTimeout = TimeSpan.FromSeconds(1) }, """
            ETL4630: 127.0.0.1:SILENT did not answer within 1 s
              Check host and port, and that the cluster is not paused.
            """);
        yield return Case("to_something_that_hangs_up", (o, others) => o with { Port = others.Deaf }, """
            ETL4630: 127.0.0.1:DEAF ended the connection before the session was open: Attempted to read past the end of the stream.
              Check host and port: something else may listen there.
            """);
        yield return Case("to_no_database", (o, _) => o with { Database = "nothere" }, """
            ETL4630: redshift://127.0.0.1:PORT/nothere refused the session: database "nothere" does not exist (3D000)
              Check database, and that the user may connect to it.
            """);
        yield return Case("with_another_password", (o, _) => o with { Password = "wrong" }, """
            ETL4631: redshift://127.0.0.1:PORT/DATABASE refused the user 'dwh'
              Check the user and the password.
            """);
        yield return Case("without_TLS_where_it_is_required", (o, _) => o with { Tls = RedshiftTls.Require }, """
            ETL4634: 127.0.0.1:PORT offers no TLS, and the connection requires it
              For a network that you trust, tls: prefer or disable.
            """);

        static TestCaseData Case(string name, Func<RedshiftConnectionOptions, (int Silent, int Deaf), RedshiftConnectionOptions> change, string told) => new TestCaseData(change, told).SetArgDisplayNames(name);
    }

    [TestCaseSource(nameof(Connections))]
    public async Task A_session(Func<RedshiftConnectionOptions, (int Silent, int Deaf), RedshiftConnectionOptions> change, string told)
    {
        await using var warehouse = await Warehouse.StartAsync();
        using var silent = new TcpListener(IPAddress.Loopback, 0);
        using var deaf = new TcpListener(IPAddress.Loopback, 0);
        silent.Start();
        deaf.Start();
        _ = HangUpAsync(deaf);
        var (silentPort, deafPort) = (((IPEndPoint)silent.LocalEndpoint).Port, ((IPEndPoint)deaf.LocalEndpoint).Port);
        await using var connection = warehouse.Connect(o => change(o, (silentPort, deafPort)));
        Assert.That(await ToldAsync(warehouse, async () => await connection.CheckAsync(default), ($":{silentPort}", ":SILENT"), ($":{deafPort}", ":DEAF")), Is.EqualTo(told));
    }

    // On each client, after its first words.
    private static async Task HangUpAsync(TcpListener listener)
    {
        try
        {
            while (true)
            {
                using var client = await listener.AcceptTcpClientAsync();
                await client.GetStream().ReadExactlyAsync(new byte[8]);
            }
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // The test is over.
        }
    }

    [Test]
    public async Task A_certificate_of_another_authority()
    {
        await using var warehouse = await Warehouse.StartAsync();
        using var authority = TlsFront.Authority("other");
        using var certificate = TlsFront.Certificate(authority, "127.0.0.1", validForDays: 30);
        using var front = new TlsFront(certificate, "127.0.0.1", warehouse.Server.Port);
        await using var connection = warehouse.Connect(o => o with { Port = front.Port, Tls = RedshiftTls.VerifyFull });
        Assert.That(await ErrorText.OfAsync(async () => await connection.CheckAsync(default), ($":{front.Port}", ":PORT")), Is.EqualTo("""
            ETL4634: the TLS certificate of 127.0.0.1:PORT is not accepted: The remote certificate was rejected by the provided RemoteCertificateValidationCallback.
              Set tls_root_certificate to the authority that signed it, or use the host name that the certificate is for.
            """));
    }

    private static IEnumerable<TestCaseData> Extractions()
    {
        yield return Table("no_table", o => o with { Table = "oders" }, """
            ETL4638: there is no table public.oders in redshift://127.0.0.1:PORT/DATABASE, or the user may not see its schema
              Check the name and the connection's schema.
              at table
            """);
        yield return Table("a_table_that_is_not_as_declared", o => o, """
            ETL4638: public.orders is not what its contract says: column 'id' can be NULL, the contract says required; column 'city' is not there; column 'made_at' is timestamp without time zone, the contract says date
              Import the contract again (etl contract import) and look at the difference, or correct the source.
            """, new DataContract("orders", "1", "orders", [Column("id", Int64Type.Default, false), Column("city", StringType.Default, true), Column("made_at", Date32Type.Default, true)], "orders.yaml"));
        yield return Table("a_declared_type_that_it_does_not_have", o => o, """
            ETL4670: column 'at' is declared as time64, which Redshift, or UNLOAD to Parquet, does not have
              Correct the contract.
            """, Contract("orders", [], ("at", Time)));
        yield return Table("a_cursor_with_a_fraction", o => o with { Incremental = new() { Cursor = "rate" } }, """
            ETL4686: the cursor 'rate' is no time, date, number or text that is compared exactly
              Take another column.
              at incremental.cursor
            """, Contract("orders", [], ("rate", DoubleType.Default)));
        yield return Query("SQL_that_it_does_not_take", "SELECT id, status, made_at FROM oders", """
            ETL4635: the SQL cannot run: relation "oders" does not exist (42P01)
              Correct the SQL, or grant the connection's user what it needs.
              at query
            """);
        yield return Query("SQL_that_would_leave_its_place", "SELECT id FROM orders)", """
            ETL4635: the SQL cannot run: a parenthesis is closed that was not opened
              It is put into UNLOAD: its quotes, comments and parentheses must be closed, and it must be one SELECT or one condition.
              at query+21
            """);
        yield return Query("no_such_parameter", "SELECT id FROM orders WHERE status = $state", """
            ETL4687: there is no parameter $state
              There are: $run_id, $status.
              at query+37
            """);

        static TestCaseData Table(string name, Func<RedshiftTableExtractOptions, RedshiftTableExtractOptions> change, string told, DataContract? contract = null) =>
            new TestCaseData((RedshiftConnection c) => (IExtractor)new RedshiftTableExtractor(change(new() { Table = "orders" }), c, Warehouse.Context), contract ?? Orders, told).SetArgDisplayNames(name);

        static TestCaseData Query(string name, string sql, string told) =>
            new TestCaseData((RedshiftConnection c) => (IExtractor)new RedshiftQueryExtractor(new() { Query = sql }, c, Warehouse.Context), Orders, told).SetArgDisplayNames(name);

        static ContractColumn Column(string name, IArrowType type, bool nullable) => new(new Field(name, type, nullable), null, null, false, null);
    }

    [TestCaseSource(nameof(Extractions))]
    public async Task There_is(Func<RedshiftConnection, IExtractor> extractor, DataContract contract, string told)
    {
        await using var warehouse = await WithOrdersAsync();
        Assert.That(await ToldAsync(warehouse, () => OpenAsync(extractor(warehouse.Connection), contract)), Is.EqualTo(told));
    }

    [Test]
    public async Task An_increment_that_would_be_appended_or_is_of_another_table()
    {
        await using var warehouse = await WithOrdersAsync();
        var extractor = new RedshiftTableExtractor(new() { Table = "orders", Incremental = new() { Cursor = "made_at" } }, warehouse.Connection, Warehouse.Context);
        Assert.That(await ToldAsync(warehouse, async () => await extractor.OpenAsync(Orders, once: true)), Is.EqualTo("""
            ETL4686: public.orders is read with an overlap, whose rows would be appended again in each run
              Use mode: upsert with a key.
              at incremental
            """));
        SourcePosition reached;
        await using (var extraction = await extractor.OpenAsync(Orders))
        {
            reached = extraction.Reached;
        }

        var identity = reached.Identity[(reached.Identity.LastIndexOf('/') + 1)..];
        Assert.That(await ToldAsync(warehouse, async () => await extractor.OpenAsync(Orders, reached with { Identity = "redshift://old:5439/dwh/7" }), ($"/{identity}", "/ID")), Is.EqualTo("""
            ETL4639: the stored position is of redshift.table/1 redshift://old:5439/dwh/7; this reads redshift.table/1 redshift://127.0.0.1:PORT/DATABASE/ID
              The table was made anew, or the connection leads elsewhere. If that is meant, run with --full-refresh.
            """));
    }

    [Test]
    public async Task A_file_that_is_gone_before_it_is_read()
    {
        await using var warehouse = await WithOrdersAsync();
        var extractor = new RedshiftTableExtractor(new() { Table = "orders" }, warehouse.Connection, Warehouse.Context);
        await using var extraction = await extractor.OpenAsync(Orders);
        var key = extraction.Splits[0].Spec["key"]!.GetValue<string>();
        File.Delete(Path.Combine(warehouse.BucketFolder, key));
        Assert.That(await ToldAsync(warehouse, () => ReadAllAsync(extraction), (key, "FILE")), Is.EqualTo("""
            ETL4685: what UNLOAD wrote cannot be read: FILE is not in the store
              Nothing was published. Run again; if it comes back, something else writes to the staging store.
            """));
    }

    [Test]
    public async Task A_script_that_it_does_not_take()
    {
        await using var warehouse = await Warehouse.StartAsync();
        Assert.That(await ToldAsync(warehouse, async () => await warehouse.Connection.ExecuteScriptAsync("DROP TABLE oders", default)), Is.EqualTo("""
            ETL4635: the script failed: table "oders" does not exist (42P01)
              Correct the statement that the cluster names, or grant the connection's user what it needs.
            """));
    }

    private static async Task<Warehouse> WithOrdersAsync()
    {
        var warehouse = await Warehouse.StartAsync();
        await warehouse.RunAsync("CREATE TABLE orders (id bigint, status varchar(10), made_at timestamp)");
        await warehouse.RunAsync("INSERT INTO orders VALUES (1, 'new', '2026-01-01 10:00:00')");
        return warehouse;
    }

    private static async Task OpenAsync(IExtractor extractor, DataContract contract)
    {
        var parameters = new Dictionary<string, object> { ["run_id"] = "r1", ["status"] = "new" };
        await using var extraction = await extractor.OpenAsync(new(contract, extractor.DescribeOutput(contract), null, 1000, 2, parameters), default);
        await ReadAllAsync(extraction);
    }

    private static Task<string> ToldAsync(Warehouse warehouse, Func<Task> act, params (string, string)[] varying) =>
        ErrorText.OfAsync(act, [(warehouse.Behind.Name, "DATABASE"), ($":{warehouse.Server.Port}", ":PORT"), .. varying]);
}
