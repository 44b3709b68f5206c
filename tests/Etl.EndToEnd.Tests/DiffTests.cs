using System.Diagnostics;
using System.Text.Json.Nodes;
using NUnit.Framework;

namespace Etl.EndToEnd.Tests;

/// <summary>What a change means for readers and for rows that are there, against a real git repository; nothing is connected, and no secret is set.</summary>
public sealed class DiffTests
{
    [Test]
    public async Task A_change_is_told_by_column_by_reader_and_by_checkpoint()
    {
        using var project = await CommittedAsync();
        // A rename, a drop of what totals reads, a new column, two that are computed in another way, a rule that refuses more.
        project.Replace("orders.yaml", "select order_id, customer, country, amount,", "select order_id, customer as customer_name, amount + 1 as amount, cast(customer_id as varchar) as customer_id,");
        project.Replace("orders.yaml", "round(amount * (1 + $vat), 2)", "cast(round(amount * (1 + $vat), 3) as decimal(20,3))");
        project.Replace("orders.yaml", "amount > 0", "amount > 1");
        var diff = await project.RunAsync("diff", "--base", "main");
        Assert.That(diff.ExitCode, Is.Zero, diff.ToString());
        Golden.Check("commands/diff.txt", diff.Out, project);

        var json = await project.RunAsync("diff", "--base", "main", "--output", "json", "--fail-on", "breaking");
        Assert.That(json.ExitCode, Is.EqualTo(1), json.ToString());
        Golden.Check("commands/diff.json", json.Out, project);
    }

    [Test]
    public async Task What_says_the_same_in_other_words_changes_nothing()
    {
        using var project = await CommittedAsync();
        project.Replace("orders.yaml", "- id: priced", "- id: worked_out");
        project.Replace("orders.yaml", "from: priced", "from: worked_out");
        project.Replace("orders.yaml", "round(amount * (1 + $vat), 2) as gross", "ROUND( amount*(1+$vat), 2 ) AS gross");
        project.Replace("orders.yaml", "from joined\n", "from (select * from joined) as j\n");
        File.Move(project.PathOf("totals.yaml"), project.PathOf("report.yaml"));
        var diff = await project.RunAsync("diff", "--base", "main", "--fail-on", "backfill");
        Assert.That(diff.ExitCode, Is.Zero, diff.ToString());
        Assert.That(diff.Out, Is.EqualTo("since main: nothing changes for readers; 2 of 2 pipelines as before\n"));
    }

    [Test]
    public async Task Two_pipelines_of_one_id_are_not_compared()
    {
        using var project = await CommittedAsync();
        project.Write("copy.yaml", project.Read("totals.yaml").Replace("table: revenue", "table: more", StringComparison.Ordinal));
        var diff = await project.RunAsync("diff", "--base", "main");
        Assert.That(diff.ExitCode, Is.EqualTo(2), diff.ToString());
        Assert.That(diff.Error, Does.Contain("totals.yaml:2:11: error ETL6041: the pipeline in 'copy.yaml' is called 'totals' too."));
    }

    [TestCase("cursor: updated_at", "cursor: order_id", "refused")]
    [TestCase("id: warehouse", "id: sales_table", "starts_anew")]
    [TestCase("pipeline: orders", "pipeline: sales", "starts_anew")]
    [TestCase("table: sales, mode", "table: sales_2, mode", "survives")]
    public async Task A_checkpoint_that_does_not_survive_is_told_before_deployment(string old, string now, string fate)
    {
        using var project = await CommittedAsync();
        project.Replace("orders.yaml", old, now);
        var diff = await project.RunAsync("diff", "--base", "HEAD", "--output", "json");
        Assert.That(diff.ExitCode, Is.Zero, diff.ToString());
        var load = JsonNode.Parse(diff.Out)!["pipelines"]!.AsArray().Single()!["loads"]!.AsArray().Single()!;
        Assert.That(load["checkpoint"]!.GetValue<string>(), Is.EqualTo(fate), diff.Out);
    }

