using Apache.Arrow;
using Apache.Arrow.Types;
using Etl.Contracts;
using Etl.DuckDb;
using Etl.Runtime.Sql;
using NUnit.Framework;

namespace Etl.Runtime.Tests.Sql;

/// <summary>Queries are typed over relations that nobody has made: as over empty tables, and as a run will find its inputs.</summary>
public sealed class TypeBinderTests
{
    private TypeBinder _binder = null!;

    [SetUp]
    public void Declare()
    {
        _binder = new TypeBinder();
        _binder.Declare("orders", Of("id", "amount"));
    }

    [TearDown]
    public void Dispose() => _binder.Dispose();

    [TestCase("select * from orders", "id amount")]
    [TestCase("select o.id from ORDERS o join orders using (id)", "id")]
    [TestCase("with x as (select 1 as orders) select x.orders, orders.id from x, orders", "orders id")]
    [TestCase("with orders as (select id from orders) select * from orders", "id")]
    [TestCase("select id from main . \"orders\"", "id")]
    public void An_input_is_found(string sql, string columns) => Assert.That(Columns(sql), Is.EqualTo(columns));

    // As a run would, but before it.
    [TestCase("select * from public.orders")]
    [TestCase("select * from warehouse.public.orders")]
    [TestCase("select rowid from orders")]
    [TestCase("select id from order_lines")]
    public void What_is_no_input_is_not(string sql) => Assert.That(() => Columns(sql), Throws.TypeOf<DuckException>());

    [TestCase("pg_settings")]
    [TestCase("pg_tables")]
    [TestCase("sqlite_master")]
    [TestCase("duckdb_columns")]
    public void An_input_may_be_called_as_one_of_DuckDBs_own_views(string name)
    {
        _binder.Declare(name, Of("mine"));
        Assert.That(Columns($"select * from {name}"), Is.EqualTo("mine"));
    }

    [Test]
    public void After_an_error_an_input_is_what_it_was_declared_as_last()
    {
        var error = Assert.Throws<DuckException>(() => Columns("select * from ordrs"));
        Assert.That(error!.Hint, Does.Contain("orders"), "the table that is called nearly so");
        _binder.Declare("orders", Of("other"));
        Assert.That(Columns("select * from orders"), Is.EqualTo("other"));
    }

    [Test]
    public void Another_binder_has_other_inputs()
    {
        using var other = new TypeBinder();
        Assert.That(() => other.Bind("select * from orders", new Dictionary<string, object>()), Throws.TypeOf<DuckException>());
    }

    private string Columns(string sql) => string.Join(' ', _binder.Bind(sql, new Dictionary<string, object>()).Schema.FieldsList.Select(f => f.Name));

    private static RowSchema Of(params string[] columns) => new(new Schema(columns.Select(c => new Field(c, Int64Type.Default, true)), null), []);
}
