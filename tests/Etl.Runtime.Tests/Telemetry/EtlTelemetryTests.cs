using System.Diagnostics;
using Etl.Runtime.Telemetry;
using NUnit.Framework;
using OpenTelemetry;
using OpenTelemetry.Metrics;
using OpenTelemetry.Trace;

namespace Etl.Runtime.Tests.Telemetry;

[NonParallelizable]
public sealed class EtlTelemetryTests
{
    private static readonly StageTags Orders = new("orders", "tidy", "prod");

    [Test]
    public void Spans_stand_in_the_order_of_the_work_and_carry_its_names()
    {
        var spans = new List<Activity>();
        using (var provider = Sdk.CreateTracerProviderBuilder().AddSource(EtlTelemetry.Name).AddInMemoryExporter(spans).Build())
        {
            using var run = EtlTelemetry.StartRun("orders", "prod", "r1");
            using (EtlTelemetry.StartStage("shop", "table"))
            {
                using var split = EtlTelemetry.StartSplit("shop", "p0");
                EtlTelemetry.Fail(split, "ETL4450");
            }

            using var epoch = EtlTelemetry.StartEpoch("warehouse", 4);
        }

        var lines = spans.ConvertAll(s => $"{s.DisplayName} {s.Status} {string.Join(' ', s.TagObjects.Select(t => $"{t.Key}={t.Value}"))}");
        Assert.That(lines, Is.EquivalentTo(new[]
        {
            "split shop Error etl.stage=shop etl.split=p0 error.type=ETL4450",
            "stage shop Unset etl.stage=shop etl.component=table",
            "epoch warehouse Unset etl.stage=warehouse etl.epoch=4",
            "run orders Unset etl.pipeline=orders etl.environment=prod etl.run_id=r1",
        }));
        Assert.That(spans.Select(s => s.TraceId).Distinct().Count(), Is.EqualTo(1));
        Assert.That(Named(spans, "split shop").ParentSpanId, Is.EqualTo(Named(spans, "stage shop").SpanId));
    }

    [Test]
    public void Counters_and_histograms_have_units_and_tags()
    {
        var metrics = new List<Metric>();
        using (var provider = Sdk.CreateMeterProviderBuilder().AddMeter(EtlTelemetry.Name).AddInMemoryExporter(metrics).Build())
        {
            EtlTelemetry.Read(Orders, 100, 4096);
            EtlTelemetry.Read(Orders, 50, 2048);
            EtlTelemetry.Wrote(Orders, 149);
            EtlTelemetry.Retried(Orders);
            EtlTelemetry.DeadLettered(Orders, 1);
            EtlTelemetry.StageTook(Orders, 1.5);
            EtlTelemetry.RunTook("orders", "prod", "succeeded", 2.5);
        }

        Assert.That(metrics.SelectMany(Lines), Is.EquivalentTo(new[]
        {
            "etl.rows.read {row} etl.environment=prod etl.pipeline=orders etl.stage=tidy: 150",
            "etl.bytes.read By etl.environment=prod etl.pipeline=orders etl.stage=tidy: 6144",
            "etl.rows.written {row} etl.environment=prod etl.pipeline=orders etl.stage=tidy: 149",
            "etl.retries {retry} etl.environment=prod etl.pipeline=orders etl.stage=tidy: 1",
            "etl.dead_letters {row} etl.environment=prod etl.pipeline=orders etl.stage=tidy: 1",
            "etl.stage.duration s etl.environment=prod etl.pipeline=orders etl.stage=tidy: 1.5",
            "etl.run.duration s etl.environment=prod etl.pipeline=orders etl.status=succeeded: 2.5",
        }));
    }

    [Test]
    public void Nothing_is_made_while_nobody_listens() => Assert.That(EtlTelemetry.StartRun("orders", "prod", "r1"), Is.Null);

    private static Activity Named(List<Activity> spans, string name) => spans.Single(s => s.DisplayName == name);

    private static IEnumerable<string> Lines(Metric metric)
    {
        foreach (ref readonly var point in metric.GetMetricPoints())
        {
            var tags = new SortedDictionary<string, object?>(StringComparer.Ordinal);
            foreach (var (key, value) in point.Tags)
            {
                tags.Add(key, value);
            }

            var amount = metric.MetricType == MetricType.Histogram ? point.GetHistogramSum() : point.GetSumLong();
            yield return FormattableString.Invariant($"{metric.Name} {metric.Unit} {string.Join(' ', tags.Select(t => $"{t.Key}={t.Value}"))}: {amount}");
        }
    }
}
