using System.Text.RegularExpressions;
using Apache.Arrow;
using Apache.Arrow.Types;
using Etl.Contracts;
using Etl.DuckDb;
using Etl.Runtime.Sql;
using NUnit.Framework;

namespace Etl.Runtime.Tests.Sql;

/// <summary>
/// Which of o(id! key, c!, d!, a) and i(line! key, o!, n) a query must see whole. What it may see in parts is shown to be so: what it makes of two parts of the rows is together what it
/// makes of all; and of what it must see whole, that it is not.
/// </summary>
public sealed class WholeInputsTests
{
    private static readonly (string Sql, string Whole)[] Cases =
    [
        // Row by row
        ("SELECT * FROM o", ""),
        ("SELECT id, a * 2 AS b, CASE WHEN a > 5 THEN 'big' END AS s FROM o WHERE a > 1 ORDER BY a", ""),
        ("SELECT x.id FROM (SELECT id, a FROM o WHERE a > 1) x WHERE x.a < 9", ""),
        ("WITH s AS (SELECT id, a FROM o) SELECT * FROM s", ""),
        ("SELECT id, unnest([a, a + 1]) AS b FROM o", ""),
        ("SELECT id, list_sum([a, 1]) AS b, greatest(a, 3) AS g, array_to_string(['x'], ',') AS t FROM o", ""),
        ("SELECT id, a FROM o UNION ALL SELECT id, a + 1 FROM o", ""),
        ("SELECT * FROM o JOIN i ON i.o = o.id", ""),
        ("SELECT * FROM o, i WHERE i.o = o.id", ""),
        ("SELECT id, s.n FROM o, LATERAL (SELECT n FROM i WHERE i.o = o.id) s", ""),
        ("SELECT 'sum(a) over () limit 3' AS t, id AS \"distinct\" FROM o", ""),
        ("UNPIVOT (SELECT id, a, a + 1 AS b FROM o) ON a, b INTO NAME k VALUE v", ""),

        // Equal rows become one
        ("SELECT DISTINCT c FROM o", "o: Distinct"),
        ("SELECT c FROM o UNION SELECT c FROM o WHERE a > 3", "o: Distinct"),
        ("SELECT * FROM (SELECT DISTINCT c FROM o) s", "o: Distinct"),
        ("SELECT c FROM o INTERSECT SELECT 'a'", "o: Distinct"),
        ("SELECT c FROM o EXCEPT SELECT 'a'", "o: Distinct"),
        ("SELECT o.id FROM o SEMI JOIN i ON i.o = o.id", "i: Distinct"),
        ("SELECT id FROM o WHERE id IN (SELECT o FROM i) AND a > 1", "i: Distinct"),
        ("SELECT id FROM o WHERE EXISTS (SELECT 1 FROM i WHERE i.o = o.id)", "i: Distinct"),

        // One is kept
        ("SELECT DISTINCT ON (c) * FROM o ORDER BY a, id", "o: OneOfKey (c)"),
        ("SELECT DISTINCT ON (c, d) id, c AS k, d FROM o ORDER BY a, id", "o: OneOfKey (k, d)"),
        ("SELECT DISTINCT ON (2) id, c AS k FROM o ORDER BY a, id", "o: OneOfKey (k)"),
        ("SELECT DISTINCT ON (c) id FROM o ORDER BY a, id", "o: OneOfKey ()"),
        ("SELECT DISTINCT ON (id) * FROM o", ""),
        ("SELECT * FROM o QUALIFY row_number() OVER (PARTITION BY c ORDER BY a DESC, id) = 1", "o: OneOfKey (c)"),
        ("SELECT * FROM o QUALIFY row_number() OVER (PARTITION BY c ORDER BY a DESC, id) = 2", "o: Window"),
        ("SELECT *, row_number() OVER (ORDER BY id) AS r FROM o QUALIFY row_number() OVER (PARTITION BY c ORDER BY id) = 1", "o: Window"),
        ("SELECT * FROM (SELECT DISTINCT ON (c) * FROM o ORDER BY a, id) s", "o: Window"),
        ("SELECT * FROM (SELECT *, row_number() OVER (PARTITION BY c ORDER BY a DESC, id) AS r FROM o) s WHERE r = 1", "o: OneOfKey (c)"),
        ("SELECT id, k FROM (SELECT id, c AS k, row_number() OVER (PARTITION BY c ORDER BY a DESC, id) AS r FROM o) s WHERE s.r = 1", "o: OneOfKey (k)"),
        ("WITH s AS (SELECT *, row_number() OVER (PARTITION BY c ORDER BY a DESC, id) AS r FROM o) SELECT id, c AS k FROM s WHERE r = 1", "o: OneOfKey (k)"),
        ("SELECT id FROM (SELECT *, row_number() OVER (PARTITION BY c ORDER BY a DESC, id) AS r FROM o) s WHERE r = 1", "o: OneOfKey ()"),
        ("SELECT * FROM (SELECT *, row_number() OVER (PARTITION BY c ORDER BY a DESC, id) AS r FROM o) s WHERE r = 2", "o: Window"),
        ("SELECT * FROM (SELECT *, rank() OVER (PARTITION BY c ORDER BY a DESC) AS r FROM o) s WHERE r = 1", "o: Window"),
        ("SELECT * FROM (SELECT *, row_number() OVER (PARTITION BY c ORDER BY a, id) AS r, row_number() OVER (PARTITION BY d ORDER BY a, id) AS q FROM o) s WHERE r = 1", "o: Window"),

        // A number of rows
        ("SELECT id FROM o ORDER BY a, id LIMIT 3", "o: Limit"),
        ("SELECT id FROM o ORDER BY a, id OFFSET 3", "o: Limit"),
        ("SELECT id FROM o ORDER BY id LIMIT 20%", "o: Limit"),
        ("SELECT id FROM o UNION ALL SELECT line FROM i ORDER BY 1 LIMIT 3", "i: Limit, o: Limit"),
        ("SELECT o.id, s.n FROM o, LATERAL (SELECT n FROM i WHERE i.o = o.id ORDER BY n, line LIMIT 1) s", "i: Limit"),

        // A row with others
        ("SELECT id, sum(a) OVER (PARTITION BY c) AS s FROM o", "o: Window"),
        ("SELECT id, lag(a) OVER (ORDER BY id) AS s FROM o", "o: Window"),
        ("SELECT id, 1 + rank() OVER w AS s FROM o WINDOW w AS (PARTITION BY d ORDER BY a)", "o: Window"),
        ("SELECT id FROM o QUALIFY count(*) OVER (PARTITION BY c) > 2", "o: Window"),
        ("SELECT o.id, i.line, sum(i.n) OVER (PARTITION BY o.id) AS s FROM o JOIN i ON i.o = o.id", "i: Window"),
        ("SELECT * FROM (SELECT *, row_number() OVER (PARTITION BY c ORDER BY a DESC, id) AS r FROM o) WHERE r = 1", "o: OneOfKey (c)"),

        // A row of several
        ("SELECT d, sum(a) AS s FROM o GROUP BY d", "o: Aggregate"),
        ("SELECT d, count(*) AS n FROM o GROUP BY ALL", "o: Aggregate"),
        ("SELECT d, c, sum(a) AS s FROM o GROUP BY ROLLUP (d, c)", "o: Aggregate"),
        ("SELECT count(*) AS n FROM o", "o: Aggregate"),
        ("SELECT 1 + coalesce(max(a), 0) AS m FROM o", "o: Aggregate"),
        ("SELECT weighted_avg(a, id) AS m FROM o", "o: Aggregate"),
        ("SELECT 1 AS x FROM o HAVING count(*) > 9", "o: Aggregate"),
        ("WITH s AS (SELECT d, sum(a) AS t FROM o GROUP BY d) SELECT d, t + 1 AS t FROM s", "o: Aggregate"),
        ("SELECT o.id, s.t FROM o JOIN (SELECT d, sum(a) AS t FROM o GROUP BY d) s ON s.d = o.d", "o: Aggregate"),
        ("SELECT o.id, s.t FROM o JOIN (SELECT i.o, sum(n) AS t FROM i GROUP BY i.o) s ON s.o = o.id", "i: Aggregate"),
        ("SELECT o.id, sum(i.n) AS s FROM o JOIN i ON i.o = o.id GROUP BY o.id", "i: Aggregate"),
        ("SELECT o.id, o.c, sum(i.n) AS s FROM o JOIN i ON i.o = o.id GROUP BY 1, 2", "i: Aggregate"),
        ("SELECT o.id, o.c, sum(i.n) AS s FROM o JOIN i ON i.o = o.id GROUP BY ALL", "i: Aggregate"),
        ("SELECT s.id, sum(s.a) AS t FROM (SELECT c AS id, a FROM o) s GROUP BY s.id", "o: Aggregate"),
        ("WITH s AS (SELECT c AS id, a FROM o) SELECT id, sum(a) AS t FROM s GROUP BY id", "o: Aggregate"),
        ("SELECT * FROM (PIVOT o ON c IN ('x', 'y') USING sum(a) GROUP BY d)", "o: Aggregate"),
        ("SELECT c FROM o INTERSECT ALL SELECT 'a'", "o: Aggregate"),

        // A partner
        ("SELECT o.id, i.line FROM o LEFT JOIN i ON i.o = o.id", "i: Lookup"),
        ("SELECT o.id, i.line FROM i RIGHT JOIN o ON i.o = o.id", "i: Lookup"),
        ("SELECT o.id, i.line FROM o FULL JOIN i ON i.o = o.id", "i: Lookup, o: Lookup"),
        ("SELECT o.id FROM o ANTI JOIN i ON i.o = o.id", "i: Lookup"),
        ("SELECT id FROM o WHERE NOT EXISTS (SELECT 1 FROM i WHERE i.o = o.id)", "i: Lookup"),
        ("SELECT id FROM o WHERE id NOT IN (SELECT o FROM i)", "i: Lookup"),
        ("SELECT id, id IN (SELECT o FROM i) AS has FROM o", "i: Lookup"),
        ("SELECT id, (SELECT n FROM i WHERE i.line = o.id) AS n FROM o", "i: Lookup"),
        ("SELECT id, (SELECT max(n) FROM i WHERE i.o = o.id) AS n FROM o", "i: Aggregate"),
        ("SELECT o.id, i.n FROM o ASOF JOIN i ON i.line <= o.id", "i: Lookup"),
        ("SELECT id AS k FROM o EXCEPT SELECT o FROM i", "i: Lookup, o: Distinct"),
        ("SELECT a.id FROM o a JOIN o b ON a.c = b.c AND a.id < b.id", "o: Lookup"),
        ("SELECT d FROM o WHERE a > 3 INTERSECT SELECT d FROM o WHERE a <= 3", "o: Lookup"),
        ("SELECT id FROM o WHERE a = (SELECT max(a) FROM o)", "o: Aggregate"),

        // Not understood
        ("WITH RECURSIVE r AS (SELECT id, 1 AS n FROM o WHERE id < 3 UNION ALL SELECT o.id, n + 1 FROM o JOIN r ON o.id = r.id + 1) SELECT * FROM r", "o: Unknown"),
    ];

