using System.Text.Json.Nodes;
using Etl.Runtime.Sql;
using NUnit.Framework;

namespace Etl.Runtime.Tests.Sql;

/// <summary>DuckDB's JSON of what it read.</summary>
public sealed class SqlSyntaxTests
{
    [TestCase("SELECT 1e400 AS a")]
    [TestCase("SELECT -1e400 AS a")]
    [TestCase("SELECT 'NaN'::DOUBLE AS a, 'it is \"Infinity\", -Infinity' AS b")]
    public void A_number_that_json_has_none_for_is_read_all_the_same(string sql)
    {
        using var connection = OfflineDatabase.Connect();

        Assert.Multiple(() =>
        {
            Assert.That(SqlSyntax.Parse(sql), Is.Not.Null);
            using var plan = SqlSyntax.Plan(connection, sql);
            Assert.That(plan.RootElement.GetProperty("plans").GetArrayLength(), Is.EqualTo(1));
        });
    }

    [Test]
    public void A_text_keeps_its_words_for_numbers()
    {
        Assert.That(SqlSyntax.Parse("""SELECT 'a "NaN", -Infinity' AS b""")!.ToJsonString(), Does.Contain("""a \u0022NaN\u0022, -Infinity"""));
    }

    // The grand total of a ROLLUP is an empty set; of all that is empty it alone means something.
    [TestCase("SELECT a, count(*) FROM t GROUP BY ROLLUP (a)", 2)]
    [TestCase("SELECT a, count(*) FROM t GROUP BY cube(a)", 2)]
    [TestCase("SELECT a, count(*) FROM t GROUP BY GROUPING SETS ((a), ( ))", 2)]
    [TestCase("SELECT count(*) FROM t GROUP BY ()", 1)]
    [TestCase("SELECT a, count(*) FROM t GROUP BY a", 1)]
    public void The_sets_of_a_group_by_are_all_there(string sql, int sets)
    {
        Assert.That(SqlSyntax.Parse(sql)!["group_sets"], Is.InstanceOf<JsonArray>().With.Count.EqualTo(sets));
    }
}
