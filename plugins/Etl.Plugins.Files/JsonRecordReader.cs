using System.Globalization;
using System.Text.Json;
using Etl.Contracts;

namespace Etl.Plugins.Files;

/// <summary>Cuts a stream into the objects of its rows, in one buffer: a line each, or the items of one array.</summary>
internal sealed class JsonRecordReader(Stream stream, string name) : IDisposable
{
    private const int LongestRecord = 64 << 20;
    private byte[] _buffer = new byte[1 << 18];
    private int _start;
    private int _end;
    private int _recordStart;
    private int _recordLength;
    private long _nextLine = 1;
    private bool _atEnd;
    private Layout _layout;

    // The order in which an array's parts are met.
    private enum Layout
    {
        Unknown,
        Lines,
        FirstItem,
        Item,
        AfterItem,
        AfterArray,
    }

    /// <summary>The line on which the current record starts, from 1.</summary>
    public long Line { get; private set; }

    /// <summary>The current record's bytes; good until the next one.</summary>
    public ReadOnlySpan<byte> Record => _buffer.AsSpan(_recordStart, _recordLength);

    /// <summary>The next record if it lies whole in the buffer; else <see cref="FillAsync"/>.</summary>
    public bool TryRead()
    {
        while (SkipBlanks())
        {
            switch (_layout)
            {
                case Layout.Unknown when _buffer[_start] == '[':
                    _start++;
                    _layout = Layout.FirstItem;
                    break;
                case Layout.Unknown:
                    _layout = Layout.Lines;
                    break;
                case Layout.Lines:
                    return TryLine();
                case Layout.FirstItem or Layout.AfterItem when _buffer[_start] == ']':
                    _start++;
                    _layout = Layout.AfterArray;
                    break;
                case Layout.AfterItem when _buffer[_start] == ',':
                    _start++;
                    _layout = Layout.Item;
                    break;
                case Layout.FirstItem or Layout.Item:
                    return TryItem();
                default:
                    throw Error(_nextLine, _layout == Layout.AfterArray ? "text after the end of the array" : "a comma or the end of the array was expected");
            }
        }

        return false;
    }

    /// <summary>Reads more; false at the end, when nothing is left.</summary>
    public async ValueTask<bool> FillAsync(CancellationToken cancel)
    {
        if (_atEnd)
        {
            return _layout is Layout.FirstItem or Layout.Item or Layout.AfterItem ? throw Error(_nextLine, "the array has no end; the file is cut off") : false;
        }

        Buffer.BlockCopy(_buffer, _start, _buffer, 0, _end - _start);
        (_start, _end, _recordStart, _recordLength) = (0, _end - _start, 0, 0);
        if (_end == _buffer.Length)
        {
            if (_buffer.Length >= LongestRecord)
            {
                throw Error(_nextLine, string.Create(CultureInfo.InvariantCulture, $"an object is longer than {LongestRecord >> 20} MB"));
            }

            Array.Resize(ref _buffer, _buffer.Length * 2);
        }

        var isFirst = _layout == Layout.Unknown;
        do
        {
            var read = await stream.ReadAsync(_buffer.AsMemory(_end), cancel);
            _end += read;
            _atEnd = read == 0;
        }
        while (isFirst && _end < 3 && !_atEnd);
        if (isFirst && _nextLine == 1)
        {
            SkipMark();
        }

        return true;
    }

    /// <summary>An error with its place.</summary>
    public EtlException Error(long line, string what) => new(
        "ETL4577", string.Create(CultureInfo.InvariantCulture, $"{name}:{line}: {what}"), "Correct the file, or the contract and members that say what it holds.");

    /// <summary>The error of a record that is no JSON. Its text may be nobody's business: only the place is told.</summary>
    public EtlException NoJson(JsonException e) => Error(
        Line + (e.LineNumber ?? 0), string.Create(CultureInfo.InvariantCulture, $"no valid JSON at byte {(e.BytePositionInLine ?? 0) + 1} of {(e.LineNumber is > 0 ? "the line" : "the object")}"));

    public void Dispose() => stream.Dispose();

    private bool TryLine()
    {
        var length = _buffer.AsSpan(_start, _end - _start).IndexOf((byte)'\n');
        if (length < 0 && !_atEnd)
        {
            return false;
        }

        length = length < 0 ? _end - _start : length;
        Line = _nextLine;
        (_recordStart, _recordLength) = (_start, length);
        _start += length;
        return true;
    }

    private bool TryItem()
    {
        Line = _nextLine;
        var json = new Utf8JsonReader(_buffer.AsSpan(_start, _end - _start), _atEnd, default);
        try
        {
            if (!json.Read() || !json.TrySkip())
            {
                return false;
            }
        }
        catch (JsonException e)
        {
            throw NoJson(e);
        }

        (_recordStart, _recordLength) = (_start, (int)json.BytesConsumed);
        _nextLine += Record.Count((byte)'\n');
        _start += _recordLength;
        _layout = Layout.AfterItem;
        return true;
    }

    // False when the buffer holds nothing else.
    private bool SkipBlanks()
    {
        for (; _start < _end; _start++)
        {
            switch (_buffer[_start])
            {
                case (byte)'\n':
                    _nextLine++;
                    break;
                case (byte)' ' or (byte)'\t' or (byte)'\r':
                    break;
                default:
                    return true;
            }
        }

        return false;
    }

    private void SkipMark()
    {
        var beginning = _buffer.AsSpan(_start, _end - _start);
        if (beginning.StartsWith((ReadOnlySpan<byte>)[0xEF, 0xBB, 0xBF]))
        {
            _start += 3;
        }
        else if (beginning.StartsWith((ReadOnlySpan<byte>)[0xFF, 0xFE]) || beginning.StartsWith((ReadOnlySpan<byte>)[0xFE, 0xFF]))
        {
            throw Error(1, "the file is UTF-16, and only UTF-8 is read");
        }
    }
}
