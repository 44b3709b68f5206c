using System.Globalization;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;

namespace Etl.Redshift.StandIn;

/// <summary>The PostgreSQL that stands behind: where it is and how to log in.</summary>
/// <param name="Host">Its host.</param>
/// <param name="Port">Its port.</param>
/// <param name="User">The user.</param>
/// <param name="Password">Of the user.</param>
public sealed record PostgresBehind(string Host, int Port, string User, string Password);

/// <summary>An error that PostgreSQL sent.</summary>
internal sealed class UpstreamException(string sqlState, string message) : Exception(message)
{
    public string SqlState { get; } = sqlState;
}

/// <summary>A session of PostgreSQL, spoken to in its own protocol so that answers can be passed on as they are.</summary>
internal sealed class Upstream : IAsyncDisposable
{
    private const int Protocol3 = 196608;
    private const int CancelCode = 80877102;

    private Upstream(TcpClient client, Wire wire) => (Client, Wire) = (client, wire);

    public Wire Wire { get; }

    /// <summary>What a client needs to cancel a statement of this session.</summary>
    public Message? Key { get; private set; }

    /// <summary>I: no transaction, T: in one, E: in one that failed.</summary>
    public char Status { get; set; } = 'I';

    private TcpClient Client { get; }

    public static async Task<Upstream> OpenAsync(PostgresBehind server, string database, CancellationToken cancel)
    {
        var client = new TcpClient { NoDelay = true };
        await client.ConnectAsync(server.Host, server.Port, cancel);
        var upstream = new Upstream(client, new Wire(client.GetStream()));
        await upstream.Wire.WriteStartupAsync(Protocol3, Encoding.UTF8.GetBytes($"user\0{server.User}\0database\0{database}\0client_encoding\0UTF8\0\0"), cancel);
        await upstream.LogInAsync(server.Password, cancel);
        return upstream;
    }

    /// <summary>Passes a client's request to cancel on.</summary>
    public static async Task CancelAsync(PostgresBehind server, ReadOnlyMemory<byte> key, CancellationToken cancel)
    {
        using var client = new TcpClient();
        await client.ConnectAsync(server.Host, server.Port, cancel);
        await using var wire = new Wire(client.GetStream());
        await wire.WriteStartupAsync(CancelCode, key, cancel);
    }

    /// <summary>Runs SQL and gives its rows as text and the tag of the last statement.</summary>
    public async Task<(List<string?[]> Rows, string Tag)> RunAsync(string sql, CancellationToken cancel)
    {
        await Wire.WriteAsync(Message.Of('Q', sql), cancel);
        await Wire.FlushAsync(cancel);
        return await AnswerAsync(cancel);
    }

    /// <summary>The answer to what was sent, up to the point where the server is ready again.</summary>
    public async Task<(List<string?[]> Rows, string Tag)> AnswerAsync(CancellationToken cancel)
    {
        var rows = new List<string?[]>();
        var tag = "";
        UpstreamException? error = null;
        while (true)
        {
            var message = await NextAsync(cancel);
            switch (message.Type)
            {
                case 'D': rows.Add(message.RowValues()); break;
                case 'C': tag = message.TextAt(0).Text; break;
                case 'E': error = ErrorOf(message); break;
                case 'G': return (rows, "");
                case 'Z':
                    return error is null ? (rows, tag) : throw error;
            }
        }
    }

    /// <summary>The rows that COPY ... TO STDOUT sends, as its text lines without their ends.</summary>
    public async Task<List<string>> CopyOutAsync(string sql, CancellationToken cancel)
    {
        await Wire.WriteAsync(Message.Of('Q', sql), cancel);
        await Wire.FlushAsync(cancel);
        var lines = new List<string>();
        UpstreamException? error = null;
        while (await NextAsync(cancel) is var message)
        {
            switch (message.Type)
            {
                case 'd': lines.Add(Encoding.UTF8.GetString(message.Body).TrimEnd('\n')); break;
                case 'E': error = ErrorOf(message); break;
                case 'Z': return error is null ? lines : throw error;
            }
        }

        return lines;
    }

    /// <summary>The next message, with the state of the transaction kept.</summary>
    public async ValueTask<Message> NextAsync(CancellationToken cancel)
    {
        var message = await Wire.ReadAsync(cancel) ?? throw new IOException("PostgreSQL closed the session");
        if (message.Type == 'Z')
        {
            Status = (char)message.Body[0];
        }

        return message;
    }

    public async ValueTask DisposeAsync()
    {
        await Wire.DisposeAsync();
        Client.Dispose();
    }

    private static UpstreamException ErrorOf(Message message) => message.ErrorFields() is var f ? new UpstreamException(f['C'], f['M']) : throw new InvalidOperationException();

    private async Task LogInAsync(string password, CancellationToken cancel)
    {
        var nonce = Convert.ToBase64String(RandomNumberGenerator.GetBytes(18));
        while (true)
        {
            var message = await NextAsync(cancel);
            switch (message.Type)
            {
                case 'R' when message.Body[3] == 10:
                    var first = Encoding.UTF8.GetBytes($"n,,n=,r={nonce}");
                    await SendAsync([.. "SCRAM-SHA-256\0"u8, 0, 0, 0, (byte)first.Length, .. first], cancel);
                    break;
                case 'R' when message.Body[3] == 11:
                    await SendAsync(Proof(Encoding.UTF8.GetString(message.Body, 4, message.Body.Length - 4), nonce, password), cancel);
                    break;
                case 'R' when message.Body[3] is 0 or 12:
                    break;
                case 'K':
                    Key = message;
                    break;
                case 'E':
                    throw ErrorOf(message);
                case 'Z':
                    return;
                case 'R':
                    throw new NotSupportedException($"PostgreSQL asks for authentication of kind {message.Body[3]}; SCRAM-SHA-256 is spoken here");
            }
        }
    }

    private async Task SendAsync(byte[] body, CancellationToken cancel)
    {
        await Wire.WriteAsync(new Message('p', body), cancel);
        await Wire.FlushAsync(cancel);
    }

    // RFC 5802: the second message of the client.
    private static byte[] Proof(string serverFirst, string nonce, string password)
    {
        var fields = serverFirst.Split(',').ToDictionary(f => f[0], f => f[2..]);
        var salted = Rfc2898DeriveBytes.Pbkdf2(password, Convert.FromBase64String(fields['s']), int.Parse(fields['i'], CultureInfo.InvariantCulture), HashAlgorithmName.SHA256, 32);
        var clientKey = HMACSHA256.HashData(salted, "Client Key"u8);
        var withoutProof = $"c=biws,r={fields['r']}";
        var signature = HMACSHA256.HashData(SHA256.HashData(clientKey), Encoding.UTF8.GetBytes($"n=,r={nonce},{serverFirst},{withoutProof}"));
        var proof = clientKey.Zip(signature, (a, b) => (byte)(a ^ b)).ToArray();
        return Encoding.UTF8.GetBytes($"{withoutProof},p={Convert.ToBase64String(proof)}");
    }
}
