using Etl.Contracts;
using Etl.Runtime.Diagnostics;
using YamlDotNet.Core;
using YamlDotNet.Core.Events;

namespace Etl.Runtime.Yaml;

/// <summary>
/// Reads a YAML file into a tree of our own, from the parser's events. What makes YAML unsafe or surprising is refused while it
/// streams by, before any of it is kept: depth, size, tags, anchors and aliases, merge keys, duplicate keys, a second document.
/// (The parser's own tree accepts all of these, and a deep document ends the process.)
/// </summary>
public static class YamlReader
{
    private const int DeepestNesting = 64;
    private const int MostNodes = 50_000;

    /// <summary>The mapping that a file holds; null when the bag was told what is wrong.</summary>
    /// <param name="file">Its path, as it shall stand in diagnostics.</param>
    /// <param name="what">What it should be, such as <c>pipeline</c>, for the text about an empty file.</param>
    /// <param name="bag">Receives what is wrong.</param>
    public static YamlMap? ReadFile(string file, string what, DiagnosticBag bag) =>
        SourceText.Read(file, bag) is { } source ? Read(source, what, bag) : null;

    /// <summary>The same for text that is at hand, such as a replacement of a file in an editor.</summary>
    public static YamlMap? ReadText(string file, ReadOnlySpan<byte> utf8, string what, DiagnosticBag bag) =>
        SourceText.Decode(file, utf8, bag) is { } source ? Read(source, what, bag) : null;

    private static YamlMap? Read(SourceText source, string what, DiagnosticBag bag)
    {
        var reading = new Reading(source, bag);
        try
        {
            var root = reading.Document();
            if (root is YamlMap map)
            {
                return reading.Refused || reading.HasTabIndentation() ? null : map;
            }

            if (root is null or YamlScalar { IsEmpty: true })
            {
                bag.AddError(SourceSpan.Start(source.File), "ETL1001", $"the {what} is empty", $"It holds a mapping; `etl explain ETL1001` shows the least {what}.");
            }
            else
            {
                bag.AddError(root.Span, "ETL1014", $"a {what} must be a mapping, and this is {root.Kind}", "Write `key: value` lines.");
            }
        }
        catch (Refusal refusal)
        {
            bag.AddError(refusal.Span, refusal.Code, refusal.Message, refusal.Hint);
        }
        catch (YamlException e)
        {
            // The parser stumbles over a tab in its own words, some lines before or after it.
            if (!reading.HasTabIndentation(e.Message.Contains(" tab", StringComparison.Ordinal) ? long.MaxValue : e.Start.Line))
            {
                var hint = reading.HasBareTemplate(e.Start.Line) ? "A value that starts with {{ stands in quotes: \"{{ run.date }}/in\"." : "Look at the indentation, quotes and colons here and in the line before.";
                bag.AddError(reading.SpanOf(e.Start), "ETL1013", $"this is not valid YAML: {Plain(e)}", hint);
            }
        }

        catch (Exception e) when (e is InvalidOperationException or ArgumentException or IndexOutOfRangeException)
        {
            // The parser's own, for some texts that it does not foresee, such as an unclosed bracket before a key.
            bag.AddError(reading.LastRead, "ETL1013", "this is not valid YAML: it cannot be parsed from here on", "Look at the indentation, quotes, brackets and colons here and in the next lines.");
        }

        return null;
    }

    // "(Line: 1, Col: 2, Idx: 3) - (...): While parsing ..., did not find expected ..." without its own positions.
    private static string Plain(YamlException e)
    {
        var text = e.Message.StartsWith("(Line:", StringComparison.Ordinal) && e.Message.IndexOf("): ", StringComparison.Ordinal) is > 0 and var at
            ? e.Message[(at + 3)..] : e.Message;
        text = text.TrimEnd('.').ReplaceLineEndings(" ");
        return text.Length == 0 ? "it cannot be parsed" : char.ToLowerInvariant(text[0]) + text[1..];
    }

    /// <summary>Ends the reading at once: what follows would be too much or mean nothing.</summary>
    private sealed class Refusal(SourceSpan span, string code, string message, string hint) : EtlException(code, message, hint)
    {
        public SourceSpan Span { get; } = span;
    }

    private sealed class Reading(SourceText source, DiagnosticBag bag)
    {
        private readonly Parser parser = new(new StringReader(source.Text));
        private readonly List<(int Start, int End)> scalars = [];
        private int nodes;
        private int depth;

        /// <summary>An error that did not end the reading, such as a duplicate key.</summary>
        public bool Refused { get; private set; }

        /// <summary>Where the parser was when it last said something.</summary>
        public SourceSpan LastRead => parser.Current is { } last ? SpanOf(last.Start) : SourceSpan.Start(source.File);

        public SourceSpan SpanOf(Mark mark) => source.SpanOf(source.OffsetOf(mark.Line, mark.Column));

        public YamlNode? Document()
        {
            Next<StreamStart>();
            if (Next<ParsingEvent>() is not DocumentStart)
            {
                return null;
            }

            var root = Node(Next<ParsingEvent>());
            Next<DocumentEnd>();
            if (Next<ParsingEvent>() is DocumentStart second)
            {
                throw new Refusal(SpanOf(second.Start), "ETL1008", "a second document starts here; a file holds one", "Put it into a file of its own.");
            }

            return root;
        }

        private T Next<T>() where T : ParsingEvent =>
            parser.MoveNext() && parser.Current is T current
                ? current
                : throw new Refusal(SourceSpan.Start(source.File), "ETL1013", "this is not valid YAML: the document ends early", "Look at its last lines.");

