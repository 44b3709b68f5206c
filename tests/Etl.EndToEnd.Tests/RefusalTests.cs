using NUnit.Framework;

namespace Etl.EndToEnd.Tests;

/// <summary>Rows that a target refuses are kept as dead letters, and cost the others nothing.</summary>
public sealed class RefusalTests
{
    private const string Table = "create table people (id integer primary key, name text not null check (length(name) <= 20), age integer check (age > 0))";

    private static readonly string[] Reasons =
    [
        "SQLite: CHECK constraint failed: length(name) <= 20 (result 275)", "SQLite: CHECK constraint failed: \"name\" is not null (result 275)", "SQLite: CHECK constraint failed: age > 0 (result 275)",
    ];

    [Test]
    public async Task Three_bad_rows_of_many_are_letters_and_all_others_are_loaded_once()
    {
        using var project = People.Project("{ type: sqlite, path: dwh.db }");
        project.Sqlite("dwh.db", Table);
        await People.LoadedOnceAsync(project, Reasons);
        Assert.That(project.SqliteRows("dwh.db", "select count(*) || ' ' || sum(id) || ' ' || count(distinct id) from people"), Is.EqualTo(new[] { People.Good }));
    }

    [TestCase("max_rows: 2", "error ETL4122 in stage warehouse: people in sqlite dwh.db refuses more than 2 rows, the last because SQLite: CHECK constraint failed: age > 0 (result 275)\n    Nothing was published. So many are no accident: change the target, or mend or check the rows on the way.")]
    [TestCase("max_ratio: 0.00002", "error ETL4211: 3 of 100,000 rows would be dead letters (0.003 %), more than dead_letters.max_ratio: 0.00002 allows\n    Nothing was published. Look at which rule refuses them, mend the data or the rule, or raise the limit.")]
    public async Task More_of_them_than_allowed_refuse_the_run(string limit, string told)
    {
        using var project = People.Project("{ type: sqlite, path: dwh.db }");
        project.Sqlite("dwh.db", Table);
        project.Write("people.yaml", project.Read("people.yaml") + $"\npolicies:\n  dead_letters: {{ {limit} }}\n");
        var refused = await project.RunAsync("run", "people.yaml");
        Assert.That(refused.ExitCode, Is.EqualTo(3), refused.ToString());
        Assert.That(Told.By(refused, project), Is.EqualTo(told));
        Assert.That(project.SqliteRows("dwh.db", "select count(*) from people"), Is.EqualTo(new[] { "0" }), "nothing is published");
        Assert.That(Directory.Exists(project.PathOf(".etl/dead-letters/people")), Is.False, "letters of a run that published nothing are not kept");
    }
}
