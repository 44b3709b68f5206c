using System.Text;
using Etl.Contracts;
using Etl.Plugins.Tests;
using Etl.Runtime.Diagnostics;
using Etl.Runtime.Options;
using Etl.Runtime.Yaml;
using FluentValidation;
using NUnit.Framework;

namespace Etl.Runtime.Tests.Options;

public sealed record SampleOptions
{
    [Option("The table.", Example = "orders", Identifier = true)]
    public required string Table { get; init; }

    [Option("Rows of a batch.", Min = 1, Max = 10_000_000)]
    public int BatchSize { get; init; } = 65_536;

    [Option("Enough for every file.")]
    public long? MaxBytes { get; init; }

    [Option("Longest wait.", Example = "30s", Max = 3600)]
    public TimeSpan Timeout { get; init; } = TimeSpan.FromSeconds(90);

    [Option("Share.", Min = 0, Max = 1)]
    public double Ratio { get; init; } = 0.5;

    [Option("Exact.")]
    public decimal? Amount { get; init; }

    [Option("Buffer.")]
    public ByteSize Memory { get; init; } = new(64 << 20);

    [Option("Whether.")]
    public bool Enabled { get; init; }

    [Option("Country.")]
    public string? Country { get; init; }

    [Option("From.")]
    public DateOnly? Since { get; init; }

    [Option("Mode.")]
    public SampleMode Mode { get; init; } = SampleMode.KeepAll;

    [Option("Columns.", Example = "[id, email]")]
    public IReadOnlyList<string> Columns { get; init; } = [];

    [Option("Expressions.", Sql = true)]
    public IReadOnlyDictionary<string, string> Derived { get; init; } = new Dictionary<string, string>();

    [Option("Accepted values.")]
    public IReadOnlyDictionary<string, IReadOnlyList<string>> Accepted { get; init; } = new Dictionary<string, IReadOnlyList<string>>();

    [Option("Rules.")]
    public IReadOnlyList<SampleRule> Rules { get; init; } = [];

    [Option("Nested.")]
    public SampleNested? Nested { get; init; }

    [Option("Password.", Secret = true)]
    public string? Password { get; init; }
}

public enum SampleMode
{
    KeepAll,
    DropNulls,
}

public sealed record SampleRule
{
    [Option("Name.")]
    public required string Name { get; init; }

    [Option("Condition.", Sql = true)]
    public string? Expect { get; init; }
}

public sealed record SampleNested
{
    [Option("Key.")]
    public IReadOnlyList<string> Key { get; init; } = [];
}

public sealed class SampleRules : OptionsRules<SampleOptions>
{
    public SampleRules()
    {
        RuleForEach(o => o.Columns).Must((o, name) => o.Columns.Count(c => c == name) == 1).WithMessage("lists '{PropertyValue}' more than once.");
        RuleFor(o => o.Country).Must((o, country) => country is null || o.Enabled).WithMessage("needs enabled: true.");
    }
}

public sealed class SampleNestedRules : OptionsRules<SampleNested>
{
    public SampleNestedRules() => RuleFor(o => o.Key).Must(k => k.Count < 3).WithMessage("has more than two columns.");
}

public sealed record OwnTableOptions : TableLoadOptions;

