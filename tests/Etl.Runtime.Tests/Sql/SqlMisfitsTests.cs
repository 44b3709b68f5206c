using Etl.DuckDb;
using Etl.Runtime.Sql;
using NUnit.Framework;

namespace Etl.Runtime.Tests.Sql;

/// <summary>What binds and cannot run is found in the plan, which is made only for a query whose syntax may have it.</summary>
public sealed class SqlMisfitsTests
{
    // With a condition in the place of {0}, over t (i, s, d, b) and u (i, s).
    private static readonly string[] Places =
    [
        "select i from t where {0}", "select i from t where ({0})", "select i from t where not ({0})", "select i from t where i > 1 and {0}", "select i from t where b or {0}",
        "select i from t group by i, s, b, d having {0}", "select i from t qualify {0}", "select t.i from t join (select i as ui, s as us from u) on {0}",
        "select t.i from t left join (select i as ui, s as us from u) on t.i = ui and {0}", "select case when {0} then 1 else 2 end as n from t", "select if({0}, 1, 2) as n from t",
        "select count(*) filter (where {0}) as n from t", "select count(*) filter (where {0}) over (partition by i) as n from t group by all having {0}", "select sum(i) filter ({0}) as n from t",
        "with c as (select * from t where {0}) select i from c", "select i from (select * from t where {0})", "select i from t where i in (select i from t where {0})",
        "select i from t where exists (select 1 from t where {0})", "select (select max(i) from t where {0}) as n", "select i from t union all select i from t where {0}",
        "select i, i > 1 and ({0}) as n from t", "select list_filter([i], lambda x : {0}) as n from t", "select i from t order by case when {0} then 1 end", "select i from t limit (select count(*) from t where {0})",
        "select i from t semi join (select i as ui from u) on {0}", "select i from t where (i > 1) = ({0})", "select i from t where case when {0} then b else not b end",
        "select bool_and({0}) as n from t", "select list_append([b], {0}) as n from t", "select max(i order by b = {0}) as n from t", "select first_value(b) over (order by {0}) as n from t", "select coalesce(b, {0}) as n from t", "select * from (pivot (select i, s, d from t where {0}) on s using count(*))", "from t select i where {0}", "with recursive c(v) as (select b from t union all select {0} from t, c) select v from c", "with recursive c(v) as (select {0} from t union all select b from t, c) select v from c",
        "select nullif(b, {0}) as n from t", "select case when i = 1 then b else {0} end as n from t", "select list_contains([b], {0}) as n from t", "select b from t union select {0} from t", "select greatest(b, {0}) as n from t",
        "select i from t where b in ({0})", "select case b when {0} then 1 end as n from t", "select lag(b, 1, {0}) over (order by i) as n from t", "select if(i > 1, b, {0}) as n from t", "select i from t where b between {0} and true",
        "select i from t where b in (select {0} from t)", "select i from t where {0} = any(select b from t)", "select b = {0} as n from t", "select {0} <> true as n from t", "select [b, {0}] as n from t", "select b and {0} as n from t",
        "select t.b from t join (select {0} as c from t) on b = c", "select t.i from t join (select {0} as b from t) using (b)", "select i from t natural join (select {0} as b from t)", "select (b, 1) = ({0}, 1) as n from t",
        "select i from t order by b = {0}", "select max(i) over (partition by b = {0}) as n from t", "select i from t group by i, b = {0}", "select i from t asof join (select {0} as c, i as j from t) on b = c and i >= j",
    ];

    private static readonly string[] Conditions =
    [
        "s", "upper(s)", "s || s", "coalesce(s, s)", "case when b then s else s end", "cast(i as varchar)", "i::varchar", "(select max(us) from (select s as us from u))", "'x'", "nullif(s, s)", "[s][1]", "s[1:2]", "greatest(s, s)",
        "i = 'abc'", "i = ''", "d <> ''", "b = ''", "i + current_user > 1", "i > user", "''", "'abc' < i", "i in ('abc', 'def')", "i between 'a' and 'b'", "d = 'yesterday'", "d > '2024-02-30'", "b = 'perhaps'", "i + 'abc' > 1", "i = any(select 'abc')", "i is distinct from 'abc'",
        "i > 1", "s = s", "b", "not b", "s is null", "s is not null", "i in (1, 2)", "i not in (select i from u)", "s like s", "s in (select s from u)", "i between 1 and 2", "b and i > 1", "true", "d = current_date", "s = upper(s)",
    ];

    // Neither a text nor an odd condition: what most queries that only compute are like.
    [TestCase("select i, count(*) as n, max(d) as d, upper(s) as s from t where i <= 3 and i is not null group by all having count(*) > 2", false)]
    [TestCase("with n as (select *, row_number() over (partition by i order by d desc) as place from t) select n.i, u.s from n cross join u where place = 1", false)]
    [TestCase("select i / nullif(sum(i) over (partition by d), 0) as share, case when not (i > 1 or d is null) then 1 end as n from t", false)]
    [TestCase("select i from t where s = 'abc'", true)]
    [TestCase("select i from t where b", true)]
    [TestCase("select date_trunc('month', d) as m from t", true)]
    [TestCase("select i from range(3) r(i)", true)]
    public void A_plan_is_made_where_the_syntax_does_not_rule_it_out(string sql, bool may)
    {
        using var connection = Connect();
        Assert.That(SqlMisfits.MayBeIn(SqlSyntax.Parse(sql)), Is.EqualTo(may));
    }

    [Test]
    public void The_syntax_rules_out_no_query_that_has_one()
    {
        using var connection = Connect();
        var (bound, found, ruledOut) = (0, 0, 0);
        foreach (var sql in from place in Places from condition in Conditions select place.Replace("{0}", condition))
        {
            try
            {
                connection.DescribeColumns(sql);
            }
            catch (DuckException)
            {
                continue;
            }

            bound++;
            var misfits = SqlMisfits.Find(connection, sql);
            found += misfits.Count > 0 ? 1 : 0;
            if (!SqlMisfits.MayBeIn(SqlSyntax.Parse(sql)))
            {
                ruledOut++;
                Assert.That(misfits, Is.Empty, sql);
            }
        }

        TestContext.Out.WriteLine($"{bound} queries, {found} with a misfit, {ruledOut} ruled out");
        Assert.Multiple(() =>
        {
            Assert.That(found, Is.GreaterThan(bound / 3));
            Assert.That(ruledOut, Is.GreaterThan(100));
        });
    }

    private static DuckConnection Connect()
    {
        var connection = OfflineDatabase.Connect();
        connection.Execute("create temp table t (i bigint, s varchar, d date, b boolean); create temp table u (i bigint, s varchar)");
        return connection;
    }
}
