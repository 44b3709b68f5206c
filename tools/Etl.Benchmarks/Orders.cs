using System.Globalization;

namespace Etl.Benchmarks;

/// <summary>The table that is moved, the transform, and sums over all columns of its result that can be compared between systems.</summary>
internal static class Orders
{
    /// <summary>Days over which the orders are scattered: the partitions of the lake.</summary>
    public const int Days = 180;

    /// <summary>The columns, in order.</summary>
    public const string Columns = "order_id, customer_id, status, amount, currency, created_at, updated_at, email, note, is_gift";

    /// <summary>Makes and fills the source, and a table of a tenth of it. Values are a function of the row's number, so that two runs have the same.</summary>
    public static string Create(long rows) => string.Create(CultureInfo.InvariantCulture, $"""
        CREATE TABLE orders (order_id bigint PRIMARY KEY, customer_id integer NOT NULL, status text NOT NULL, amount numeric(12,2) NOT NULL, currency text NOT NULL,
          created_at timestamptz NOT NULL, updated_at timestamptz NOT NULL, email text NOT NULL, note text, is_gift boolean NOT NULL);
        INSERT INTO orders
        SELECT g, h % 400000, (ARRAY['new ', 'Paid', 'SENT', ' cancelled', 'returned'])[1 + h % 5], (h % 2000000 + 1) / 100.0, (ARRAY['eur', 'USD', 'gbp'])[1 + h % 3],
          timestamptz '2026-01-01 00:00:00+00' + (h % {Days}) * interval '1 day' + (h % 86400) * interval '1 second',
          timestamptz '2026-07-01 00:00:00+00' + (h % 1000000) * interval '1 second',
          CASE WHEN h % 3 = 0 THEN ' User' ELSE 'user' END || h % 400000 || '@Example.COM',
          CASE WHEN h % 5 < 2 THEN NULL ELSE 'left at the door, bell ' || h % 100 END, h % 7 = 0
        FROM (SELECT g, (g * 2654435761) % 4294967291 AS h FROM generate_series(1, {rows}) AS g) AS numbered;
        CREATE TABLE tenth (LIKE orders INCLUDING INDEXES);
        INSERT INTO tenth SELECT * FROM orders WHERE order_id <= {rows / 10};
        """);

    /// <summary>The transform in SQL that both systems understand; the pipelines say the same in YAML.</summary>
    public const string Transformed = """
        SELECT order_id, customer_id, lower(trim(status)) AS status, amount, upper(currency) AS currency, created_at, updated_at, lower(trim(email)) AS email,
          coalesce(note, '') AS note, is_gift, CASE WHEN amount < 50 THEN 'small' WHEN amount < 5000 THEN 'medium' ELSE 'large' END AS size, CAST(created_at AS date) AS day FROM orders
        """;

    /// <summary>What takes rows from <c>staged</c> to a table with the same columns, as everybody writes it.</summary>
    public static string Upsert(string target, string columns) => $"""
        INSERT INTO {target} AS t ({columns}) SELECT {columns} FROM staged ON CONFLICT (order_id) DO UPDATE SET
        {string.Join(", ", columns.Split(", ").Skip(1).Select(c => $"{c} = excluded.{c}"))}
        """;

    /// <summary>Count, sum and a hash of all columns, in PostgreSQL; as <see cref="DuckSums"/> has them.</summary>
    public static string PostgresSums(string relation) =>
        $"SELECT count(*) || ' ' || sum(amount) || ' ' || sum(('x' || left(md5({Row("(extract(epoch FROM created_at) * 1000000)::bigint", "(extract(epoch FROM updated_at) * 1000000)::bigint")}), 8))::bit(32)::bigint) FROM {relation} AS t";

    /// <summary>The same in DuckDB.</summary>
    public static string DuckSums(string relation) =>
        $"SELECT count(*) || ' ' || sum(amount) || ' ' || sum(CAST('0x' || left(md5({Row("epoch_us(created_at)", "epoch_us(updated_at)")}), 8) AS BIGINT)) FROM {relation} AS t";

    private static string Row(string created, string updated) =>
        $"concat_ws('|', order_id, customer_id, status, amount, currency, {created}, {updated}, email, coalesce(note, '-'), CAST(is_gift AS integer), size, CAST(day AS text))";
}
