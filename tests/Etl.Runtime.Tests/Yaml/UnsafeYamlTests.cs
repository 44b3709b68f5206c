using System.Diagnostics;
using System.Text;
using CsCheck;
using Etl.Runtime.Diagnostics;
using Etl.Runtime.Yaml;
using NUnit.Framework;

namespace Etl.Runtime.Tests.Yaml;

public class UnsafeYamlTests
{
    private static readonly object[][] Cases =
    [
        ["", "f.yaml:1:1: error ETL1001: the pipeline is empty. It holds a mapping; `etl explain ETL1001` shows the least pipeline."],
        ["# only a comment\n", "f.yaml:1:1: error ETL1001: the pipeline is empty. It holds a mapping; `etl explain ETL1001` shows the least pipeline."],
        ["---\n", "f.yaml:1:1: error ETL1001: the pipeline is empty. It holds a mapping; `etl explain ETL1001` shows the least pipeline."],
        ["- a\n", "f.yaml:1:1: error ETL1014: a pipeline must be a mapping, and this is a list. Write `key: value` lines."],
        ["a: \"x\0y\"\n", "f.yaml:1:6: error ETL1003: the character U+0000 is not allowed in a file. In double quotes it can be written as \"\\u0000\"."],
        ["a: b\u0007\n", "f.yaml:1:5: error ETL1003: the character U+0007 is not allowed in a file. In double quotes it can be written as \"\\u0007\"."],
        ["a: b\rc: d\n", "f.yaml:1:5: error ETL1003: the character U+000D is not allowed in a file. Lines end in LF or CR LF."],
        ["a: \"\\0\"\n", "f.yaml:1:4: error ETL1003: the character U+0000 is not allowed in a value. Remove it, or its escape."],
        ["a:\n\tb: 1\n", "f.yaml:2:1: error ETL1005: a tab is used for indentation. Use spaces: YAML forbids tabs there."],
        ["a:\n  b: 1\n\tc: 2\n", "f.yaml:3:1: error ETL1005: a tab is used for indentation. Use spaces: YAML forbids tabs there."],
        ["a: [\n\t1 ]\n", "f.yaml:2:1: error ETL1005: a tab is used for indentation. Use spaces: YAML forbids tabs there."],
        ["a: 1\nb: 2\na: 3\n", "f.yaml:3:1: error ETL1006: the key 'a' is there twice, first in line 1. Keep one of them."],
        ["a: { x: 1, y: 2, x: 3 }\n", "f.yaml:1:18: error ETL1006: the key 'x' is there twice, first in line 1. Keep one of them."],
        ["a:\n  <<: { x: 1 }\n  x: 2\n", "f.yaml:2:3: error ETL1007: merge keys (<<) are not allowed. Write the values where they are used: a merge hides which of two holds."],
        ["a: 1\n---\nb: 2\n", "f.yaml:2:1: error ETL1008: a second document starts here; a file holds one. Put it into a file of its own."],
        ["a: &x [1]\nb: *x\n", "f.yaml:1:4: error ETL1009: the anchor &x is not allowed. Write the value where it is used: a reader then sees what holds."],
        ["a: &a [*a]\n", "f.yaml:1:4: error ETL1009: the anchor &a is not allowed. Write the value where it is used: a reader then sees what holds."],
        ["a: *x\n", "f.yaml:1:4: error ETL1009: the alias *x is not allowed. Write the value where it is used: a reader then sees what holds."],
        ["a: !!python/object:os.system x\n", "f.yaml:1:4: error ETL1012: the tag tag:yaml.org,2002:python/object:os.system is not allowed. Remove it: each option knows its type."],
        ["a: !System.Diagnostics.Process { }\n", "f.yaml:1:4: error ETL1012: the tag !System.Diagnostics.Process is not allowed. Remove it: each option knows its type."],
        ["? [a]\n: 1\n", "f.yaml:1:3: error ETL1015: a key must be a text, and this is a list. Write `key: value`; a value that starts with { or [ stands in quotes."],
        ["a: {{ params.x }}\n", "f.yaml:1:4: error ETL1015: YAML reads {{ ... }} as a mapping here. A template stands in quotes: \"{{ run.date }}\"."],
        ["a: [{{ x }}]\n", "f.yaml:1:5: error ETL1015: YAML reads {{ ... }} as a mapping here. A template stands in quotes: \"{{ run.date }}\"."],
        ["a: { { b: 1 }: 2 }\n", "f.yaml:1:6: error ETL1015: a key must be a text, and this is a mapping. Write `key: value`; a value that starts with { or [ stands in quotes."],
    ];

    [TestCaseSource(nameof(Cases))]
    public void What_is_unsafe_or_surprising_is_refused(string text, string expected) => Assert.That(Told(Encoding.UTF8.GetBytes(text)), Is.EqualTo(expected));

    [TestCase("a: [1\nb: 2\n")]
    [TestCase("a: 'open\n")]
    [TestCase("a: b: c\n")]
    [TestCase("a: @x\n")]
    [TestCase("%YAML 9.9\n---\na: 1\n")]
    public void Broken_yaml_is_told_with_a_position(string text) =>
        Assert.That(Told(Encoding.UTF8.GetBytes(text)), Does.Match(@"^f\.yaml:\d+:\d+: error ETL1013: this is not valid YAML: .+\. Look at "));

