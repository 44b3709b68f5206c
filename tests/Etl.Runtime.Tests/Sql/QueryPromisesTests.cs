using Apache.Arrow;
using Apache.Arrow.Types;
using Etl.Contracts;
using Etl.DuckDb;
using Etl.Runtime.Sql;
using NUnit.Framework;

namespace Etl.Runtime.Tests.Sql;

/// <summary>
/// What queries keep of t(id! key, c!, v, w) and u(c! key, name!, note): each case says it, and rows that hold what the inputs promise show that it is true.
/// </summary>
public sealed class QueryPromisesTests
{
    private static readonly (string Sql, string Required, string Keys)[] Cases =
    [
        ("SELECT * FROM t", "id c", "id"),
        ("SELECT *, v * 2 AS d FROM t", "id c", "id"),
        ("SELECT id AS k, c, v FROM t", "k c", "k"),
        ("SELECT c, v FROM t", "c", ""),
        ("SELECT id + 1 AS id, c FROM t", "id c", ""),
        ("SELECT * REPLACE (c AS v) FROM t", "id c v", "id"),
        ("SELECT * EXCLUDE (id) FROM t", "c", ""),
        ("SELECT id, v FROM t WHERE v > 3", "id v", "id"),
        ("SELECT id, v, w FROM t WHERE v IS NOT NULL AND (w > 1 OR id = 2)", "id v", "id"),
        ("SELECT id, v FROM t WHERE v IS NULL", "id", "id"),
        ("SELECT id, coalesce(v, 0) AS a, CAST(c AS VARCHAR) AS b, try_cast(c AS INT) AS d, CASE WHEN v > 1 THEN 'x' ELSE 'y' END AS e, CASE WHEN v > 1 THEN 'x' END AS f FROM t", "id a b e", "id"),
        ("SELECT id, v IS NULL AS n, c || 'x' AS s, upper(c) AS p, v + 1 AS q, 1 AS one, NULL AS nil FROM t", "id n s p one", "id"),
        ("SELECT id, x FROM (SELECT id, v AS x FROM t WHERE v = 1) s", "id x", "id"),
        ("WITH s AS (SELECT id, v FROM t) SELECT * FROM s", "id", "id"),
        ("WITH t AS (SELECT v AS id FROM t) SELECT * FROM t", "", ""),
        ("SELECT t.id, u.name, u.note FROM t JOIN u ON t.c = u.c", "id name", "id"),
        ("SELECT t.id, u.name, u.c AS uc FROM t LEFT JOIN u ON t.c = u.c", "id", "id"),
        ("SELECT t.id, u.name FROM u JOIN t ON t.c = u.c", "id name", "id"),
        ("SELECT t.*, u.name FROM t JOIN u USING (c)", "id c name", "id"),
        ("SELECT * FROM t JOIN u USING (c)", "id c name", "id"),
        ("SELECT t.id, u.c AS uc FROM t JOIN u ON t.v = length(u.name)", "id uc", "id uc"),
        ("SELECT t.id, u.c AS uc FROM t, u", "id uc", "id uc"),
        ("SELECT t.id FROM t, u", "id", ""),
        ("SELECT a.id, b.id AS other FROM t a JOIN t b ON a.c = b.c", "id other", "id other"),
        ("SELECT a.id FROM t a JOIN t b ON a.id = b.id", "id", "id"),
        ("SELECT t.id FROM t SEMI JOIN u ON t.c = u.c", "id", "id"),
        ("SELECT t.id, u.name FROM t RIGHT JOIN u ON t.c = u.c", "", ""),
        ("SELECT t.id, u.name FROM t FULL JOIN u ON t.c = u.c", "", ""),
        ("SELECT c, count(*) AS n, sum(v) AS s FROM t GROUP BY c", "c n", "c"),
        ("SELECT c AS k, v, count(*) AS n FROM t GROUP BY 1, 2", "k n", "k v"),
        ("SELECT upper(c) AS k, max(id) AS m FROM t GROUP BY k", "k", "k"),
        ("SELECT c, count(*) AS n FROM t GROUP BY ROLLUP (c)", "", ""),
        ("SELECT max(id) AS m FROM t GROUP BY c", "", ""),
        ("SELECT c, count(*) AS n FROM t GROUP BY ALL", "c n", ""),
        ("SELECT max(id) AS m, count(v) AS n FROM t", "n", ""),
        ("SELECT DISTINCT c, v FROM t", "c", "c v"),
        ("SELECT DISTINCT ON (c) id, c FROM t ORDER BY v, id", "id c", "id"),
        ("SELECT id, c FROM t ORDER BY v LIMIT 3", "id c", "id"),
        ("SELECT id, unnest([1, 2]) AS i FROM t", "id", ""),
        ("SELECT id, row_number() OVER (ORDER BY id) AS r FROM t", "id", "id"),
        ("SELECT id, c FROM t UNION ALL SELECT id, c FROM t", "id c", ""),
        ("SELECT id, c FROM t UNION SELECT v, c FROM t", "c", "id c"),
        ("SELECT id, c FROM t EXCEPT SELECT v, c FROM t", "id c", "id"),
        ("SELECT s.id, s.z FROM t, LATERAL (SELECT t.id AS id, t.v AS z) s", "", ""),
        ("SELECT COLUMNS('id|c') FROM t", "", ""),
        ("SELECT i.range AS r FROM range(3) i", "", ""),
    ];

