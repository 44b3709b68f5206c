using Etl.Runtime.Reports;
using NUnit.Framework;

namespace Etl.Runtime.Tests.Reports;

public sealed class TextReportTests
{
    [Test]
    public void A_run_that_succeeded() => Golden.Check("reports/succeeded.txt", TextReport.Write(SampleReports.Succeeded));

    [Test]
    public void A_run_with_a_profile() => Golden.Check("reports/profiled.txt", TextReport.Write(SampleReports.Profiled));

    [Test]
    public void A_run_that_found_nothing_new() => Golden.Check("reports/nothing_new.txt", TextReport.Write(SampleReports.NothingNew));

    [Test]
    public void A_run_that_data_quality_refused() => Golden.Check("reports/refused.txt", TextReport.Write(SampleReports.Refused));

    [Test]
    public void A_run_with_one_target_that_failed() => Golden.Check("reports/half_failed.txt", TextReport.Write(SampleReports.HalfFailed));

    [Test]
    public void A_run_that_failed_before_its_first_stage() => Golden.Check("reports/failed_early.txt", TextReport.Write(SampleReports.DidNotCompile));

    [TestCase(0.004, "0.00 s")]
    [TestCase(9.994, "9.99 s")]
    [TestCase(9.996, "10.0 s")]
    [TestCase(59.96, "1 min 00 s")]
    [TestCase(185.2, "3 min 05 s")]
    [TestCase(3599.9, "1 h 00 min")]
    [TestCase(7620, "2 h 07 min")]
    public void A_duration_is_in_the_units_that_a_person_would_say(double seconds, string expected) =>
        Assert.That(TextReport.Duration(seconds), Is.EqualTo(expected));

    [TestCase(0, "0 B")]
    [TestCase(1023, "1023 B")]
    [TestCase(1536, "1.5 KB")]
    [TestCase(50_541_363, "48.2 MB")]
    [TestCase(3L << 30, "3.0 GB")]
    public void Bytes_are_in_the_largest_unit_that_fits(long bytes, string expected) => Assert.That(TextReport.Bytes(bytes), Is.EqualTo(expected));

    [Test]
    public void A_column_that_says_nothing_is_left_out()
    {
        var text = TextReport.Write(SampleReports.Succeeded with { Stages = [SampleReports.Succeeded.Stages[1]] });

        Assert.That(text, Does.Contain("rows in   rows out\n").And.Not.Contain("excluded  "));
    }
}
