using Microsoft.Data.Sqlite;

namespace Etl.EndToEnd.Tests;

/// <summary>
/// What the quickstart's targets must hold, computed by SQLite from the shop's table: after each round it applies the rows beyond the last
/// (updated_at, order_id), one for each reference, to a table of its own. In memory; shares nothing with the framework.
/// </summary>
internal sealed class QuickstartOracle : IDisposable
{
    private readonly SqliteConnection _connection = new("Data Source=:memory:");

    public QuickstartOracle(string shop)
    {
        _connection.Open();
        Execute(
            $"""
            attach '{shop}' as shop;
            create table reached (updated_at text, order_id integer);
            insert into reached values ('', 0);
            create table target (external_ref text primary key, line text not null, gross integer not null);
            create table letters (order_id integer, rule text);
            """);
    }

    /// <summary>Rows of the warehouse and of the lake.</summary>
    public IReadOnlyList<string> Target => Query("select line from target");

    /// <summary>Rows refused in the last round: order and rule.</summary>
    public IReadOnlyList<string> Letters => Query("select order_id || ' ' || rule from letters");

    /// <summary>The sum of gross, in cents.</summary>
    public string Gross => Query("select sum(gross) from target")[0];

    /// <summary>Applies what is new in the shop; says how many rows that was.</summary>
    public long Advance()
    {
        Execute(
            """
            delete from letters;
            create temp table fresh as
            select o.*, row_number() over (partition by external_ref order by updated_at desc, order_id desc) as place
            from shop.orders as o where (updated_at, order_id) > (select updated_at, order_id from reached);
            """);
        var count = Query("select count(*) from fresh")[0];
        Execute(
            $"""
            create temp table judged as
            select *, case
                when deleted_at is not null then 'deleted'
                when amount is null or amount <= 0 then 'amount_positive'
                when status is null or status not in ('new', 'paid', 'sent', 'cancelled') then 'status_known'
                when currency not in ('EUR', 'USD', 'GBP') then 'currency_known'
                else 'passed' end as fate
            from (
                select order_id, external_ref, customer_id, nullif(lower(trim(email)), '') as email, nullif(lower(trim(status)), '') as status,
                    coalesce(nullif(upper(trim(currency)), ''), 'EUR') as currency, amount, cast(round(amount * 100) as integer) as cents, nullif(note, '') as note,
                    created_at, updated_at, deleted_at
                from fresh where place = 1);
            delete from target where external_ref in (select external_ref from judged where fate = 'deleted');
            insert into letters select order_id, fate from judged where fate not in ('passed', 'deleted');
            insert or replace into target
            select external_ref,
                {Rows.Line("order_id", "external_ref", "customer_id", "email", "status", "currency", "printf('%d.%02d', cents / 100, cents % 100)", "note",
                    "strftime('%s', created_at)", "strftime('%s', updated_at)", "strftime('%s', deleted_at)", "printf('%d.%02d', gross / 100, gross % 100)", "substr(created_at, 1, 10)")},
                gross
            from (select *, (cents * 121 + 50) / 100 as gross from judged where fate = 'passed');
            update reached set (updated_at, order_id) = (select updated_at, order_id from fresh order by updated_at desc, order_id desc limit 1) where exists (select 1 from fresh);
            drop table fresh;
            drop table judged;
            """);
        return long.Parse(count, System.Globalization.CultureInfo.InvariantCulture);
    }

    /// <summary>The same row from a table in DuckDB or PostgreSQL.</summary>
    public static string Line { get; } = Rows.Line(
        "cast(order_id as varchar)", "external_ref", "cast(customer_id as varchar)", "email", "status", "currency", "cast(amount as varchar)", "note",
        Seconds("created_at"), Seconds("updated_at"), Seconds("deleted_at"), "cast(gross as varchar)", "cast(order_date as varchar)");

    public void Dispose() => _connection.Dispose();

    private static string Seconds(string column) => $"cast(cast(extract(epoch from {column}) as bigint) as varchar)";

    private void Execute(string sql)
    {
        using var command = _connection.CreateCommand();
        command.CommandText = sql;
        command.ExecuteNonQuery();
    }

    private List<string> Query(string sql)
    {
        using var command = _connection.CreateCommand();
        command.CommandText = sql;
        using var reader = command.ExecuteReader();
        var rows = new List<string>();
        while (reader.Read())
        {
            rows.Add(reader.GetString(0));
        }

        return rows;
    }
}
