using NUnit.Framework;

namespace Etl.EndToEnd.Tests;

/// <summary>At its end a run closes each of its targets, whatever becomes of another one, and tells what it ended with.</summary>
public sealed class ClosingTests
{
    [Test]
    public async Task A_target_that_cannot_be_closed_keeps_no_other_from_it()
    {
        using var project = SmallShop.Project("sqlite");
        var pipeline = SmallShop.Pipeline();
        var (warehouse, lake, end) = (pipeline.IndexOf("  - id: warehouse", StringComparison.Ordinal), pipeline.IndexOf("  - id: lake", StringComparison.Ordinal), pipeline.IndexOf("policies:", StringComparison.Ordinal));
        await File.WriteAllTextAsync(project.PathOf("orders.yaml"), pipeline[..warehouse] + pipeline[lake..end] + pipeline[warehouse..lake] + pipeline[end..]);
        var failed = await project.RunAtAsync("lake.cleaning:throw", "run", "orders.yaml");
        Assert.That((failed.ExitCode, failed.ToString().Contains("ETL4390", StringComparison.Ordinal)), Is.EqualTo((1, true)), failed.ToString());
        Assert.That(SmallShop.Leftovers(project, "sqlite"), Is.Empty);
        SmallShop.BothEqualTheSource(project, "sqlite");
    }

    [Test]
    public async Task What_a_run_failed_with_is_told_and_what_closing_met_is_a_warning()
    {
        using var project = SmallShop.Project("sqlite");
        await File.WriteAllTextAsync(project.PathOf("orders.yaml"), SmallShop.Pipeline().Replace("max_ratio: 1", "max_ratio: 0.01", StringComparison.Ordinal));
        var failed = await project.RunAtAsync("target.closed:throw", "run", "orders.yaml");
        Assert.That(failed.ExitCode, Is.EqualTo(3), failed.ToString());
        Assert.That(failed.ToString(), Does.Contain("the target of warehouse could not be closed: the fail point 'target.closed' is on"));
        Assert.That(SmallShop.Leftovers(project, "sqlite"), Is.Empty);
    }
}
