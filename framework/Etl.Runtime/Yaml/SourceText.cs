using System.Text;
using Etl.Runtime.Diagnostics;

namespace Etl.Runtime.Yaml;

/// <summary>The text of a file and where its lines start.</summary>
internal sealed class SourceText
{
    private const int LargestFile = 1 << 20;

    private readonly int[] lineStarts;

    public SourceText(string file, string text)
    {
        (File, Text) = (file, text);
        var starts = new List<int> { 0 };
        for (var i = 0; i < text.Length; i++)
        {
            if (text[i] == '\n')
            {
                starts.Add(i + 1);
            }
        }

        lineStarts = [.. starts];
    }

    public string File { get; }

    /// <summary>Without a byte order mark.</summary>
    public string Text { get; }

    /// <summary>How many lines there are; an empty file has one.</summary>
    public int Lines => lineStarts.Length;

    /// <summary>The position of a character.</summary>
    public SourceSpan SpanOf(int offset)
    {
        var line = Array.BinarySearch(lineStarts, offset);
        line = line < 0 ? ~line - 1 : line;
        return new SourceSpan(File, line + 1, offset - lineStarts[line] + 1);
    }

    /// <summary>The offset of a position.</summary>
    /// <param name="line">1-based.</param>
    /// <param name="column">1-based.</param>
    public int OffsetOf(long line, long column) =>
        (int)Math.Min(line > lineStarts.Length ? Text.Length : lineStarts[line - 1] + column - 1, Text.Length);

    /// <summary>A line with its end.</summary>
    /// <param name="line">1-based.</param>
    public ReadOnlySpan<char> Line(int line) =>
        Text.AsSpan(lineStarts[line - 1]..(line < lineStarts.Length ? lineStarts[line] : Text.Length));

    /// <summary>
    /// Reads a file that must be strict UTF-8, at most 1 MiB, and without control characters. Null when the bag was told otherwise.
    /// </summary>
    public static SourceText? Read(string file, DiagnosticBag bag)
    {
        byte[] bytes;
        try
        {
            using var stream = System.IO.File.OpenRead(file);
            if (stream.Length > LargestFile)
            {
                bag.AddError(
                    SourceSpan.Start(file), "ETL1004", $"the file has {stream.Length} bytes; at most 1048576 (1 MiB) are read",
                    "A pipeline of this size is not for people: split it, or move data out of it.");
                return null;
            }

            bytes = new byte[stream.Length];
            stream.ReadExactly(bytes);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or NotSupportedException or ArgumentException)
        {
            var why = e is FileNotFoundException or DirectoryNotFoundException ? "there is no such file" : $"the file cannot be read: {e.Message.TrimEnd('.')}";
            bag.AddError(SourceSpan.Start(file), "ETL1040", why, "Check the path and its rights.");
            return null;
        }

        return Decode(file, bytes, bag);
    }

    /// <summary>The same for bytes that are at hand.</summary>
    public static SourceText? Decode(string file, ReadOnlySpan<byte> bytes, DiagnosticBag bag)
    {
        if (bytes.Length > LargestFile)
        {
            bag.AddError(SourceSpan.Start(file), "ETL1004", $"the text has {bytes.Length} bytes; at most 1048576 (1 MiB) are read");
            return null;
        }

        bytes = bytes.StartsWith(Encoding.UTF8.Preamble) ? bytes[3..] : bytes;
        if (System.Text.Unicode.Utf8.IsValid(bytes) is false)
        {
            var (line, column, at) = FirstInvalid(bytes);
            bag.AddError(
                new SourceSpan(file, line, column), "ETL1002", $"the file is not UTF-8: byte {at} (0x{bytes[at]:X2}) starts no character",
                "Save it as UTF-8; UTF-16 and Latin-1 are not read.");
            return null;
        }

        var source = new SourceText(file, Encoding.UTF8.GetString(bytes));
        return source.HasForbidden(bag) ? null : source;
    }

    private static (int Line, int Column, int At) FirstInvalid(ReadOnlySpan<byte> bytes)
    {
        var (line, column, at) = (1, 1, 0);
        while (at < bytes.Length && Rune.DecodeFromUtf8(bytes[at..], out var rune, out var length) == System.Buffers.OperationStatus.Done)
        {
            at += length;
            (line, column) = rune.Value == '\n' ? (line + 1, 1) : (line, column + rune.Utf16SequenceLength);
        }

        return (line, column, at);
    }

    // YAML's own breaks U+0085, U+2028 and U+2029 are refused too: an editor and the parser would count lines differently.
    private bool HasForbidden(DiagnosticBag bag)
    {
        for (var i = 0; i < Text.Length; i++)
        {
            var c = Text[i];
            var fine = c switch
            {
                '\n' or '\t' => true,
                '\r' => i + 1 < Text.Length && Text[i + 1] == '\n',
                < ' ' or (>= '\u007f' and <= '\u009f') or '\u2028' or '\u2029' or '\ufeff' or '\ufffe' or '\uffff' => false,
                _ => true,
            };
            if (!fine)
            {
                bag.AddError(
                    SpanOf(i), "ETL1003", $"the character U+{(int)c:X4} is not allowed in a file",
                    c == '\r' ? "Lines end in LF or CR LF." : $"In double quotes it can be written as \"\\u{(int)c:X4}\".");
                return true;
            }
        }

        return false;
    }
}
