using System.Text;
using System.Text.RegularExpressions;
using CsCheck;
using Etl.Runtime.Documentation;
using Markdig;
using Markdig.Extensions.EmphasisExtras;
using Markdig.Extensions.Tables;
using Markdig.Syntax;
using Markdig.Syntax.Inlines;
using NUnit.Framework;
using Markdown = Etl.Runtime.Documentation.Markdown;

namespace Etl.Runtime.Tests.Documentation;

/// <summary>Whatever a project calls its things, a reader of a page sees the names, and the page keeps its shape; read by another's parser, with all that GitHub adds.</summary>
public sealed partial class MarkdownTests
{
    private static readonly MarkdownPipeline Dialect = new MarkdownPipelineBuilder().UsePipeTables().UseEmphasisExtras(EmphasisExtraOptions.Strikethrough).UseMathematics().UseTaskLists().Build();

    private static readonly string[] Marks =
    [
        "|", "\\", "\\|", "`", "``", "*", "_", "**", "~~", "[", "](x)", "![", "<", "<b>", "-->", "<!--", "&lt;", "&#124;", "&", "$", "$$", "#", "# ", "> ", "- ", "+ ", "1. ", "12) ", "---", "===",
        ":", "://", "\n", "\r\n", "\n\n", "\t", "    ", "\u0000", "\u2028", "a", "order_id", "x", " ", "é", "漢", "😀", ".", "!", "(", ")", "{", "}", "\"", "'", "[x] ", "^", "=", "1",
    ];

    private static readonly Gen<string> Texts = Gen.OneOf(Gen.Int[0, Marks.Length - 1].Select(i => Marks[i]), Gen.String[Gen.Char['!', '~'], 0, 3]).Array[0, 12].Select(string.Concat);

    [Test]
    public void A_text_is_what_a_reader_sees() => Texts.Sample(
        text => Assert.That(Seen(Parse(Page(Markdown.Text(text))).Skip(1)), Is.EqualTo(Line(text))), iter: 20_000);

    [Test]
    public void A_name_is_what_a_reader_sees_of_it_as_code() => Texts.Sample(
        text => Assert.That(Seen(Parse(Page($"x {Markdown.Code(text)}")).Skip(1)), Is.EqualTo($"x {Line(text)}".Trim())), iter: 20_000);

    [Test]
    public void A_table_has_the_cells_that_it_was_given() => Gen.Select(Texts, Texts, Texts).Array[1, 4].Sample(
        rows =>
        {
            var page = new MarkdownPage().Table(["A", "B", "C"], [.. rows.Select(r => (IReadOnlyList<string>)[$"x{Markdown.Text(r.Item1)}", $"x {Markdown.Code(r.Item2)}", $"x {Markdown.Link(Markdown.Text(r.Item3), "a.md")}"])]).ToString();
            var table = Parse(page).OfType<Table>().Single();
            Assert.That(
                table.Skip(1).Cast<TableRow>().Select(r => string.Join('\n', r.Cast<TableCell>().Select(c => Seen(c)))),
                Is.EqualTo(rows.Select(r => $"x{Line(r.Item1)}\n{$"x {Line(r.Item2)}".Trim()}\n{$"x {Line(r.Item3)}".Trim()}")), page);
        },
        iter: 10_000);

    [Test]
    public void A_block_of_code_holds_all_of_its_lines() => Texts.Array[1, 5].Select(l => string.Join('\n', l)).Sample(
        text =>
        {
            var block = Parse(Page(Markdown.Block("sql", text))).OfType<FencedCodeBlock>().Single();
            Assert.That(Parse(Page(Markdown.Block("sql", text))), Has.Exactly(2).Items);
            Assert.That(block.Lines.ToString().TrimEnd(), Is.EqualTo(string.Join('\n', text.ReplaceLineEndings("\n").TrimEnd('\n', ' ').Split('\n').Select(l => Unseen().Replace(l, " ").TrimEnd())).TrimEnd()));
        },
        iter: 10_000);

    [TestCase("The shop's orders, cleaned and checked (v1.0.2): a_b_c, 100 % of 2 > 1.", "The shop's orders, cleaned and checked (v1.0.2): a_b_c, 100 % of 2 > 1.")]
    [TestCase("# 1 | *all* <b>", "\\# 1 \\| \\*all\\* \\<b>")]
    [TestCase("1. first", "1\\. first")]
    public void Text_is_as_plain_as_it_can_be(string text, string markdown) => Assert.That(Markdown.Text(text), Is.EqualTo(markdown));

    [TestCase("order_id", "`order_id`")]
    [TestCase("a`b", "``a`b``")]
    [TestCase("a | b", "<code>a &#124; b</code>")]
    public void Code_is_in_backticks_unless_it_cannot_be(string text, string markdown) => Assert.That(Markdown.Code(text), Is.EqualTo(markdown));

    private static string Page(string text) => new MarkdownPage().Paragraph(text).ToString();

    private static MarkdownDocument Parse(string page) => Markdig.Markdown.Parse(page, Dialect);

    private static string Seen(IEnumerable<MarkdownObject> blocks)
    {
        var text = new StringBuilder();
        foreach (var leaf in blocks.SelectMany(Parts))
        {
            _ = leaf switch
            {
                LiteralInline literal => text.Append(literal.Content.ToString()),
                CodeInline code => text.Append(code.Content),
                HtmlEntityInline entity => text.Append(entity.Transcoded.ToString()),
                HtmlInline { Tag: "<code>" or "</code>" } or LinkInline => text,
                _ => text.Append('\u2620').Append(leaf.GetType().Name),
            };
        }

        return text.ToString().Trim();
    }

    private static IEnumerable<MarkdownObject> Parts(MarkdownObject of) => of switch
    {
        ContainerBlock block => block.SelectMany(Parts),
        ParagraphBlock { Inline: { } inlines } => inlines.SelectMany(Parts),
        LinkInline link => link.SelectMany(Parts).Prepend(link),
        _ => [of],
    };

    // A reader sees no line breaks in a line, and one space for several.
    private static string Line(string text) => Spaces().Replace(Unseen().Replace(text, " "), " ").Trim();

    [GeneratedRegex("[\\p{Cc}\u2028\u2029]")]
    private static partial Regex Unseen();

    [GeneratedRegex(" {2,}")]
    private static partial Regex Spaces();
}
