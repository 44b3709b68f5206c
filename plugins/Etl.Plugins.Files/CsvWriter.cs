using Apache.Arrow;
using Etl.Plugins.FileSets;

namespace Etl.Plugins.Files;

/// <summary>
/// Writes records by RFC 4180 with CRLF. Text is written as it is: a value that a spreadsheet would take for a formula
/// (<c>=1+1</c>) stays one, because a prefix against it would change the data.
/// </summary>
internal sealed class CsvWriter(Stream target, CsvFormat format) : IRowWriter
{
    private const int FlushAt = 1 << 16;
    private readonly byte[] _specials = [format.Delimiter, format.Quote, (byte)'\r', (byte)'\n'];
    private byte[] _buffer = new byte[FlushAt * 2];
    private int _length;

    public void WriteHeader(IEnumerable<string> names)
    {
        var first = true;
        foreach (var name in names)
        {
            Separate(ref first);
            WriteText(System.Text.Encoding.UTF8.GetBytes(name));
        }

        EndRecord();
    }

    public void Write(RecordBatch batch)
    {
        Span<byte> text = stackalloc byte[CellText.LongestText];
        for (var row = 0; row < batch.Length; row++)
        {
            var first = true;
            for (var i = 0; i < batch.ColumnCount; i++)
            {
                Separate(ref first);
                var array = batch.Column(i);
                if (array.IsNull(row))
                {
                    WriteRaw(format.NullText);
                }
                else if (array is StringArray strings)
                {
                    WriteText(strings.GetBytes(row));
                }
                else if (CellText.Format(array, row, text) is > 0 and var length)
                {
                    WriteText(text[..length]);
                }
                else
                {
                    throw LoadFormat.BeyondCalendar(batch.Schema.GetFieldByIndex(i));
                }
            }

            EndRecord();
        }
    }

    public void Flush()
    {
        target.Write(_buffer, 0, _length);
        _length = 0;
    }

    private void Separate(ref bool first)
    {
        if (!first)
        {
            WriteRaw([format.Delimiter]);
        }

        first = false;
    }

    private void WriteText(ReadOnlySpan<byte> text)
    {
        // Text that reads as NULL is told from it by its quotes.
        if (text.IndexOfAny(_specials) < 0 && !text.SequenceEqual(format.NullText))
        {
            WriteRaw(text);
            return;
        }

        WriteRaw([format.Quote]);
        for (var rest = text; ;)
        {
            var quote = rest.IndexOf(format.Quote);
            if (quote < 0)
            {
                WriteRaw(rest);
                break;
            }

            WriteRaw(rest[..(quote + 1)]);
            WriteRaw([format.Quote]);
            rest = rest[(quote + 1)..];
        }

        WriteRaw([format.Quote]);
    }

    private void EndRecord()
    {
        WriteRaw("\r\n"u8);
        if (_length >= FlushAt)
        {
            Flush();
        }
    }

    private void WriteRaw(ReadOnlySpan<byte> bytes)
    {
        if (_length + bytes.Length > _buffer.Length)
        {
            System.Array.Resize(ref _buffer, Math.Max(_buffer.Length * 2, _length + bytes.Length));
        }

        bytes.CopyTo(_buffer.AsSpan(_length));
        _length += bytes.Length;
    }
}