public class OptionBinderTests
{
    private static readonly object[][] Wrong =
    [
        ["table: t\nbatch_sise: 5\n", "o.yaml:2:1: error ETL2001: unknown option 'batch_sise'. Did you mean 'batch_size'? Options are: table, batch_size, max_bytes, timeout, ratio, amount, memory, enabled, country, since, mode, columns, derived, accepted, rules, nested, password."],
        ["batch_size: 5\n", "o.yaml:9:9: error ETL2005: the option 'table' is required. The table."],
        ["table: [a]\n", "o.yaml:1:8: error ETL2002: 'table' must be a text, and this is a list. Remove the brackets or the dash."],
        ["table: { a: 1 }\n", "o.yaml:1:8: error ETL2002: 'table' must be a text, and this is a mapping."],
        ["table: t\ncolumns: id\n", "o.yaml:2:10: error ETL2002: 'columns' must be a list, and this is a single value. Write [id]."],
        ["table: t\nnested: [a]\n", "o.yaml:2:9: error ETL2002: 'nested' must be a mapping, and this is a list. Options are: key."],
        ["table: t\nbatch_size:\n", "o.yaml:2:1: error ETL2006: 'batch_size' has no value. Remove it, or write a whole number."],
        ["table: ~\n", "o.yaml:1:8: error ETL2006: 'table' has no value. Remove it, or write \"\" for an empty text."],
        ["table: t\nbatch_size: -1\n", "o.yaml:2:13: error ETL2004: 'batch_size' is '-1'; it must be from 1 to 10000000."],
        ["table: t\nbatch_size: 0\n", "o.yaml:2:13: error ETL2004: 'batch_size' is '0'; it must be from 1 to 10000000."],
        ["table: t\nbatch_size: 99999999999\n", "o.yaml:2:13: error ETL2004: 'batch_size' is '99999999999'; it must be from 1 to 10000000."],
        ["table: t\nmax_bytes: 99999999999999999999\n", "o.yaml:2:12: error ETL2004: 'max_bytes' is '99999999999999999999'; it must be a whole number of at most 18 digits."],
        ["table: t\nratio: 1e400\n", "o.yaml:2:8: error ETL2004: 'ratio' is '1e400'; it must be a finite number."],
        ["table: t\nratio: .nan\n", "o.yaml:2:8: error ETL2004: 'ratio' is '.nan'; it must be a finite number."],
        ["table: t\nratio: -.inf\n", "o.yaml:2:8: error ETL2004: 'ratio' is '-.inf'; it must be a finite number."],
        ["table: t\nratio: 1.5\n", "o.yaml:2:8: error ETL2004: 'ratio' is '1.5'; it must be from 0 to 1."],
        ["table: t\namount: 12345678901234567890123456789.5\n", "o.yaml:2:9: error ETL2004: 'amount' is '12345678901234567890123456789.5'; it must be a number of at most 28 digits."],
        ["table: t\ntimeout: 30\n", "o.yaml:2:10: error ETL2002: 'timeout' is '30'; it must be a duration with a unit. Units are ms, s, m, h and d: 200ms, 30s, 5m, 1h, 2d."],
        ["table: t\ntimeout: 30 parsecs\n", "o.yaml:2:10: error ETL2002: 'timeout' is '30 parsecs'; it must be a duration with a known unit. Units are ms, s, m, h and d: 200ms, 30s, 5m, 1h, 2d."],
        ["table: t\ntimeout: 2h\n", "o.yaml:2:10: error ETL2004: 'timeout' is '2h'; it must be from 0ms to 1h."],
        ["table: t\nmemory: 512\n", "o.yaml:2:9: error ETL2002: 'memory' is '512'; it must be a size with a unit. Units are B, KB, MB, GB and TB, each 1024 times the one before: 64KB, 256MB, 1GB."],
        ["table: t\nbatch_size: 010\n", "o.yaml:2:13: error ETL2002: 'batch_size' is '010'; it must be a whole number. Write 10."],
        ["table: t\nbatch_size: 0x10\n", "o.yaml:2:13: error ETL2002: 'batch_size' is '0x10'; it must be a whole number. Write it in decimal digits."],
        ["table: t\nbatch_size: 1_000\n", "o.yaml:2:13: error ETL2002: 'batch_size' is '1_000'; it must be a whole number. Write 1000."],
        ["table: t\nbatch_size: 1:30\n", "o.yaml:2:13: error ETL2002: 'batch_size' is '1:30'; it must be a whole number."],
        ["table: t\nbatch_size: \"5\"\n", "o.yaml:2:13: error ETL2002: 'batch_size' is '5'; it must be a whole number, and quotes make it text. Remove the quotes."],
        ["table: t\nenabled: yes\n", "o.yaml:2:10: error ETL2002: 'enabled' is 'yes'; it must be true or false. Write true."],
        ["table: t\nenabled: Off\n", "o.yaml:2:10: error ETL2002: 'enabled' is 'Off'; it must be true or false. Write false."],
        ["table: t\nsince: 2026-02-30\n", "o.yaml:2:8: error ETL2002: 'since' is '2026-02-30'; it must be a date such as 2026-01-31."],
        ["table: t\nmode: keep_al\n", "o.yaml:2:7: error ETL2003: 'mode' is 'keep_al'; it must be one of: keep_all, drop_nulls. Did you mean 'keep_all'?"],
        ["table: t\npassword: hunter2\n", "o.yaml:2:11: error ETL2008: 'password' is a secret and must not stand in a file. Write \"${NAME}\", and set NAME in the environment or in .env; or \"${file:PATH}\"."],
        ["table: t\nrules:\n  - { name: a }\n  - { expect: b }\n", "o.yaml:4:5: error ETL2005: the option 'rules[1].name' is required. Name."],
        ["table: t\nrules: [ { name: a, exepct: b } ]\n", "o.yaml:2:21: error ETL2001: unknown option 'exepct'. Did you mean 'expect'? Options are: name, expect."],
        ["table: t\ncolumns: [id, name, id]\n", "o.yaml:2:11: error ETL2010: 'columns[0]' lists 'id' more than once.\no.yaml:2:21: error ETL2010: 'columns[2]' lists 'id' more than once."],
        ["table: t\ncountry: nl\n", "o.yaml:2:10: error ETL2010: 'country' needs enabled: true."],
        ["table: t\nnested:\n  key: [a, b, c]\n", "o.yaml:3:8: error ETL2010: 'nested.key' has more than two columns."],
        ["tabel: t\nbatch_size: x\nenabled: no\n", "o.yaml:1:1: error ETL2001: *\no.yaml:2:13: error ETL2002: *\no.yaml:3:10: error ETL2002: *\no.yaml:9:9: error ETL2005: *"],
    ];

