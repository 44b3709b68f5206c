using System.Globalization;
using System.Text.Json.Nodes;
using Etl.Runtime.Telemetry;
using NUnit.Framework;

namespace Etl.Runtime.Tests.Telemetry;

[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class JsonLogTests
{
    private readonly StringWriter written = new(CultureInfo.InvariantCulture);

    [Test]
    public void A_line_has_time_level_message_template_and_fields()
    {
        Log().ForRun("r1", "orders").ForStage("tidy").Info("{rows} rows in {seconds} s", ("rows", 1200L), ("seconds", 0.25));

        Assert.That(written.ToString(), Is.EqualTo(
            """{"ts":"2026-11-24T08:00:00.000Z","level":"info","msg":"1200 rows in 0.25 s","template":"{rows} rows in {seconds} s","run_id":"r1","pipeline":"orders","stage":"tidy","rows":1200,"seconds":0.25}""" + "\n"));
    }

    [Test]
    public void A_secret_is_taken_out_of_message_fields_and_scope()
    {
        Log().ForStage("S3cr3t").Error("cannot connect: {error}", ("error", "password \"S3cr3t\" refused"));

        Assert.That(written.ToString(), Does.Not.Contain("S3cr3t"));
        Assert.That(Line()["msg"]!.GetValue<string>(), Is.EqualTo("cannot connect: password \"***\" refused"));
    }

    [Test]
    public void A_value_that_looks_like_a_template_is_not_filled_in()
    {
        Log().Info("from {a} to {b} and {c}", ("a", "{b}"), ("b", "x"));

        Assert.That(Line()["msg"]!.GetValue<string>(), Is.EqualTo("from {b} to x and {c}"));
    }

    [Test]
    public void A_value_with_line_ends_stays_on_one_line()
    {
        Log().Warn("told: {text}", ("text", "one\ntwo\r\n\u2028three"));

        Assert.That(written.ToString().TrimEnd('\n'), Does.Not.Contain('\n'));
        Assert.That(Line()["text"]!.GetValue<string>(), Is.EqualTo("one\ntwo\r\n\u2028three"));
    }

    [Test]
    public void Less_than_the_least_level_is_not_written()
    {
        Log().Write(LogLevel.Debug, "hello");
        JsonLog.None.Error("hello");

        Assert.That(written.ToString(), Is.Empty);
    }

    [Test]
    public void Lines_of_several_threads_do_not_mix()
    {
        var log = Log();
        Parallel.For(0, 500, i => log.ForStage("s").Info("line {i}", ("i", i)));

        var lines = written.ToString().Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.That(lines.Select(l => JsonNode.Parse(l)!["i"]!.GetValue<int>()), Is.EquivalentTo(Enumerable.Range(0, 500)));
    }

    private JsonLog Log() => new(written, text => text.Replace("S3cr3t", "***", StringComparison.Ordinal), new Clock());

    private JsonNode Line() => JsonNode.Parse(written.ToString())!;

    private sealed class Clock : TimeProvider
    {
        public override DateTimeOffset GetUtcNow() => new(2026, 11, 24, 8, 0, 0, TimeSpan.Zero);
    }
}
