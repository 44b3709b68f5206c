using System.Text;
using CsCheck;
using Etl.Runtime.Diagnostics;
using Etl.Runtime.Yaml;
using NUnit.Framework;

namespace Etl.Runtime.Tests.Yaml;

public class ScalarPositionTests
{
    private const string Odd = "'\"\\,{(*é€#:";

    [TestCase("a: select x from t\n", "from", 1, 13)]
    [TestCase("a: 'it''s x from t'\n", "from", 1, 13)]
    [TestCase("a: \"tab\\t\\u0041 from t\"\n", "from", 1, 17)]
    [TestCase("a: \"one \\\n   two from\"\n", "from", 2, 8)]
    [TestCase("a: |\n  select\n    x\n  from t\n", "from", 4, 3)]
    [TestCase("a: |2-  # text\n    select\n\n   from t\n", "from", 4, 4)]
    [TestCase("a: >\n  select x,\n  y\n\n    more\n  from t\n", "from", 6, 3)]
    [TestCase("a: select\n  x\n\n  from t\n", "from", 4, 3)]
    [TestCase("- { b: \"x\", a: 'y\n    from t' }\n", "from", 2, 5)]
    [TestCase("a: |\r\n  select\r\n  from t\r\n", "from", 3, 3)]
    public void A_place_in_a_text_has_its_line_and_column(string yaml, string find, int line, int column)
    {
        var scalar = Scalar(yaml.StartsWith('-') ? $"l:\n{yaml}" : yaml);
        Assert.That(scalar.SpanAt(scalar.Value.IndexOf(find, StringComparison.Ordinal)), Is.EqualTo(new SourceSpan("f.yaml", yaml.StartsWith('-') ? line + 1 : line, column)));
    }

    [Test]
    public void The_end_of_a_text_is_after_its_last_character()
    {
        Assert.That(Scalar("a: abc\n").SpanAt(3), Is.EqualTo(new SourceSpan("f.yaml", 1, 7)));
        Assert.That(Scalar("a: 'abc'\n").SpanAt(3), Is.EqualTo(new SourceSpan("f.yaml", 1, 8)));
        Assert.That(Scalar("a: ''\n").SpanAt(0), Is.EqualTo(new SourceSpan("f.yaml", 1, 5)));
    }

    [Test]
    public void Every_visible_character_of_any_text_in_any_style_is_found()
    {
        var letters = Gen.OneOf(Gen.Char['a', 'f'], Gen.Char['0', '9'], Gen.Int[0, Odd.Length - 1].Select(i => Odd[i]));
        var word = letters.Array[1, 6].Select(c => new string(c));
        var line = word.Array[0, 4].Select(w => string.Join(" ", w));
        var text = Gen.Select(line.Array[1, 5], Gen.Int[0, 3]).Select((lines, extra) => lines.Select((l, i) => i == 1 && l.Length > 0 ? new string(' ', extra) + l : l).ToArray());
        Gen.Select(text, Gen.Int[0, 4], Gen.Int[1, 4], Gen.Bool).Sample((lines, style, indent, windows) => Check(lines, (YamlStyle)style, indent, windows), iter: 5_000);
    }

    private static void Check(string[] lines, YamlStyle style, int indent, bool windows)
    {
        var pad = new string(' ', indent);
        var raw = style switch
        {
            YamlStyle.SingleQuoted => $"'{Fold(lines, pad).Replace("'", "''", StringComparison.Ordinal)}'",
            YamlStyle.DoubleQuoted => $"\"{Fold(lines, pad).Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal).Replace("é", "\\xe9", StringComparison.Ordinal).Replace("€", "\\u20AC", StringComparison.Ordinal)}\"",
            YamlStyle.Literal => $"|{indent}\n{Block(lines, pad)}",
            YamlStyle.Folded => $">{indent}\n{Block(lines, pad)}",
            _ => Fold([.. lines.Select(l => Regex(l))], pad),
        };
        var yaml = $"k: 1\na: {raw}\nz: 1\n";
        yaml = windows ? yaml.Replace("\n", "\r\n", StringComparison.Ordinal) : yaml;
        var bag = new DiagnosticBag();
        var map = YamlReader.ReadText("f.yaml", Encoding.UTF8.GetBytes(yaml), "file", bag);
        Assert.That(bag.Sorted, Is.Empty, yaml);
        var scalar = (YamlScalar)map!["a"]!;
        var rows = yaml.ReplaceLineEndings("\n").Split('\n');
        var last = (0, 0);
        for (var i = 0; i < scalar.Value.Length; i++)
        {
            if (char.IsWhiteSpace(scalar.Value[i]))
            {
                continue;
            }

            var span = scalar.SpanAt(i);
            var there = rows[span.Line - 1][span.Column - 1];
            Assert.That(there == scalar.Value[i] || (style == YamlStyle.DoubleQuoted && there == '\\'), Is.True, $"{yaml}\n{i}: {scalar.Value[i]} is not at {span}");
            Assert.That((span.Line, span.Column), Is.GreaterThan(last), yaml);
            last = (span.Line, span.Column);
        }

        // As many visible characters as there are, so the positions are all of them.
        var visible = scalar.Value.Count(c => !char.IsWhiteSpace(c));
        Assert.That(visible == 0 || last != (0, 0), yaml);
    }

    // A plain text has no indicators.
    private static string Regex(string line) => System.Text.RegularExpressions.Regex.Replace(line, "[^a-f0-9é€ ]", "x");

    private static string Fold(string[] lines, string pad) => string.Join("\n" + pad, lines.Where(l => l.Length > 0 || lines.Length > 2).DefaultIfEmpty("x")).TrimEnd();

    private static string Block(string[] lines, string pad) => string.Join("\n", lines.Select(l => l.Length == 0 ? "" : pad + l));

    private static YamlScalar Scalar(string yaml)
    {
        var bag = new DiagnosticBag();
        var map = YamlReader.ReadText("f.yaml", Encoding.UTF8.GetBytes(yaml), "file", bag);
        Assert.That(bag.Sorted, Is.Empty);
        var holder = map!["l"] is YamlList { Items: [YamlMap inner] } ? inner : map;
        return (YamlScalar)holder["a"]!;
    }
}
