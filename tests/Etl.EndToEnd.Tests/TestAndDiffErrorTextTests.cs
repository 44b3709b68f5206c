using NUnit.Framework;

namespace Etl.EndToEnd.Tests;

/// <summary>What a person reads when a pipeline's test does what no target takes, and when there is nothing to compare with, whole.</summary>
public sealed class TestAndDiffErrorTextTests
{
    [TestCase("mode: upsert, key: [id]", "with once as materialized (select * from orders) select * from once union all select * from once", """
        ETL4641 in stage warehouse: the rows for 'warehouse' have the key (id) = (1), which comes more than once. A target refuses this too. Deduplicate by the key, or check it, before the load.
        """)]
    [TestCase("mode: replace", "select * from orders where id > 1", """
        ETL4642 in stage warehouse: nothing was staged, and replacing the target of 'warehouse' would empty it. If that is right, say allow_empty: true.
        """)]
    public async Task A_target_in_a_test_refuses_as_a_real_one(string mode, string query, string told)
    {
        using var project = SmallShop.Project("sqlite");
        project.Write("orders.yaml", $$"""
            apiVersion: etl/v1
            pipeline: orders
            stages:
              - { id: orders, extract: table, connection: shop, contract: orders.contract.yaml, with: { table: orders } }
              - { id: shaped, transform: sql, from: orders, with: { query: "{{query}}", key: [id] } }
              - { id: warehouse, load: table, from: shaped, connection: dwh, with: { table: orders, {{mode}} } }
            tests:
              - name: as it is
                existing: { warehouse: [{ id: 7, name: old }] }
                given: { orders: [{ id: 1, name: a }] }
                expect: { warehouse: [{ id: 1 }] }
            """);
        var tested = await project.RunAsync("test", "orders.yaml");
        Assert.That((tested.ExitCode, tested.Out.Split('\n')[2].Trim()), Is.EqualTo((1, $"orders.yaml:11:13: the run ended as failed: {told}")), tested.ToString());
    }

    [TestCase(false, "main", """
        error ETL4660: 'PROJECT' is not in a git repository
          `etl diff` compares with a revision of the repository that holds the pipelines.

        """)]
    [TestCase(true, "nowhere", """
        error ETL4661: there is no revision 'nowhere'
          Name a branch, a tag or a commit; a shallow clone fetches the base first: git fetch origin BRANCH.

        """)]
    public async Task A_revision_or_a_repository_that_is_not_there(bool isRepository, string reference, string told)
    {
        using var project = SmallShop.Project("sqlite");
        if (isRepository)
        {
            using var git = System.Diagnostics.Process.Start(new System.Diagnostics.ProcessStartInfo("git", ["init", "-q"]) { WorkingDirectory = project.Folder })!;
            await git.WaitForExitAsync();
        }

        var diff = await project.RunAsync("diff", "--base", reference);
        Assert.That((diff.ExitCode, diff.Error.Replace(project.Folder, "PROJECT", StringComparison.Ordinal)), Is.EqualTo((2, told)), diff.ToString());
    }
}