    // What it makes of parts is right, or wrong, as it happens with these rows.
    private static readonly string[] Unshown = ["WITH RECURSIVE"];

    [TestCaseSource(nameof(Cases))]
    public void A_query_needs_whole_what_its_form_says_and_rows_agree((string Sql, string Whole) expected)
    {
        using var database = DuckDatabase.Open(null, new DuckSettings { Threads = 1 });
        using var connection = database.Connect();
        var inputs = new Dictionary<string, RowSchema>
        {
            ["o"] = Schema(["id"], ("id", Int32Type.Default), ("c", StringType.Default), ("d", Int32Type.Default), ("a", Int32Type.Default)),
            ["i"] = Schema(["line"], ("line", Int32Type.Default), ("o", Int32Type.Default), ("n", Int32Type.Default)),
        };
        var whole = WholeInputs.Of(SqlSyntax.Parse(expected.Sql), inputs);
        Assert.That(string.Join(", ", whole.OrderBy(w => w.Relation, StringComparer.Ordinal).Select(w => $"{w.Relation}: {w.Use}{(w.Use == InputUse.OneOfKey ? $" ({string.Join(", ", w.Key ?? [])})" : "")}")), Is.EqualTo(expected.Whole));

        connection.Execute("CREATE TABLE all_o AS SELECT range AS id, chr((97 + range % 3)::INT) AS c, (range % 4)::INT AS d, (range * 7 % 10)::INT AS a FROM range(12)");
        connection.Execute("CREATE TABLE all_i AS SELECT range AS line, (range * 5 % 12)::INT AS o, (range % 4)::INT AS n FROM range(18)");
        foreach (var name in inputs.Keys.Where(i => Regex.IsMatch(expected.Sql, $"(FROM|JOIN|PIVOT|,) {i}\\b") && !Unshown.Any(expected.Sql.StartsWith)))
        {
            var (all, parts) = (Rows(name, "TRUE"), Rows(name, "part = 0").Concat(Rows(name, "part = 1")).ToList());
            var use = whole.FirstOrDefault(w => w.Relation == name)?.Use ?? InputUse.Rows;
            Assert.That(use switch
            {
                InputUse.Rows => parts.Order(StringComparer.Ordinal).SequenceEqual(all),
                InputUse.Distinct => parts.Distinct().Order(StringComparer.Ordinal).SequenceEqual(all),
                InputUse.OneOfKey => all.Except(parts).Any() is false,
                _ => !parts.Order(StringComparer.Ordinal).SequenceEqual(all),
            }, $"{name}: {use}\nall:   {string.Join(' ', all)}\nparts: {string.Join(' ', parts)}");
        }

        // With one input in parts and the other whole.
        List<string> Rows(string partial, string condition)
        {
            foreach (var name in inputs.Keys)
            {
                var key = name == "o" ? "id" : "line";
                connection.Execute($"CREATE OR REPLACE TABLE {name} AS SELECT * EXCLUDE (part) FROM (SELECT *, hash({key}) % 2 AS part FROM all_{name}) WHERE {(name == partial ? condition : "TRUE")}");
            }

            return [.. connection.QueryRows($"SELECT CAST(q AS VARCHAR) FROM ({expected.Sql}) q").Select(r => r[0]!).Order(StringComparer.Ordinal)];
        }
    }

    [Test]
    public void DuckDBs_aggregates_are_those_that_are_known_here()
    {
        using var connection = OfflineDatabase.Connect();
        var functions = connection.QueryRows("SELECT DISTINCT lower(function_name) FROM duckdb_functions() WHERE function_type = 'aggregate'").Select(r => r[0]!);
        var macros = connection.QueryRows("SELECT DISTINCT lower(function_name), macro_definition FROM duckdb_functions() WHERE function_type = 'macro'")
            .Where(r => SetExpressions.GroupsOf(SqlSyntax.Parse($"SELECT {r[1]}")!) is not null).Select(r => r[0]!);
        Assert.That(SqlFunctions.Aggregates, Is.EquivalentTo(functions.Concat(macros).Distinct()));
    }

    private static RowSchema Schema(string[] key, params (string Name, IArrowType Type)[] columns) => new(new Schema([.. columns.Select(c => new Field(c.Name, c.Type, false))], null), key);
}
