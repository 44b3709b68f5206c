using System.Diagnostics;
using Etl.Runtime.Diagnostics;
using Etl.Runtime.Yaml;
using NUnit.Framework;

namespace Etl.Runtime.Tests.Definition;

public class InterpolationTests
{
    private const string Head = "apiVersion: etl/v1\npipeline: orders\nparams: { vat: { type: decimal, default: 0.21 }, s: { type: string, default: x } }\nstages:\n  - { id: a, extract: table, with: { v: ";

    private static readonly object[][] Wrong =
    [
        ["\"${DB_PASSWORD}\"", "p.yaml:5:42: error ETL1030: the variable DB_PASSWORD is not set. Set DB_PASSWORD in the environment or in .env, or write ${DB_PASSWORD:-default}."],
        ["\"x ${A}\"", "p.yaml:5:44: error ETL1031: the value of A contains a reference itself: substitution is done once, not recursively. Set A to the final value."],
        ["\"${open\"", "p.yaml:5:42: error ETL1032: ${ is not closed. Write ${NAME}, ${NAME:-default} or ${file:PATH}; $${ stands for a plain ${."],
        ["\"${a-b}\"", "p.yaml:5:42: error ETL1032: 'a-b' is not the name of a variable. Write ${NAME}, ${NAME:-default} or ${file:PATH}; $${ stands for a plain ${."],
        ["\"${file:/etc/hostname}\"", "p.yaml:5:42: error ETL1035: ${file:} is for connections only. Put the value into connections.yaml, or pass it as a parameter."],
        ["\"ab {{ vta }}\"", "p.yaml:5:48: error ETL1033: the template fails: the variable or function 'vta' was not found. Known are: params.vat, params.s, run.id, run.date, run.started_at, pipeline.id."],
        ["\"{{ params.vta }}\"", "p.yaml:5:*: error ETL1033: the template fails: *. Known are: params.vat, params.s, run.id, run.date, run.started_at, pipeline.id."],
        ["\"{{ date.now }}\"", "p.yaml:5:*: error ETL1033: the template fails: *. Known are: params.vat, params.s, run.id, run.date, run.started_at, pipeline.id."],
        ["\"{{ math.uuid }}\"", "p.yaml:5:*: error ETL1033: the template fails: *. Known are: params.vat, params.s, run.id, run.date, run.started_at, pipeline.id."],
        ["\"{{ include 'x' }}\"", "p.yaml:5:*: error ETL1033: the template fails: *. Known are: params.vat, params.s, run.id, run.date, run.started_at, pipeline.id."],
        ["\"{{ if }}\"", "p.yaml:5:*: error ETL1033: the template cannot be read: *. Write {{ params.name }}."],
    ];

    private static readonly string[] Costly =
    [
        "{{ while true }}x{{ end }}", "{{ for i in 1..100000000 }}x{{ end }}", "{{ func f; f; end; f }}", "{{ 'a' | string.pad_left 1000000000 }}", "{{ 'a' * 1000000000 }}",
        "{{ x = 'aaaaaaaaaa'; for i in 1..900; x = x + x; end; x }}", "{{ for i in 1..900; for j in 1..900; for k in 1..900; y = 1; end; end; end }}",
        "{{ (1..1000000000) | string.size }}", "{{ 2 ** 1000000000 }}", "{{ x = 2; for i in 1..60; x = x * x; end }}",
    ];

    [TestCaseSource(nameof(Wrong))]
    public void What_is_wrong_is_told_without_a_value(string value, string expected)
    {
        using var files = new Workspace();
        files.Variables["A"] = "S3cr3t${B}";
        files.Pipeline(Head + value + " } }\n");
        var pattern = $"^{System.Text.RegularExpressions.Regex.Escape(expected).Replace("\\*", ".*", StringComparison.Ordinal)}$";
        Assert.That(files.Told, Does.Match(pattern).And.Not.Contain("S3cr3t"));
    }

    [TestCaseSource(nameof(Costly))]
    public void A_template_that_takes_too_much_ends_within_a_second(string template)
    {
        using var files = new Workspace();
        files.Pipeline(Head + "'x' } }\n");
        var clock = Stopwatch.StartNew();
        files.Pipeline(Head + $"\"{template}\" }} }}\n");
        Assert.That(clock.Elapsed, Is.LessThan(TimeSpan.FromSeconds(1)));
        Assert.That(files.Told, Does.Contain("error ETL1034: the template takes more than it may: 500 ms, 1000 iterations, 65536 characters, 20 calls deep. Templates put a value into a text; compute in SQL.").Or.Contain("error ETL1033"), template);
    }

    [Test]
    public void Deep_parentheses_end_within_a_second()
    {
        using var files = new Workspace();
        var clock = Stopwatch.StartNew();
        files.Pipeline(Head + "\"{{ " + new string('(', 100_000) + "1" + new string(')', 100_000) + " }}\" } }\n");
        Assert.That(clock.Elapsed, Is.LessThan(TimeSpan.FromSeconds(2)));
        Assert.That(files.Told, Does.Contain("error ETL103"));
    }

    [TestCase("\"${B}-${C:-d}-${E:-}\"", "b-d-")]
    [TestCase("\"$${B} $ {B}\"", "${B} $ {B}")]
    [TestCase("\"{{ params.vat }}${B}{{ pipeline.id }}\"", "0.21borders")]
    [TestCase("\"{{ run.date }} {{ run.started_at }} {{ run.id }}\"", "2026-01-31 2026-01-31T12:00:00Z 20260131-120000-abcd")]
    [TestCase("\"${T}\"", "\"}\nadmin: true {{ run.id }}")]
    [TestCase("\"{{ pipeline.id | string.upcase }}\"", "ORDERS")]
    public void Values_are_put_in_once_and_not_looked_at_again(string value, string expected)
    {
        using var files = new Workspace();
        (files.Variables["B"], files.Variables["T"]) = ("b", "\"}\nadmin: true {{ run.id }}");
        var pipeline = files.Pipeline(Head + value + " } }\n");
        Assert.That(files.Told, Is.Empty);
        Assert.That(((YamlScalar)pipeline!.Stages[0].With["v"]!).Value, Is.EqualTo(expected));
    }

    [Test]
    public void A_position_before_a_substitution_stays()
    {
        var scalar = new YamlScalar("ab b", YamlStyle.Plain, new SourceSpan("f", 1, 1)) { Written = "ab ${B}", Substituted = Substitution.Reference };
        Assert.That(scalar.SpanAt(1), Is.EqualTo(scalar.Span));
    }
}
