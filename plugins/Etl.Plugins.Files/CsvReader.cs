using System.Buffers;
using System.Globalization;
using Etl.Contracts;

namespace Etl.Plugins.Files;

/// <summary>
/// Splits a stream into records and fields by RFC 4180, in one buffer and without an object per field. Stricter than most: a quote in the
/// middle of an unquoted field, or text after a closing one, is an error and not a guess.
/// </summary>
internal sealed class CsvReader(Stream stream, CsvFormat format, string name) : IDisposable
{
    private const int LongestRecord = 64 << 20;
    private readonly SearchValues<byte> _specials = SearchValues.Create([format.Delimiter, format.Quote, (byte)'\n', (byte)'\r']);
    private byte[] _buffer = new byte[1 << 18];
    private int _start;
    private int _end;
    private bool _atEnd;
    private bool _atBeginning = true;
    private long _nextLine = 1;
    private Field[] _fields = new Field[16];

    /// <summary>The line on which the current record starts, from 1.</summary>
    public long Line { get; private set; }

    /// <summary>Fields of the current record.</summary>
    public int Count { get; private set; }

    /// <summary>An empty line.</summary>
    public bool IsBlank => Count == 1 && _fields[0] is { Length: 0, IsQuoted: false };

    /// <summary>The next record if it lies whole in the buffer; else <see cref="FillAsync"/>.</summary>
    public bool TryRead()
    {
        if (_start == _end || _atBeginning)
        {
            return false;
        }

        var next = Split();
        if (next < 0)
        {
            return false;
        }

        Line = _nextLine;
        _nextLine += _buffer.AsSpan(_start, next - _start).Count((byte)'\n');
        _start = next;
        return true;
    }

    /// <summary>Reads more; false at the end, when nothing is left.</summary>
    public async ValueTask<bool> FillAsync(CancellationToken cancel)
    {
        if (_atEnd)
        {
            return _start < _end;
        }

        if (_start > 0)
        {
            Buffer.BlockCopy(_buffer, _start, _buffer, 0, _end - _start);
            (_start, _end) = (0, _end - _start);
        }

        if (_end == _buffer.Length)
        {
            if (_buffer.Length >= LongestRecord)
            {
                throw Error(_nextLine, string.Create(CultureInfo.InvariantCulture, $"a record is longer than {LongestRecord >> 20} MB; is a quote not closed?"));
            }

            Array.Resize(ref _buffer, _buffer.Length * 2);
        }

        var read = await stream.ReadAsync(_buffer.AsMemory(_end), cancel);
        _end += read;
        _atEnd = read == 0;
        if (_atBeginning && (_end >= 3 || _atEnd))
        {
            _atBeginning = false;
            SkipMark();
        }

        return !_atEnd || _start < _end;
    }

    /// <summary>The bytes of a field, without quotes; good until the next record.</summary>
    public ReadOnlySpan<byte> Value(int index)
    {
        ref var field = ref _fields[index];
        var bytes = _buffer.AsSpan(field.Start, field.Length);
        if (field.IsEscaped)
        {
            var length = 0;
            for (var i = 0; i < bytes.Length; i++)
            {
                bytes[length++] = bytes[i];
                i += bytes[i] == format.Quote ? 1 : 0;
            }

            field = field with { Length = length, IsEscaped = false };
            bytes = bytes[..length];
        }

        return bytes;
    }

    /// <summary>Whether the field stands for NULL.</summary>
    public bool IsNull(int index) => !_fields[index].IsQuoted && Value(index).SequenceEqual(format.NullText);

    /// <summary>An error with its place.</summary>
    public EtlException Error(long line, string what) => new(
        "ETL4540", string.Create(CultureInfo.InvariantCulture, $"{name}:{line}: {what}"), "Correct the file, or the options delimiter, quote and header that say how it is written.");

    public void Dispose() => stream.Dispose();

    // Where the next record starts; -1 when this one does not end in the buffer.
    private int Split()
    {
        Count = 0;
        for (var at = _start; ;)
        {
            Field field;
            if (at < _end && _buffer[at] == format.Quote)
            {
                if (!TryQuoted(at, out field, out at))
                {
                    return -1;
                }
            }
            else
            {
                var length = _buffer.AsSpan(at, _end - at).IndexOfAny(_specials);
                if (length < 0 && !_atEnd)
                {
                    return -1;
                }

                length = length < 0 ? _end - at : length;
                field = new(at, length, false, false);
                at += length;
            }

            Add(field);
            if (at == _end)
            {
                return _atEnd ? at : -1;
            }

            switch (_buffer[at])
            {
                case var b when b == format.Delimiter:
                    at++;
                    break;
                case (byte)'\n':
                    return at + 1;
                case (byte)'\r' when at + 1 < _end && _buffer[at + 1] == '\n':
                    return at + 2;
                case (byte)'\r' when at + 1 == _end:
                    return _atEnd ? at + 1 : -1;
                case (byte)'\r':
                    throw Error(LineOf(at), "a carriage return without a line feed");
                default:
                    throw Error(LineOf(at), field.IsQuoted ? $"text after the closing quote of field {Count}" : $"a quote within field {Count}, which does not start with one");
            }
        }
    }

    private bool TryQuoted(int at, out Field field, out int after)
    {
        (field, after) = (default, at);
        var start = at + 1;
        var isEscaped = false;
        for (var from = start; ;)
        {
            var quote = _buffer.AsSpan(from, _end - from).IndexOf(format.Quote);
            if (quote < 0)
            {
                return _atEnd ? throw Error(LineOf(at), "a quote that is never closed") : false;
            }

            quote += from;
            if (quote + 1 == _end && !_atEnd)
            {
                return false;
            }

            if (quote + 1 < _end && _buffer[quote + 1] == format.Quote)
            {
                isEscaped = true;
                from = quote + 2;
                continue;
            }

            field = new(start, quote - start, true, isEscaped);
            after = quote + 1;
            return true;
        }
    }

    private void Add(Field field)
    {
        if (Count == _fields.Length)
        {
            Array.Resize(ref _fields, Count * 2);
        }

        _fields[Count++] = field;
    }

    private long LineOf(int at) => _nextLine + _buffer.AsSpan(_start, at - _start).Count((byte)'\n');

    private void SkipMark()
    {
        var beginning = _buffer.AsSpan(0, _end);
        if (beginning.StartsWith((ReadOnlySpan<byte>)[0xEF, 0xBB, 0xBF]))
        {
            _start = 3;
        }
        else if (beginning.StartsWith((ReadOnlySpan<byte>)[0xFF, 0xFE]) || beginning.StartsWith((ReadOnlySpan<byte>)[0xFE, 0xFF]))
        {
            throw Error(1, "the file is UTF-16, and only UTF-8 is read");
        }
    }

    private readonly record struct Field(int Start, int Length, bool IsQuoted, bool IsEscaped);
}
