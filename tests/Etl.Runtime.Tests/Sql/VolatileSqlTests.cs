using Etl.Runtime.Sql;
using NUnit.Framework;

namespace Etl.Runtime.Tests.Sql;

/// <summary>What a retry would answer otherwise, and what only looks like it.</summary>
public sealed class VolatileSqlTests
{
    // Of the session, or they give no value: the same in all of ours.
    private static readonly string[] Harmless = ["current_database", "current_schema", "current_schemas", "in_search_path", "error", "setseed", "sleep_ms", "stats", "write_log"];

    [TestCase("now()", "now 0")]
    [TestCase("a < NOW ( )", "now 4")]
    [TestCase("'é' || random()", "random 7")]
    [TestCase("\"random\"()", "random 0")]
    [TestCase("main.random()", "random 0")]
    [TestCase("random() desc", "random 0")]
    [TestCase("a - current_timestamp", "current_timestamp 4")]
    [TestCase("CURRENT_DATE", "CURRENT_DATE 0")]
    [TestCase("current_date()", "current_date 0")]
    [TestCase("current_time", "current_time 0")]
    [TestCase("localtime", "localtime 0")]
    [TestCase("localtimestamp", "localtimestamp 0")]
    [TestCase("current_localtimestamp()", "current_localtimestamp 0")]
    [TestCase("clock_timestamp()", "clock_timestamp 0")]
    [TestCase("get_current_time()", "get_current_time 0")]
    [TestCase("age(a)", "age 0")]
    [TestCase("ago(interval 1 day)", "ago 0")]
    [TestCase("today() - day", "today 0")]
    [TestCase("uuid()", "uuid 0")]
    [TestCase("list_transform(a, x -> x + random())", "random 27")]
    [TestCase("case when a > random() then 1 end", "random 14")]
    [TestCase("sum(a) over (order by random())", "random 22")]
    [TestCase("(select max(uuidv7()) from t)", "uuidv7 12")]
    [TestCase("select a, gen_random_uuid() as b from t", "gen_random_uuid 10")]
    [TestCase("with s as (select now() as n from t) select * from s", "now 18")]
    [TestCase("select * from t using sample 3", "sample 22")]
    [TestCase("select * from t tablesample 10%", "sample 14")]
    [TestCase("from t select today()", "today 14")]
    [TestCase("'now()'", "")]
    [TestCase("a = 'random()' and b = 'current_date'", "")]
    [TestCase("\"current_date\"", "")]
    [TestCase("\"now()\"", "")]
    [TestCase("a -- now()\n", "")]
    [TestCase("a /* random() */", "")]
    [TestCase("now", "")]
    [TestCase("today", "")]
    [TestCase("t.current_date", "")]
    [TestCase("age(a, b)", "")]
    [TestCase("sample", "")]
    [TestCase("uuid", "")]
    [TestCase("cast(a as uuid)", "")]
    [TestCase("select sample, a as random from t", "")]
    public void It_is_found_where_it_is(string sql, string found) =>
        Assert.That(string.Join(", ", VolatileSql.In(sql).Select(f => $"{f.Name} {f.Position}")), Is.EqualTo(found));

    [Test]
    public void DuckDBs_volatile_functions_are_all_known()
    {
        using var connection = OfflineDatabase.Connect();
        var functions = connection.QueryRows("SELECT DISTINCT lower(function_name) FROM duckdb_functions() WHERE stability <> 'CONSISTENT'").Select(r => r[0]!);
        var macros = connection.QueryRows("SELECT DISTINCT lower(function_name), macro_definition FROM duckdb_functions() WHERE function_type = 'macro'").Where(r => VolatileSql.In(r[1]!).Any()).Select(r => r[0]!);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(functions.Concat(macros).Except(VolatileSql.Functions).Except(Harmless), Is.Empty);
            Assert.That(VolatileSql.Functions.Concat(["age(a)", "x() using sample 3"]).Where(f => !VolatileSql.In(f.Contains('(', StringComparison.Ordinal) ? f.Replace("x() ", "select * from t ", StringComparison.Ordinal) : f + "()").Any()), Is.Empty, "not seen by the words that make it look");
        }
    }
}
