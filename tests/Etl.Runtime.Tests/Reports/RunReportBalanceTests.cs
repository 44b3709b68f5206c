using Etl.Runtime.Reports;
using NUnit.Framework;

namespace Etl.Runtime.Tests.Reports;

public sealed class RunReportBalanceTests
{
    [Test]
    public void Books_that_add_up_are_no_finding() => Assert.That(SampleReports.Succeeded.Balance(), Is.Empty);

    [Test]
    public void A_row_that_vanished_in_a_stage_is_found()
    {
        var found = Changed("tidy", s => s with { RowsOut = s.RowsOut - 1 });

        Assert.That(found[0].ToString(), Is.EqualTo(
            "Imbalance { Stage = tidy, Message = 1204310 rows in, but 1204309 out + 0 excluded + 0 deduplicated + 0 dead-lettered = 1204309 }"));
    }

    [Test]
    public void A_row_that_vanished_between_two_stages_is_found()
    {
        var found = Changed("warehouse", s => s with { RowsIn = s.RowsIn - 1 });

        Assert.That(found, Is.EqualTo(new[] { new Imbalance("warehouse", "checked gave 1203951 rows, and 1203950 came in") }));
    }

    [Test]
    public void A_lookup_that_lost_a_row_is_found()
    {
        var found = Changed("countries", s => s with { Unmatched = 11 });

        Assert.That(found, Is.EqualTo(new[] { new Imbalance("countries", "1204000 rows in, but 1203988 matched + 11 unmatched = 1203999") }));
    }

    [Test]
    public void Dead_letters_that_are_in_no_file_are_found()
    {
        var found = (SampleReports.Succeeded with { DeadLetters = [] }).Balance();

        Assert.That(found, Is.EqualTo(new[] { new Imbalance("checked", "42 rows were dead-lettered, and the files hold 0") }));
    }

    [Test]
    public void A_load_that_refused_more_than_it_took_is_found()
    {
        var found = Changed("lake", s => s with { Excluded = s.RowsIn!.Value + 1 });

        Assert.That(found.Single().Stage, Is.EqualTo("lake"));
    }

    [Test]
    public void A_stage_without_an_equation_may_have_any_counts()
    {
        var report = SampleReports.Succeeded with
        {
            DeadLetters = [],
            Stages = [new StageReport { Stage = "daily", Kind = "transform", Component = "aggregate", RowsIn = 1000, RowsOut = 3 }],
        };

        Assert.That(report.Balance(), Is.Empty);
    }

    private static IReadOnlyList<Imbalance> Changed(string stage, Func<StageReport, StageReport> change) =>
        (SampleReports.Succeeded with { Stages = [.. SampleReports.Succeeded.Stages.Select(s => s.Stage == stage ? change(s) : s)] }).Balance();
}