    [TestCaseSource(nameof(Wrong))]
    public void What_is_wrong_is_told_with_its_place_and_the_way_out(string yaml, string expected)
    {
        var (record, told) = Bind(yaml);
        Assert.That(record, Is.Null);
        if (expected.Contains('*', StringComparison.Ordinal))
        {
            told = string.Join("\n", told.Split('\n').Select(l => l[..(l.IndexOf(": ", l.IndexOf("ETL", StringComparison.Ordinal), StringComparison.Ordinal) + 2)] + "*"));
        }

        Assert.That(told, Is.EqualTo(expected));
    }

    [Test]
    public void Values_are_bound_and_absent_ones_keep_their_defaults()
    {
        var (o, told) = Bind("""
            table: "a\"; drop table x--"
            batch_size: 10
            max_bytes: 9000000000
            timeout: 1.5m
            ratio: 2.5e-1
            amount: 0.10
            memory: 2GB
            enabled: true
            country: no
            since: 2026-01-31
            mode: drop_nulls
            columns: [010, 1_000, "x"]
            derived: { z: a + 1, a: "b", m: c }
            accepted: { status: [new, paid] }
            rules: [ { name: r, expect: "x > 0" } ]
            nested: { key: [id] }
            """);
        Assert.That(told, Is.Empty);
        Assert.That(o!.Table, Is.EqualTo("a\"; drop table x--"));
        Assert.That((o.BatchSize, o.MaxBytes, o.Timeout, o.Ratio, o.Memory.Bytes, o.Enabled), Is.EqualTo((10, 9_000_000_000L, TimeSpan.FromSeconds(90), 0.25, 2L << 30, true)));
        Assert.That(o.Amount!.Value.ToString(System.Globalization.CultureInfo.InvariantCulture), Is.EqualTo("0.10"));
        Assert.That((o.Country, o.Since, o.Mode), Is.EqualTo(("no", new DateOnly(2026, 1, 31), SampleMode.DropNulls)));
        Assert.That(o.Columns, Is.EqualTo(new[] { "010", "1_000", "x" }));
        Assert.That(o.Derived.Keys, Is.EqualTo(new[] { "z", "a", "m" }), "in the order written");
        Assert.That(o.Accepted["status"], Is.EqualTo(new[] { "new", "paid" }));
        Assert.That(o.Rules.Single().Expect, Is.EqualTo("x > 0"));
        Assert.That(o.Nested!.Key, Is.EqualTo(new[] { "id" }));
        Assert.That(Bind("table: t").Record!.Timeout, Is.EqualTo(TimeSpan.FromSeconds(90)));
    }

    [Test]
    public void A_secret_comes_from_a_reference_and_is_masked_from_then_on()
    {
        var redactor = new Redactor();
        var scalar = new YamlScalar("S3cr3t-CANARY", YamlStyle.DoubleQuoted, new SourceSpan("o.yaml", 1, 1)) { Written = "${PW}", Substituted = Substitution.Reference };
        var map = new YamlMap([Entry("table", new YamlScalar("t", YamlStyle.Plain, scalar.Span)), Entry("password", scalar)], scalar.Span);
        Assert.That(OptionBinder.Bind<SampleOptions>(map, scalar.Span, new DiagnosticBag(), redactor)?.Password, Is.EqualTo("S3cr3t-CANARY"));
        Assert.That(redactor.Redact("pw S3cr3t-CANARY!"), Is.EqualTo("pw ***!"));
    }