        private YamlNode Node(ParsingEvent at)
        {
            var span = SpanOf(at.Start);
            if (++nodes > MostNodes)
            {
                throw new Refusal(span, "ETL1011", $"the file has more than {MostNodes} values", "A file of this size is not for people: split it, or move data out of it.");
            }

            if (at is AnchorAlias || at is NodeEvent { Anchor.IsEmpty: false })
            {
                throw new Refusal(
                    span, "ETL1009", at is AnchorAlias alias ? $"the alias *{alias.Value} is not allowed" : $"the anchor &{((NodeEvent)at).Anchor.Value} is not allowed",
                    "Write the value where it is used: a reader then sees what holds.");
            }

            if (at is NodeEvent { Tag.IsEmpty: false } tagged)
            {
                throw new Refusal(span, "ETL1012", $"the tag {tagged.Tag.Value} is not allowed", "Remove it: each option knows its type.");
            }

            return at switch
            {
                Scalar scalar => Single(scalar, span),
                SequenceStart => Nested(() => List(span), span),
                MappingStart => Nested(() => Map(span), span),
                _ => throw new Refusal(span, "ETL1013", "this is not valid YAML: a value was expected", "Look at its last lines."),
            };
        }

        private YamlNode Nested(Func<YamlNode> read, SourceSpan span)
        {
            if (++depth > DeepestNesting)
            {
                throw new Refusal(span, "ETL1010", $"values are nested more than {DeepestNesting} deep", "No option needs that; look for an unclosed bracket.");
            }

            var node = read();
            depth--;
            return node;
        }

        private YamlScalar Single(Scalar scalar, SourceSpan span)
        {
            var (start, end) = (source.OffsetOf(scalar.Start.Line, scalar.Start.Column), source.OffsetOf(scalar.End.Line, scalar.End.Column));
            scalars.Add((start, end));
            if (scalar.Value.AsSpan().IndexOfAny('\0', '\uFDD0', '\uFDD1') is >= 0 and var at)
            {
                throw new Refusal(span, "ETL1003", $"the character U+{(int)scalar.Value[at]:X4} is not allowed in a value", "Remove it, or its escape.");
            }

            var style = scalar.Style switch
            {
                ScalarStyle.SingleQuoted => YamlStyle.SingleQuoted,
                ScalarStyle.DoubleQuoted => YamlStyle.DoubleQuoted,
                ScalarStyle.Literal => YamlStyle.Literal,
                ScalarStyle.Folded => YamlStyle.Folded,
                _ => YamlStyle.Plain,
            };
            return new YamlScalar(scalar.Value, style, span) { Source = new ScalarSource(source, start, end) };
        }

        private YamlList List(SourceSpan span)
        {
            var items = new List<YamlNode>();
            while (Next<ParsingEvent>() is var at && at is not SequenceEnd)
            {
                items.Add(Node(at));
            }

            return new YamlList(items, span);
        }

        private YamlMap Map(SourceSpan span)
        {
            var entries = new List<YamlEntry>();
            var seen = new Dictionary<string, SourceSpan>(StringComparer.Ordinal);
            while (Next<ParsingEvent>() is var at && at is not MappingEnd)
            {
                var keyNode = Node(at);
                if (keyNode is YamlMap && (keyNode.Span.Line, keyNode.Span.Column) == (span.Line, span.Column + 1))
                {
                    throw new Refusal(span, "ETL1015", "YAML reads {{ ... }} as a mapping here", "A template stands in quotes: \"{{ run.date }}\".");
                }

                if (keyNode is not YamlScalar { Value.Length: > 0 } key)
                {
                    throw new Refusal(keyNode.Span, "ETL1015", $"a key must be a text, and this is {keyNode.Kind}", "Write `key: value`; a value that starts with { or [ stands in quotes.");
                }

                if (key is { Value: "<<", Style: YamlStyle.Plain })
                {
                    throw new Refusal(key.Span, "ETL1007", "merge keys (<<) are not allowed", "Write the values where they are used: a merge hides which of two holds.");
                }

                var value = Node(Next<ParsingEvent>());
                if (seen.TryAdd(key.Value, key.Span))
                {
                    entries.Add(new YamlEntry(key.Value, key.Span, value));
                    continue;
                }

                Refused = true;
                var first = seen[key.Value];
                bag.AddError(key.Span, "ETL1006", $"the key '{key.Value}' is there twice, first in line {first.Line}", "Keep one of them.");
            }

            return new YamlMap(entries, span);
        }

        /// <summary>Whether a value of this line, or of the one before, starts with a template and not with a quote.</summary>
        public bool HasBareTemplate(long line)
        {
            for (var number = Math.Max(1, line - 1); number <= Math.Min(line, source.Lines); number++)
            {
                var text = source.Line((int)number);
                if (text.Contains(": {{", StringComparison.Ordinal) || text.TrimStart().StartsWith("- {{", StringComparison.Ordinal))
                {
                    return true;
                }
            }

            return false;
        }

        /// <summary>Tells of the first line that is indented by a tab, outside of a text of several lines.</summary>
        /// <param name="last">Lines after this one (1-based) are not looked at.</param>
        public bool HasTabIndentation(long last = long.MaxValue)
        {
            for (var number = 1; number <= Math.Min(last, source.Lines); number++)
            {
                var line = source.Line(number);
                var indent = line.IndexOfAnyExcept(" \t\r\n");
                if (indent < 0 || line[..indent].IndexOf('\t') is not (>= 0 and var tab))
                {
                    continue;
                }

                var offset = source.OffsetOf(number, indent + 1);
                if (!scalars.Exists(s => s.Start < offset && offset < s.End))
                {
                    bag.AddError(new SourceSpan(source.File, number, tab + 1), "ETL1005", "a tab is used for indentation", "Use spaces: YAML forbids tabs there.");
                    return true;
                }
            }

            return false;
        }
    }
}