    [TestCaseSource(nameof(Cases))]
    public void A_query_keeps_what_its_form_allows_and_rows_agree((string Sql, string Required, string Keys) expected)
    {
        using var database = DuckDatabase.Open(null, new DuckSettings { Threads = 1 });
        using var connection = database.Connect();
        var inputs = new Dictionary<string, RowSchema>
        {
            ["t"] = Schema(["id"], ("id", Int32Type.Default, false), ("c", StringType.Default, false), ("v", Int32Type.Default, true), ("w", Int32Type.Default, true)),
            ["u"] = Schema(["c"], ("c", StringType.Default, false), ("name", StringType.Default, false), ("note", StringType.Default, true)),
        };
        var promises = QueryPromises.Of(SqlSyntax.Parse(expected.Sql), inputs);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(string.Join(' ', promises.Columns.Where(c => c.Required).Select(c => c.Name)), Is.EqualTo(expected.Required), "never NULL");
            Assert.That(string.Join('|', promises.NamedKeys.Select(k => string.Join(' ', k))), Is.EqualTo(expected.Keys), "unique");
        }

        // Values meet often, and c has some that no u has.
        connection.Execute("CREATE TABLE t AS SELECT i::INT AS id, 'c' || i % 5 AS c, CASE WHEN i % 3 = 0 THEN NULL ELSE i % 4 END::INT AS v, CASE WHEN i % 2 = 0 THEN i % 3 END::INT AS w FROM range(40) r(i)");
        connection.Execute("CREATE TABLE u AS SELECT 'c' || i AS c, repeat('n', i::INT) AS name, CASE WHEN i = 2 THEN 'x' END AS note FROM range(1, 8) r(i)");
        foreach (var column in promises.Columns.Where(c => c.Required))
        {
            Assert.That(connection.QueryText($"SELECT count(*)::VARCHAR FROM ({expected.Sql}) WHERE {SqlText.Quote(column.Name!)} IS NULL"), Is.EqualTo("0"), $"{column.Name} has NULL");
        }

        foreach (var key in promises.NamedKeys)
        {
            var columns = string.Join(", ", key.Select(SqlText.Quote));
            Assert.That(connection.QueryText($"SELECT count(*)::VARCHAR FROM (SELECT {columns} FROM ({expected.Sql}) GROUP BY ALL HAVING count(*) > 1)"), Is.EqualTo("0"), $"{columns} repeats");
        }
    }

    private static RowSchema Schema(IReadOnlyList<string> key, params (string Name, IArrowType Type, bool Nullable)[] columns) =>
        new(new Schema(columns.Select(c => new Field(c.Name, c.Type, c.Nullable)), null), key);
}