    [Test]
    public async Task A_parameters_default_is_part_of_what_is_computed_with_it()
    {
        using var project = await CommittedAsync();
        project.Replace("orders.yaml", "default: 0.21", "default: 0.19");
        var diff = await project.RunAsync("diff", "--base", "main", "--format", "github", "--fail-on", "backfill");
        Assert.That(diff.ExitCode, Is.EqualTo(1), diff.ToString());
        Assert.That(diff.Out, Is.EqualTo(
            "::warning file=orders.yaml,line=38,title=needs backfill::warehouse.gross: computed in another way, still computed from orders.amount in priced; rows loaded before keep their value. Read by totals.report: revenue.\n"));
    }

    [Test]
    public async Task A_pipeline_that_goes_breaks_its_readers_and_one_that_comes_does_not()
    {
        using var project = await CommittedAsync();
        project.Write("more.yaml", project.Read("totals.yaml").Replace("pipeline: totals", "pipeline: more", StringComparison.Ordinal).Replace("table: revenue", "table: more", StringComparison.Ordinal));
        File.Delete(project.PathOf("orders.yaml"));
        var diff = await project.RunAsync("diff", "--base", "main");
        Assert.That(diff.Out, Is.EqualTo("""
            pipeline more  more.yaml  (added: its first run reads everything)

            pipeline orders  orders.yaml  (removed)
              load warehouse  dwh:sales
                breaking        removed: dwh:sales is not written any more
                                read by more.report: country, revenue, which rows it has
                                read by totals.report: country, revenue, which rows it has
                checkpoint      is left behind: nothing loads it any more

            since main: 1 breaking; 1 of 3 pipelines as before

            """));
    }

    [Test]
    public async Task What_does_not_compile_is_an_error_now_and_a_remark_before()
    {
        using var project = await CommittedAsync();
        var good = project.Read("orders.yaml");
        project.Replace("orders.yaml", "country = 'NL'", "contry = 'NL'");
        var now = await project.RunAsync("diff", "--base", "main");
        await GitAsync(project, "commit", "-qam", "broken");
        project.Write("orders.yaml", good);
        var before = await project.RunAsync("diff", "--base", "HEAD");
        using (Assert.EnterMultipleScope())
        {
            Assert.That(now.ExitCode, Is.EqualTo(2));
            Assert.That(now.Error, Does.Contain("ETL3015"));
            Assert.That(before.ExitCode, Is.Zero);
            Assert.That(before.Out, Does.StartWith("pipeline orders  orders.yaml  (not compared: the old version does not compile: ETL3015"));
        }
    }

    [Test]
    public async Task A_revision_or_a_repository_that_is_not_there_is_a_mistake_of_the_caller()
    {
        using var outside = ChainedShop.Project();
        var nowhere = await outside.RunAsync("diff", "--base", "main");
        using var project = await CommittedAsync();
        var unknown = await project.RunAsync("diff", "--base", "nowhere");
        using (Assert.EnterMultipleScope())
        {
            Assert.That(nowhere.ExitCode, Is.EqualTo(2), nowhere.ToString());
            Assert.That(nowhere.Error, Does.Contain("ETL4660"));
            Assert.That(unknown.ExitCode, Is.EqualTo(2), unknown.ToString());
            Assert.That(unknown.Error, Does.Contain("ETL4661"));
        }
    }

    private static async Task<ProjectFolder> CommittedAsync()
    {
        var project = ChainedShop.Project();
        await GitAsync(project, "init", "-q", "-b", "main");
        await GitAsync(project, "add", "-A");
        await GitAsync(project, "commit", "-qm", "as it was");
        return project;
    }

    private static async Task GitAsync(ProjectFolder project, params string[] arguments)
    {
        string[] settings = ["-c", "user.name=Test", "-c", "user.email=test@example.com", "-c", "commit.gpgsign=false"];
        using var git = Process.Start(new ProcessStartInfo("git", [.. settings, .. arguments]) { WorkingDirectory = project.Folder, RedirectStandardError = true })!;
        var error = await git.StandardError.ReadToEndAsync();
        await git.WaitForExitAsync();
        Assert.That(git.ExitCode, Is.Zero, error);
    }
}