    [TestCase("a: {{ x }}/b\n")]
    [TestCase("a:\n  - {{ x }}/b\n")]
    public void A_template_that_a_value_starts_with_is_told_as_such(string text) =>
        Assert.That(Told(Encoding.UTF8.GetBytes(text)), Does.Match(@"^f\.yaml:\d+:\d+: error ETL101[35]: .+ stands in quotes: ""\{\{ run\.date \}\}"));

    [Test]
    public void A_byte_order_mark_is_no_part_of_the_first_key()
    {
        var map = Read([.. Encoding.UTF8.Preamble, .. "a: 1\n"u8], new DiagnosticBag());
        Assert.That(map!.Entries[0].Key, Is.EqualTo("a"));
        Assert.That(map.Entries[0].KeySpan, Is.EqualTo(new SourceSpan("f.yaml", 1, 1)));
    }

    [Test]
    public void Other_encodings_are_told_by_their_first_byte_that_is_no_utf8()
    {
        Assert.That(Told([.. Encoding.Unicode.Preamble, .. Encoding.Unicode.GetBytes("a: 1")]), Is.EqualTo(
            "f.yaml:1:1: error ETL1002: the file is not UTF-8: byte 0 (0xFF) starts no character. Save it as UTF-8; UTF-16 and Latin-1 are not read."));
        Assert.That(Told([.. "a: 1\nb: caf"u8, 0xE9, .. "\n"u8]), Is.EqualTo(
            "f.yaml:2:7: error ETL1002: the file is not UTF-8: byte 11 (0xE9) starts no character. Save it as UTF-8; UTF-16 and Latin-1 are not read."));
    }

    [TestCase(65)]
    [TestCase(1_000)]
    [TestCase(100_000)]
    public void Deep_nesting_ends_the_reading_and_not_the_process(int depth)
    {
        var text = "a: " + new string('[', depth - 1) + new string(']', depth - 1);
        Assert.That(Told(Encoding.UTF8.GetBytes(text)), Is.EqualTo(
            "f.yaml:1:67: error ETL1010: values are nested more than 64 deep. No option needs that; look for an unclosed bracket."));
    }

    [Test]
    public void Nesting_of_64_is_read() => Assert.That(Told(Encoding.UTF8.GetBytes("a: " + new string('[', 63) + new string(']', 63))), Is.Empty);

    [Test]
    public void Size_and_number_of_values_are_limited()
    {
        var clock = Stopwatch.StartNew();
        Assert.That(Told(Encoding.UTF8.GetBytes("a: " + new string('x', 1 << 20))), Is.EqualTo(
            "f.yaml:1:1: error ETL1004: the text has 1048579 bytes; at most 1048576 (1 MiB) are read."));
        Assert.That(Told(Encoding.UTF8.GetBytes("a: [" + string.Concat(Enumerable.Repeat("1,", 50_000)) + "]")), Does.Contain("ETL1011: the file has more than 50000 values. A file of this size is not for people: split it, or move data out of it."));
        Assert.That(clock.Elapsed, Is.LessThan(TimeSpan.FromSeconds(2)));
    }

    [Test]
    public void No_text_ends_the_process_or_escapes_the_diagnostics()
    {
        var seeds = new[] { "a: [1, {b: 'x'}]\nc:\n  - |\n    text\n  - >-\n   y\n", "apiVersion: etl/v1\nstages:\n  - { id: a, with: { k: \"\\u0041\" } }\n" };
        const string pieces = "{}[]:,-?&*!|>'\"%@`#\n\t \\ax0<.";
        Gen.Select(Gen.Int[0, 1], Gen.Select(Gen.Int[0, 80], Gen.Int[0, 31], Gen.Bool).Array[1, 8]).Sample(
            (seed, edits) =>
            {
                var text = seeds[seed];
                foreach (var (at, piece, insert) in edits)
                {
                    var i = at % text.Length;
                    text = text[..i] + pieces[piece % pieces.Length] + text[(insert ? i : i + 1)..];
                }

                Told(Encoding.UTF8.GetBytes(text));
            },
            iter: 10_000);
    }

    [Test]
    public void All_duplicate_keys_are_told_at_once() =>
        Assert.That(Told("a: 1\na: 2\nb: { c: 1, c: 2 }\n"u8.ToArray()).Split('\n'), Has.Length.EqualTo(2));

    [Test]
    public void A_tab_within_a_text_of_several_lines_is_no_indentation()
    {
        Assert.That(Told("a: |\n  x\n  \ty\nb: 1\n# \tc\n"u8.ToArray()), Is.Empty);
        Assert.That(Told("a: 'x\n\ty'\nb: 1\n"u8.ToArray()), Is.Empty);
    }

    [Test]
    public void Keys_are_kept_in_order_and_as_written() => Assert.That(
        Read("yes: 1\n010: 2\n'on': 3\nnull: 4\n"u8, new DiagnosticBag())!.Entries.Select(e => e.Key), Is.EqualTo(new[] { "yes", "010", "on", "null" }));

    private static YamlMap? Read(ReadOnlySpan<byte> bytes, DiagnosticBag bag) => YamlReader.ReadText("f.yaml", bytes, "pipeline", bag);

    private static string Told(byte[] bytes)
    {
        var bag = new DiagnosticBag();
        var map = Read(bytes, bag);
        Assert.That(map is null, Is.EqualTo(bag.HasErrors));
        return string.Join("\n", bag.Sorted);
    }
}
