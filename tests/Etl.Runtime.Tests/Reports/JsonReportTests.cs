using Etl.Contracts;
using Etl.Runtime.Reports;
using NUnit.Framework;

namespace Etl.Runtime.Tests.Reports;

public sealed class JsonReportTests
{
    [Test]
    public void The_whole_document_is_pinned() => Golden.Check("reports/succeeded.json", JsonReport.Write(SampleReports.Succeeded) + "\n");

    [Test]
    public void What_was_written_is_read_back_the_same()
    {
        foreach (var report in new[] { SampleReports.Succeeded, SampleReports.Profiled, SampleReports.NothingNew, SampleReports.Refused, SampleReports.HalfFailed, SampleReports.DidNotCompile })
        {
            var line = JsonReport.WriteLine(report);

            Assert.That(line, Does.Not.Contain('\n'));
            Assert.That(JsonReport.WriteLine(JsonReport.Parse(line)), Is.EqualTo(line));
        }
    }

    [Test]
    public void A_time_with_an_offset_is_written_in_UTC()
    {
        var report = SampleReports.Succeeded with { StartedAt = new DateTimeOffset(2026, 11, 24, 10, 0, 0, TimeSpan.FromHours(2)) };

        Assert.That(JsonReport.WriteLine(report), Does.Contain("\"started_at\":\"2026-11-24T08:00:00.000Z\""));
    }

    [Test]
    public void A_newer_version_is_refused()
    {
        var json = JsonReport.WriteLine(SampleReports.Succeeded).Replace("\"version\":1", "\"version\":2", StringComparison.Ordinal);

        Assert.That(
            () => JsonReport.Parse(json),
            Throws.TypeOf<EtlException>().With.Message.EqualTo("a stored run report has version 2; this version reads up to 1").And.Property("Code").EqualTo("ETL4614"));
    }

    [TestCase("")]
    [TestCase("{}")]
    [TestCase("null")]
    [TestCase("{\"version\":1,\"run_id\":\"r\",\"pipeline\":\"p\",\"environment\":\"e\",\"status\":1,\"started_at\":\"2026-11-24T08:00:00Z\",\"seconds\":1}")]
    public void A_damaged_report_is_told_so(string json) =>
        Assert.That(() => JsonReport.Parse(json), Throws.TypeOf<EtlException>().With.Property("Code").EqualTo("ETL4614"));
}
