using Etl.Runtime.Compilation.Lineage;
using Etl.Runtime.Sql;
using NUnit.Framework;

namespace Etl.Runtime.Tests.Compilation;

/// <summary>Where the columns of a query come from: tables t(a, b, c, d), u(a, x, y) and w(l).</summary>
public sealed class LineageQueryTests
{
    private static readonly (string Sql, string Columns, string Rows)[] Cases =
    [
        ("SELECT a, b AS z FROM t", "a=t.a:identity z=t.b:identity", ""),
        ("SELECT * FROM t", "a=t.a:identity b=t.b:identity c=t.c:identity d=t.d:identity", ""),
        ("SELECT * EXCLUDE (a, d) REPLACE (b + c AS b) FROM t", "b=t.b:transformation,t.c:transformation c=t.c:identity", ""),
        ("SELECT u.*, t.b FROM t, u", "a=u.a:identity x=u.x:identity y=u.y:identity b=t.b:identity", ""),
        ("SELECT 1 AS one, 'x' AS two FROM t", "one= two=", ""),
        ("SELECT a + b * $p AS s FROM t", "s=t.a:transformation,t.b:transformation", ""),
        ("SELECT CASE WHEN a > 1 THEN b ELSE c END AS k FROM t", "k=t.a:conditional,t.b:transformation,t.c:transformation", ""),
        ("SELECT a FROM t WHERE b > 1 AND c IS NULL", "a=t.a:identity", "t.b:filter t.c:filter"),
        ("SELECT t.a, x FROM t LEFT JOIN u ON t.b = u.a", "a=t.a:identity x=u.x:identity", "t.b:join u.a:join"),
        ("SELECT a, x FROM t JOIN u USING (a)", "a=t.a:identity x=u.x:identity", "t.a:join u.a:join"),
        ("SELECT * FROM t NATURAL JOIN u", "a=t.a:identity b=t.b:identity c=t.c:identity d=t.d:identity x=u.x:identity y=u.y:identity", "t.a:join u.a:join"),
        ("SELECT a, x FROM t FULL JOIN u USING (a)", "a=t.a:identity,u.a:identity x=u.x:identity", "t.a:join u.a:join"),
        ("SELECT t.a FROM t SEMI JOIN u ON t.a = u.x", "a=t.a:identity", "t.a:join u.x:join"),
        ("SELECT a, sum(b) AS s, count(*) AS n FROM t GROUP BY a", "a=t.a:identity s=t.b:aggregation n=", "t.a:group_by"),
        ("SELECT a, sum(b) AS s FROM t GROUP BY ALL", "a=t.a:identity s=t.b:aggregation", "t.a:group_by"),
        ("SELECT a + 1 AS g, max(b) AS m FROM t GROUP BY 1 HAVING min(c) > 0", "g=t.a:transformation m=t.b:aggregation", "t.a:group_by t.c:filter"),
        ("SELECT count(*) FILTER (WHERE c > 0) AS n, string_agg(b, ',' ORDER BY d) AS s FROM t", "n=t.c:filter s=t.b:aggregation,t.d:sort", ""),
        ("SELECT sum(b) OVER (PARTITION BY a ORDER BY c) AS r, row_number() OVER (ORDER BY d) AS n FROM t", "r=t.a:window,t.b:aggregation,t.c:window n=t.d:window", ""),
        ("SELECT sum(b) OVER o AS r FROM t WINDOW o AS (ORDER BY c)", "r=t.b:aggregation,t.c:window", ""),
        ("SELECT a FROM t QUALIFY row_number() OVER (PARTITION BY b ORDER BY c) = 1", "a=t.a:identity", "t.b:window t.c:window"),
        ("SELECT DISTINCT a FROM t", "a=t.a:identity", "t.a:group_by"),
        ("SELECT DISTINCT ON (a) a, b FROM t ORDER BY c", "a=t.a:identity b=t.b:identity", "t.a:group_by t.c:sort"),
        ("SELECT a FROM t ORDER BY b LIMIT 3", "a=t.a:identity", "t.b:sort"),
        ("WITH p AS (SELECT a AS k, b + 1 AS v FROM t), q AS (SELECT k, v FROM p WHERE v > 1) SELECT k, v FROM q", "k=t.a:identity v=t.b:transformation", "t.b:filter"),
        ("SELECT s.v FROM (SELECT b AS v FROM t) AS s(v)", "v=t.b:identity", ""),
        ("SELECT a FROM t UNION ALL SELECT x FROM u", "a=t.a:identity,u.x:identity", ""),
        ("SELECT a FROM t UNION SELECT x FROM u", "a=t.a:identity,u.x:identity", "t.a:group_by u.x:group_by"),
        ("SELECT a FROM t EXCEPT SELECT x FROM u", "a=t.a:identity", "t.a:filter u.x:filter"),
        ("SELECT a, (SELECT max(x) FROM u WHERE u.a = t.b) AS m FROM t", "a=t.a:identity m=t.b:filter,u.a:filter,u.x:aggregation", ""),
        ("SELECT a FROM t WHERE b IN (SELECT x FROM u WHERE y > 0)", "a=t.a:identity", "t.b:filter u.x:filter u.y:filter"),
        ("SELECT a FROM t WHERE EXISTS (SELECT 1 FROM u WHERE u.x = t.c)", "a=t.a:identity", "t.c:filter u.x:filter"),
        ("SELECT a + 1 AS e, e * b AS f FROM t", "e=t.a:transformation f=t.a:transformation,t.b:transformation", ""),
        ("SELECT list_transform(l, i -> i + 1) AS m FROM w", "m=w.l:transformation", ""),
        ("SELECT unnest(l) AS i FROM w", "i=w.l:transformation", "w.l:join"),
        ("SELECT g.i FROM w, unnest(w.l) AS g(i)", "i=w.l:transformation", "w.l:join"),
        ("SELECT v.n FROM t, (VALUES (1), (2)) AS v(n)", "n=", ""),
        ("SELECT s.m FROM t, LATERAL (SELECT b * 2 AS m) AS s", "m=t.b:transformation", ""),
        ("SELECT CAST(a AS VARCHAR) AS s, b BETWEEN c AND d AS o, coalesce(c, d) AS k FROM t", "s=t.a:transformation o=t.b:transformation,t.c:transformation,t.d:transformation k=t.c:transformation,t.d:transformation", ""),
    ];

