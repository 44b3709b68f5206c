using Apache.Arrow.Types;
using Etl.Contracts;
using Etl.Plugins.Postgres;
using Npgsql;
using NUnit.Framework;

namespace Etl.Plugins.Tests.Postgres;

public sealed class ConnectionTests
{
    [Test]
    public async Task Check_comes_back_from_a_server_that_is_well()
    {
        await using var db = await TestDatabase.CreateAsync();
        await db.Connection.CheckAsync(CancellationToken.None);
        Assert.That(db.Connection.Display, Is.EqualTo($"postgres://{db.Options.Host}:{db.Options.Port}/{db.Name}"));
    }

    [Test]
    public async Task A_wrong_password_is_told_without_it()
    {
        await using var db = await TestDatabase.CreateAsync();
        var error = await ErrorOfAsync(db.Options with { Password = "S3cr3t-CANARY" });
        Assert.That(Text(error), Is.EqualTo($"ETL4451: {db.Connection.Display} refused the user '{db.Options.User}'. Check the user, the password and the server's pg_hba.conf."));
        Assert.That(error.ToString(), Does.Not.Contain("CANARY"));
        Assert.That(db.Connection.IsTransient(error), Is.False);
    }

    [Test]
    public async Task A_missing_password_is_told()
    {
        await using var db = await TestDatabase.CreateAsync();
        Assert.That(Text(await ErrorOfAsync(db.Options with { Password = null })), Is.EqualTo(
            $"ETL4451: {db.Connection.Display} refused the user '{db.Options.User}'. No password is set on the connection; the server asks for one."));
    }

    [Test]
    public async Task A_missing_database_is_told()
    {
        await using var db = await TestDatabase.CreateAsync();
        Assert.That(Text(await ErrorOfAsync(db.Options with { Database = "nowhere" })), Is.EqualTo(
            $"ETL4452: there is no database 'nowhere' at {db.Options.Host}:{db.Options.Port}. Check the connection's database."));
    }

    [Test]
    public async Task An_unreachable_host_is_told_and_may_come_back()
    {
        await using var db = await TestDatabase.CreateAsync();
        var error = await ErrorOfAsync(db.Options with { Host = "127.0.0.1", Port = 1 });
        Assert.That(Text(error), Is.EqualTo("ETL4450: 127.0.0.1:1 cannot be reached: Connection refused. Check host and port, and that the server listens there."));
        Assert.That(db.Connection.IsTransient(error), Is.True);
    }

    [Test]
    public async Task A_server_without_TLS_is_refused_where_TLS_is_required()
    {
        await using var db = await TestDatabase.CreateAsync();
        Assert.That(Text(await ErrorOfAsync(db.Options with { SslMode = PostgresSslMode.VerifyFull })), Is.EqualTo(
            $"ETL4453: {db.Options.Host}:{db.Options.Port} offers no TLS, and the connection requires it. Switch TLS on at the server. For a network that you trust, ssl_mode: prefer or disable."));
    }

    [TestCase("40001", true)]
    [TestCase("40P01", true)]
    [TestCase("08006", true)]
    [TestCase("53300", true)]
    [TestCase("55P03", true)]
    [TestCase("57P01", true)]
    [TestCase("57014", true)]
    [TestCase("53100", false)]
    [TestCase("28P01", false)]
    [TestCase("42P01", false)]
    [TestCase("23505", false)]
    public async Task What_may_pass_by_itself_is_known_by_its_state(string sqlState, bool transient)
    {
        await using var connection = new PostgresConnection(new PostgresConnectionOptions { Host = "h", Database = "d", User = "u" });
        var wrapped = new EtlException("ETL4999", "wrapped", null, new PostgresException("m", "ERROR", "ERROR", sqlState));
        Assert.That(connection.IsTransient(wrapped), Is.EqualTo(transient));
    }

    [Test]
    public async Task A_session_for_reading_cannot_write()
    {
        await using var db = await TestDatabase.CreateAsync();
        await using var session = await db.Connection.OpenSourceAsync(CancellationToken.None);
        await using var command = new NpgsqlCommand("CREATE TABLE x (i int)", session);
        Assert.That(command.ExecuteNonQuery, Throws.TypeOf<PostgresException>().With.Property("SqlState").EqualTo("25006"));
    }

    [Test]
    public async Task Every_session_has_the_settings_that_text_depends_on()
    {
        await using var db = await TestDatabase.CreateAsync();
        await db.RunAsync($"ALTER DATABASE {db.Name} SET TimeZone = 'America/New_York'");
        for (var use = 0; use < 2; use++)
        {
            await using var session = await db.Connection.OpenTargetAsync(CancellationToken.None);
            await using var command = new NpgsqlCommand(
                "SELECT concat_ws(' ', current_setting('TimeZone'), current_setting('extra_float_digits'), current_setting('IntervalStyle'), current_setting('DateStyle'), current_setting('bytea_output'), current_setting('application_name'), current_setting('search_path'))", session);
            Assert.That(await command.ExecuteScalarAsync(), Is.EqualTo("UTC 3 iso_8601 ISO, MDY hex etl \"public\",public"));
        }
    }

    [Test]
    public async Task Tables_are_listed_by_pattern_and_described()
    {
        await using var db = await TestDatabase.CreateAsync();
        await db.RunAsync(
            """
            CREATE SCHEMA "odd schema";
            CREATE TABLE orders (customer int, "Line No" int, amount numeric(12,2) NOT NULL, tags text[], PRIMARY KEY ("Line No", customer));
            CREATE VIEW order_view AS SELECT * FROM orders;
            CREATE TABLE "odd schema"."my ""x"" table" (i int);
            """);
        Assert.That(await db.Connection.ListTablesAsync("*", CancellationToken.None), Is.EqualTo(new[] { "order_view", "orders" }));
        Assert.That(await db.Connection.ListTablesAsync("ord?rs", CancellationToken.None), Is.Empty);
        Assert.That(await db.Connection.ListTablesAsync("*.*", CancellationToken.None), Is.EqualTo(new[] { "odd schema.my \"x\" table", "public.order_view", "public.orders" }));
        Assert.That(await db.Connection.DescribeTableAsync("odd schema.my \"x\" table", CancellationToken.None), Is.Not.Null);
        Assert.That(await db.Connection.DescribeTableAsync("nothing", CancellationToken.None), Is.Null);

        var orders = (await db.Connection.DescribeTableAsync("orders", CancellationToken.None))!;
        Assert.That(orders.PrimaryKey, Is.EqualTo(new[] { "Line No", "customer" }));
        Assert.That(orders.Columns.Select(c => c.PhysicalType), Is.EqualTo(new[] { "integer", "integer", "numeric(12,2)", "text[]" }));
        Assert.That(orders.Columns[2].Field.DataType, Is.TypeOf<Decimal128Type>());
        Assert.That(orders.Columns.Select(c => c.Field.IsNullable), Is.EqualTo(new[] { false, false, false, true }));
        Assert.That((await db.Connection.DescribeTableAsync("order_view", CancellationToken.None))!.PrimaryKey, Is.Empty);
    }

    private static string Text(EtlException e) => $"{e.Code}: {e.Message}. {e.Hint}";

    private static async Task<EtlException> ErrorOfAsync(PostgresConnectionOptions options)
    {
        await using var connection = new PostgresConnection(options);
        try
        {
            await connection.CheckAsync(CancellationToken.None);
        }
        catch (EtlException e)
        {
            return e;
        }

        throw new AssertionException("it connected");
    }
}
