using System.Buffers;
using System.Buffers.Text;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using Apache.Arrow;
using Etl.Plugins.FileSets;

namespace Etl.Plugins.Files;

/// <summary>
/// Writes an object for each row on a line of its own, with all columns in the schema's order, NULLs too. A number is written with all its digits; NaN and infinity,
/// which JSON has no numbers for, as text, and binary as base64.
/// </summary>
internal sealed class JsonWriter : IRowWriter
{
    private const int FlushAt = 1 << 16;

    // Escapes what JSON must have escaped, and not what only a web page must.
    private static readonly JavaScriptEncoder Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping;
    private readonly Stream _target;
    private readonly byte[][] _names;
    private readonly ArrayBufferWriter<byte> _buffer = new(FlushAt * 2);

    public JsonWriter(Stream target, IEnumerable<string> names)
    {
        _target = target;
        _names = [.. names.Select((name, i) => Encoding.UTF8.GetBytes($"{(i == 0 ? "{" : ",")}\"{JsonEncodedText.Encode(name, Encoder)}\":"))];
    }

    public void Write(RecordBatch batch)
    {
        for (var row = 0; row < batch.Length; row++)
        {
            for (var i = 0; i < batch.ColumnCount; i++)
            {
                _buffer.Write(_names[i]);
                Write(batch.Column(i), row, batch.Schema.GetFieldByIndex(i));
            }

            _buffer.Write("}\n"u8);
            if (_buffer.WrittenCount >= FlushAt)
            {
                Flush();
            }
        }
    }

    public void Flush()
    {
        _target.Write(_buffer.WrittenSpan);
        _buffer.ResetWrittenCount();
    }

    private void Write(IArrowArray array, int row, Field column)
    {
        if (array.IsNull(row))
        {
            _buffer.Write("null"u8);
            return;
        }

        switch (array)
        {
            case ListArray lists:
                WriteList(lists, row, column);
                break;
            case StringArray texts:
                WriteText(texts.GetBytes(row));
                break;
            case BinaryArray binary:
                WriteBase64(binary.GetBytes(row));
                break;
            default:
                WriteValue(array, row, column);
                break;
        }
    }

    private void WriteList(ListArray lists, int row, Field column)
    {
        var (from, to) = (lists.ValueOffsets[row], lists.ValueOffsets[row + 1]);
        _buffer.Write("["u8);
        for (var i = from; i < to; i++)
        {
            if (i > from)
            {
                _buffer.Write(","u8);
            }

            Write(lists.Values, i, column);
        }

        _buffer.Write("]"u8);
    }

    private void WriteText(ReadOnlySpan<byte> text)
    {
        _buffer.Write("\""u8);
        // Six bytes are the longest escape of one.
        while (!text.IsEmpty)
        {
            var part = text.Length <= FlushAt ? text : text[..FlushAt];
            Encoder.EncodeUtf8(part, _buffer.GetSpan(part.Length * 6), out var read, out var written, isFinalBlock: part.Length == text.Length);
            _buffer.Advance(written);
            text = text[read..];
        }

        _buffer.Write("\""u8);
    }

    private void WriteBase64(ReadOnlySpan<byte> bytes)
    {
        _buffer.Write("\""u8);
        Base64.EncodeToUtf8(bytes, _buffer.GetSpan(Base64.GetMaxEncodedToUtf8Length(bytes.Length)), out _, out var written);
        _buffer.Advance(written);
        _buffer.Write("\""u8);
    }

    private void WriteValue(IArrowArray array, int row, Field column)
    {
        Span<byte> text = stackalloc byte[CellText.LongestText];
        var length = CellText.Format(array, row, text);
        if (length == 0)
        {
            throw LoadFormat.BeyondCalendar(column);
        }

        var isBare = array switch
        {
            DoubleArray a => double.IsFinite(a.Values[row]),
            FloatArray a => float.IsFinite(a.Values[row]),
            Date32Array or Time64Array or TimestampArray => false,
            _ => true,
        };
        if (isBare)
        {
            _buffer.Write(text[..length]);
            return;
        }

        _buffer.Write("\""u8);
        _buffer.Write(text[..length]);
        _buffer.Write("\""u8);
    }
}