    [TestCaseSource(nameof(Cases))]
    public void A_column_comes_from_what_the_query_says((string Sql, string Columns, string Rows) expected)
    {
        var relation = QueryOf(expected.Sql);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(string.Join(' ', relation.Columns.Select(c => $"{c.Name}={string.Join(',', Edges(c.Flow))}")), Is.EqualTo(expected.Columns));
            Assert.That(string.Join(' ', Edges(relation.Rows)), Is.EqualTo(expected.Rows));
        }
    }

    // Recursion and PIVOT, and columns chosen by a pattern.
    [TestCase("WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM r, t WHERE n < a) SELECT n FROM r")]
    [TestCase("SELECT COLUMNS('a|b') FROM t")]
    [TestCase("FROM t UNPIVOT (v FOR k IN (a, b))")]
    public void What_is_not_followed_is_said_to_be_opaque(string sql) => Assert.That(() => QueryOf(sql), Throws.TypeOf<OpaqueSqlException>());

    [TestCase("SELECT a + b AS s FROM t", "SELECT a+b AS renamed FROM t", true)]
    [TestCase("SELECT a + b AS s FROM t", "WITH p AS (SELECT a AS k, b FROM t) SELECT k + b AS s FROM p", true)]
    [TestCase("SELECT a + b AS s FROM t", "SELECT a - b AS s FROM t", false)]
    [TestCase("SELECT a + 1 AS s FROM t", "SELECT a + 2 AS s FROM t", false)]
    [TestCase("SELECT a AS s FROM t", "SELECT b AS s FROM t", false)]
    [TestCase("SELECT CAST(a AS DECIMAL(10,2)) AS s FROM t", "SELECT CAST(a AS DECIMAL(12,2)) AS s FROM t", false)]
    [TestCase("SELECT sum(a) OVER (ORDER BY b) AS s FROM t", "SELECT sum(a) OVER (ORDER BY b DESC) AS s FROM t", false)]
    public void A_formula_stays_while_the_computation_does(string before, string after, bool same) =>
        Assert.That(QueryOf(before).Columns[0].Flow.Formula == QueryOf(after).Columns[0].Flow.Formula, Is.EqualTo(same));

    [TestCase("SELECT a FROM t", "SELECT a, b AS more FROM t", true)]
    [TestCase("SELECT a FROM t WHERE a > 1", "SELECT a FROM t WHERE a > 2", false)]
    [TestCase("SELECT t.a FROM t JOIN u ON t.a = u.a", "SELECT t.a FROM t LEFT JOIN u ON t.a = u.a", false)]
    [TestCase("SELECT a FROM t", "SELECT a FROM t, u", false)]
    [TestCase("SELECT sum(a) FROM t", "SELECT sum(a) FROM t GROUP BY b", false)]
    public void The_formula_of_the_rows_stays_while_they_do(string before, string after, bool same) =>
        Assert.That(QueryOf(before).Rows.Formula == QueryOf(after).Rows.Formula, Is.EqualTo(same));

    internal static Relation QueryOf(string query)
    {
        var tables = new Dictionary<string, Relation> { ["t"] = Table("t", "a", "b", "c", "d"), ["u"] = Table("u", "a", "x", "y"), ["w"] = Table("w", "l") };
        return new LineageQueries(tables, new Dictionary<string, IReadOnlyList<string>>(), new Dictionary<string, string>()).Of(SqlSyntax.Parse(query)!, null, null);
    }

    private static Relation Table(string name, params string[] columns) =>
        new([.. columns.Select(c => ((string?)c, Flow.Source(new SourceColumn(name, c), $"{name}.{c}")))], Flow.Constant(name));

    private static IEnumerable<string> Edges(Flow flow) =>
        flow.Edges.Select(e => $"{e.From}:{LineageText.Word(e.Influence)}").Order(StringComparer.Ordinal);
}
