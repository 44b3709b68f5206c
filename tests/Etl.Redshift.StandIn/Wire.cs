using System.Buffers.Binary;
using System.Text;

namespace Etl.Redshift.StandIn;

/// <summary>A message of PostgreSQL's protocol, version 3: a type and a body.</summary>
internal sealed record Message(char Type, byte[] Body)
{
    /// <summary>The zero-terminated text at a position of the body, and the position after it.</summary>
    public (string Text, int Next) TextAt(int position)
    {
        var end = Array.IndexOf(Body, (byte)0, position);
        return (Encoding.UTF8.GetString(Body, position, end - position), end + 1);
    }

    /// <summary>A message whose body is made of texts, each zero-terminated.</summary>
    public static Message Of(char type, params ReadOnlySpan<string> texts)
    {
        using var body = new MemoryStream();
        foreach (var text in texts)
        {
            body.Write(Encoding.UTF8.GetBytes(text));
            body.WriteByte(0);
        }

        return new Message(type, body.ToArray());
    }

    /// <summary>An error, as Redshift sends it.</summary>
    public static Message Error(string sqlState, string text) => Of('E', "SERROR", "VERROR", "C" + sqlState, "M" + text, "");

    /// <summary>The fields of an error.</summary>
    public Dictionary<char, string> ErrorFields()
    {
        var fields = new Dictionary<char, string>();
        for (var at = 0; at < Body.Length && Body[at] != 0;)
        {
            var kind = (char)Body[at];
            (fields[kind], at) = TextAt(at + 1);
        }

        return fields;
    }

    /// <summary>The values of a row, as text; null for NULL.</summary>
    public string?[] RowValues()
    {
        var values = new string?[BinaryPrimitives.ReadInt16BigEndian(Body)];
        var at = 2;
        for (var i = 0; i < values.Length; i++)
        {
            var length = BinaryPrimitives.ReadInt32BigEndian(Body.AsSpan(at));
            at += 4;
            if (length >= 0)
            {
                values[i] = Encoding.UTF8.GetString(Body, at, length);
                at += length;
            }
        }

        return values;
    }
}

/// <summary>Messages over a stream.</summary>
internal sealed class Wire(Stream stream) : IAsyncDisposable
{
    private readonly Stream _stream = new BufferedStream(stream, 1 << 16);

    /// <summary>The next message; null at the end.</summary>
    public async ValueTask<Message?> ReadAsync(CancellationToken cancel)
    {
        var head = new byte[5];
        try
        {
            if (await _stream.ReadAtLeastAsync(head, 5, throwOnEndOfStream: false, cancel) < 5)
            {
                return null;
            }

            var body = new byte[BinaryPrimitives.ReadInt32BigEndian(head.AsSpan(1)) - 4];
            await _stream.ReadExactlyAsync(body, cancel);
            return new Message((char)head[0], body);
        }
        catch (IOException)
        {
            // The peer is gone without a word, as one that was killed.
            return null;
        }
    }

    /// <summary>The message that opens a session, which has no type: its code and the rest.</summary>
    public async ValueTask<(int Code, byte[] Body)?> ReadStartupAsync(CancellationToken cancel)
    {
        var head = new byte[8];
        if (await _stream.ReadAtLeastAsync(head, 8, throwOnEndOfStream: false, cancel) < 8)
        {
            return null;
        }

        var body = new byte[BinaryPrimitives.ReadInt32BigEndian(head) - 8];
        await _stream.ReadExactlyAsync(body, cancel);
        return (BinaryPrimitives.ReadInt32BigEndian(head.AsSpan(4)), body);
    }

    /// <summary>Writes the message that opens a session.</summary>
    public async ValueTask WriteStartupAsync(int code, ReadOnlyMemory<byte> body, CancellationToken cancel)
    {
        var head = new byte[8];
        BinaryPrimitives.WriteInt32BigEndian(head, body.Length + 8);
        BinaryPrimitives.WriteInt32BigEndian(head.AsSpan(4), code);
        await _stream.WriteAsync(head, cancel);
        await _stream.WriteAsync(body, cancel);
        await _stream.FlushAsync(cancel);
    }

    /// <summary>Writes a message; it is sent by <see cref="FlushAsync"/>.</summary>
    public async ValueTask WriteAsync(Message message, CancellationToken cancel)
    {
        var head = new byte[5];
        head[0] = (byte)message.Type;
        BinaryPrimitives.WriteInt32BigEndian(head.AsSpan(1), message.Body.Length + 4);
        await _stream.WriteAsync(head, cancel);
        await _stream.WriteAsync(message.Body, cancel);
    }

    /// <summary>Writes one byte.</summary>
    public async ValueTask WriteByteAsync(char value, CancellationToken cancel)
    {
        await _stream.WriteAsync(new[] { (byte)value }, cancel);
        await _stream.FlushAsync(cancel);
    }

    /// <summary>Sends what was written.</summary>
    public Task FlushAsync(CancellationToken cancel) => _stream.FlushAsync(cancel);

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => stream.DisposeAsync();
}
