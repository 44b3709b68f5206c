using CsCheck;
using Etl.DuckDb;
using NUnit.Framework;

namespace Etl.Runtime.Tests.Compilation;

/// <summary>Lineage is never too small: what it does not name does not matter to the result.</summary>
public sealed class LineagePropertyTests
{
    private static readonly string[] Columns = ["a", "b", "c", "d"];

    private static readonly Gen<string> Leaf = Gen.Frequency((4, Gen.Int[0, 3].Select(i => Columns[i])), (1, Gen.Int[0, 3].Select(n => $"{n}")));

    private static readonly Gen<string> Value = Gen.Recursive<string>((depth, self) => depth > 2 ? Leaf : Gen.Frequency(
        (3, Leaf),
        (2, Gen.Select(self, Gen.Int[0, 2].Select(i => "+-*"[i]), self, (l, o, r) => $"({l} {o} {r})")),
        (1, Gen.Select(self, self, (l, r) => $"coalesce(nullif({l}, {r}), 7)")),
        (1, Gen.Select(self, self, self, (w, t, e) => $"CASE WHEN {w} > 1 THEN {t} ELSE {e} END")),
        (1, Gen.Select(self, self, (v, k) => $"(SELECT max(s.x + {v}) FROM u AS s WHERE s.a >= {k})"))));

    private static readonly Gen<string> Windowed = Gen.OneOf(
        Value,
        Gen.Select(Leaf, Leaf, (v, o) => $"sum({v}) OVER (PARTITION BY {o})"),
        Gen.Select(Leaf, (o) => $"rank() OVER (ORDER BY {o})"));

    private static readonly Gen<string> Query = Gen.OneOf(
        Gen.Select(Windowed, Windowed, Value, (p, q, w) => $"SELECT {p} AS p, {q} AS q FROM t WHERE {w} >= 1"),
        Gen.Select(Value, Value, Leaf, (p, q, g) => $"SELECT sum({p}) AS p, min({q}) AS q FROM t GROUP BY {g} + 0"),
        Gen.Select(Value, Leaf, (p, k) => $"SELECT {p} AS p, u.x AS q FROM t LEFT JOIN (SELECT a AS ua, x FROM u) AS u ON {k} = ua"),
        Gen.Select(Value, Value, (p, q) => $"WITH m AS (SELECT *, {p} AS e FROM t), n AS (SELECT e AS p, {q} AS q FROM m WHERE e > 0) SELECT DISTINCT p, q FROM n"),
        Gen.Select(Value, Value, Leaf, (p, q, w) => $"SELECT {p} AS p, {q} AS q FROM t UNION ALL SELECT x, a FROM u WHERE x > {(char.IsDigit(w[0]) ? w : "1")}"),
        Gen.Select(Value, Leaf, (p, o) => $"SELECT {p} AS p, 1 AS q FROM t WHERE a IN (SELECT x FROM u) QUALIFY row_number() OVER (PARTITION BY {o} ORDER BY a, b, c, d) = 1"));

    [Test]
    public void A_source_column_that_is_not_in_the_lineage_never_changes_the_result()
    {
        using var database = DuckDatabase.Open(null, new DuckSettings { Threads = 1 });
        using var duck = database.Connect();
        duck.Execute("CREATE TABLE t AS SELECT (i * 7) % 4 AS a, (i * 5) % 3 AS b, (i * 3) % 5 AS c, i % 6 AS d FROM range(24) r(i)");
        duck.Execute("CREATE TABLE u AS SELECT i % 4 AS a, (i * 11) % 7 AS x, i AS y FROM range(8) r(i)");
        foreach (var column in Columns)
        {
            duck.Execute($"CREATE TABLE changed_{column} AS SELECT * REPLACE (({column} * 13 + 5) % 9 AS {column}) FROM t");
        }

        var (checks, restricted) = (0, 0);
        Query.Sample(
            query =>
            {
                var relation = LineageQueryTests.QueryOf(query);
                foreach (var (name, flow) in relation.Columns)
                {
                    var named = flow.Edges.Union(relation.Rows.Edges).Where(e => e.From.Stage == "t").Select(e => e.From.Column).ToHashSet();
                    restricted += named.Count < Columns.Length ? 1 : 0;
                    var result = Result(duck, query, name!);
                    foreach (var other in Columns.Where(c => !named.Contains(c)))
                    {
                        var changed = query.Replace("FROM t", $"FROM changed_{other} AS t", StringComparison.Ordinal);
                        Assert.That(Result(duck, changed, name!), Is.EqualTo(result), $"{name} of {query} changes with {other}, and its lineage is {string.Join(", ", named)}");
                        checks++;
                    }
                }
            },
            iter: 200, threads: 1, seed: "0000KOIPe723");
        // Had the lineage named everything, nothing would have been checked.
        using (Assert.EnterMultipleScope())
        {
            Assert.That(checks, Is.GreaterThan(150));
            Assert.That(restricted, Is.GreaterThan(100));
        }
    }

    private static string Result(DuckConnection duck, string query, string column) =>
        duck.QueryText($"SELECT string_agg(coalesce(v, 'NULL'), ',' ORDER BY v) FROM (SELECT {column}::VARCHAR AS v FROM ({query}))") ?? "";
}