    [Test]
    public void A_value_that_was_substituted_is_shown_as_it_was_written()
    {
        var bag = new DiagnosticBag();
        var scalar = new YamlScalar("S3cr3t", YamlStyle.DoubleQuoted, new SourceSpan("o.yaml", 1, 1)) { Written = "${PW}", Substituted = Substitution.Reference };
        OptionBinder.Bind<SampleOptions>(new YamlMap([Entry("batch_size", scalar), Entry("table", scalar)], scalar.Span), scalar.Span, bag);
        Assert.That(bag.Sorted.Single().ToString(), Is.EqualTo("o.yaml:1:1: error ETL2002: 'batch_size' is '${PW}'; it must be a whole number."));
    }

    [Test]
    public void Templates_do_not_enter_names_and_sql()
    {
        var bag = new DiagnosticBag();
        var span = new SourceSpan("o.yaml", 1, 1);
        var scalar = new YamlScalar("x", YamlStyle.Plain, span) { Written = "{{ params.x }}", Substituted = Substitution.Template };
        var reference = new YamlScalar("x", YamlStyle.Plain, span with { Line = 2 }) { Written = "${X}", Substituted = Substitution.Reference };
        OptionBinder.Bind<SampleOptions>(new YamlMap([Entry("table", scalar), Entry("derived", new YamlMap([Entry("a", reference)], span))], span), span, bag);
        Assert.That(string.Join("\n", bag.Sorted), Is.EqualTo(
            "o.yaml:1:1: error ETL2007: a template {{ }} is not allowed in 'table'. Names are written out, so that what a pipeline touches can be read.\n" +
            "o.yaml:2:1: error ETL2007: a reference ${ } is not allowed in 'derived.a'. In SQL write $name: a parameter, bound with its type."));
    }

    [Test]
    public void Generic_rules_of_a_base_record_hold_for_a_record_without_its_own()
    {
        var bag = new DiagnosticBag();
        var map = Read("table: t\nmode: upsert\n", bag)!;
        Assert.That(OptionBinder.Bind<OwnTableOptions>(map, map.Span, bag), Is.Null);
        Assert.That(string.Join("\n", bag.Sorted), Is.EqualTo("o.yaml:1:1: error ETL2010: 'key' is required for mode: upsert."));
    }

    [TestCase("derived.gross", 7, "o.yaml:4:12")]
    [TestCase("columns[1]", null, "o.yaml:1:15")]
    [TestCase("rules[0].name", null, "o.yaml:5:18")]
    [TestCase("rules[9]", null, "o.yaml:5:8")]
    [TestCase("nothing", null, "o.yaml:1:1")]
    public void A_path_of_an_option_leads_to_its_place(string path, int? offset, string expected)
    {
        var map = Read("columns: [id, email]\nderived:\n  gross: >\n    round( a\nrules: [ { name: x } ]\n", new DiagnosticBag())!;
        Assert.That(OptionBinder.SpanOf(map, path, offset).ToString(), Is.EqualTo(expected));
    }

    [Test]
    public void A_record_that_cannot_be_bound_is_its_authors_mistake() => Assert.That(
        WholeText.Of(() => OptionSet.For(typeof(Unbindable))),
        Is.EqualTo("ETL2090: the options record Etl.Runtime.Tests.Options.OptionBinderTests+Unbindable.When cannot be bound: its type DateTime is none of those that an option can have. This is a mistake in the plugin; [Option] lists the types that it may use."));

    public sealed record Unbindable
    {
        [Option("A type that loses time zones.")]
        public DateTime When { get; init; }
    }

    private static YamlEntry Entry(string key, YamlNode value) => new(key, value.Span, value);

    private static (SampleOptions? Record, string Told) Bind(string yaml)
    {
        var bag = new DiagnosticBag();
        var map = Read(yaml, bag);
        var record = map is null ? null : OptionBinder.Bind<SampleOptions>(map, new SourceSpan("o.yaml", 9, 9), bag);
        return (record, string.Join("\n", bag.Sorted));
    }

    private static YamlMap? Read(string yaml, DiagnosticBag bag) => YamlReader.ReadText("o.yaml", Encoding.UTF8.GetBytes(yaml), "file", bag);
}
