using System.Net;
using System.Net.Sockets;

namespace Etl.Reliability.Tests;

/// <summary>
/// Stands between the command line and a server, and does to the connections what networks do: cuts them, slows them down, goes silent, or loses the one
/// answer that matters, that to the commit.
/// </summary>
internal sealed class TcpProxy : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _stop = new();
    private readonly List<Connection> _connections = [];
    private readonly string _host;
    private readonly int _port;
    private readonly Task _accepting;
    private long _cutAfter = long.MaxValue;
    private long _answered;
    private TaskCompletionSource _goesOn = Completed();

    public TcpProxy(PostgresServer server)
    {
        (_host, _port) = (server.Host, server.Port);
        _listener.Start();
        _accepting = AcceptAsync();
    }

    private enum Commit
    {
        NotSeen,
        OfAPublish,
        Sent,
    }

    public int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

    /// <summary>Connections that came, refused ones too.</summary>
    public int Accepted { get; private set; }

    /// <summary>Answers to the commit of a publish that were lost.</summary>
    public int LostAnswers { get; private set; }

    /// <summary>Connections are closed as they come.</summary>
    public bool Refuses { get; set; }

    /// <summary>Added to each piece of an answer.</summary>
    public TimeSpan Delay { get; set; }

    /// <summary>Of answers, in each connection; 0 for no limit.</summary>
    public int BytesPerSecond { get; set; }

    /// <summary>How many answers to the commit of a publish to lose: the server commits, the client never hears of it.</summary>
    public int AnswersToLose { get; set; }

    /// <summary>Keeps the connection of a lost answer open and silent instead of closing it.</summary>
    public bool HoldsAnswers { get; set; }

    /// <summary>Closes every connection once the servers' answers, from now on, have this many bytes.</summary>
    public void CutAfter(long bytes) => _cutAfter = Interlocked.Read(ref _answered) + bytes;

    /// <summary>Nothing passes any more, in either direction, and no connection is closed.</summary>
    public void GoSilent() => _goesOn = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Ends what <see cref="GoSilent"/> began.</summary>
    public void GoOn() => _goesOn.TrySetResult();

    /// <summary>Closes every connection there is.</summary>
    public void Cut()
    {
        lock (_connections)
        {
            _connections.ForEach(c => c.Close());
            _connections.Clear();
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        _listener.Stop();
        Cut();
        await _accepting;
        _stop.Dispose();
    }

    private static TaskCompletionSource Completed()
    {
        var done = new TaskCompletionSource();
        done.SetResult();
        return done;
    }

    private async Task AcceptAsync()
    {
        try
        {
            while (true)
            {
                var client = await _listener.AcceptTcpClientAsync(_stop.Token);
                Accepted++;
                if (Refuses)
                {
                    client.Client.Close(0);
                    continue;
                }

                var server = new TcpClient { NoDelay = true };
                await server.ConnectAsync(_host, _port, _stop.Token);
                client.NoDelay = true;
                var connection = new Connection(this, client, server);
                lock (_connections)
                {
                    _connections.Add(connection);
                }

                connection.Start();
            }
        }
        catch (Exception e) when (e is OperationCanceledException or SocketException && _stop.IsCancellationRequested)
        {
            // The test is over.
        }
    }

    private sealed class Connection(TcpProxy proxy, TcpClient client, TcpClient server)
    {
        private Commit _commit;

        public void Start() => _ = Task.WhenAll(PumpAsync(client, server, Request), PumpAsync(server, client, Answer));

        // With a reset, as a lost network looks once the peer is back.
        public void Close()
        {
            client.Client?.Close(0);
            server.Client?.Close(0);
        }

        private async Task PumpAsync(TcpClient from, TcpClient to, Func<ReadOnlyMemory<byte>, Task<bool>> passes)
        {
            var buffer = new byte[16 * 1024];
            try
            {
                while (await from.GetStream().ReadAsync(buffer, proxy._stop.Token) is > 0 and var read)
                {
                    await proxy._goesOn.Task.WaitAsync(proxy._stop.Token);
                    if (!await passes(buffer.AsMemory(0, read)))
                    {
                        return;
                    }

                    await to.GetStream().WriteAsync(buffer.AsMemory(0, read), proxy._stop.Token);
                }
            }
            catch (Exception e) when (e is IOException or SocketException or ObjectDisposedException or InvalidOperationException or OperationCanceledException)
            {
                // One side is gone; so goes the other.
            }

            Close();
        }

        private Task<bool> Request(ReadOnlyMemory<byte> bytes)
        {
            if (bytes.Span.IndexOf("INSERT INTO _etl.epoch"u8) >= 0)
            {
                _commit = Commit.OfAPublish;
            }
            else if (_commit == Commit.OfAPublish && bytes.Span.IndexOf("COMMIT"u8) >= 0)
            {
                _commit = Commit.Sent;
            }

            return Task.FromResult(true);
        }

        private async Task<bool> Answer(ReadOnlyMemory<byte> bytes)
        {
            if (_commit == Commit.Sent)
            {
                _commit = Commit.NotSeen;
                if (proxy.AnswersToLose > 0)
                {
                    proxy.AnswersToLose--;
                    proxy.LostAnswers++;
                    if (!proxy.HoldsAnswers)
                    {
                        Close();
                    }

                    return false;
                }
            }

            if (Interlocked.Add(ref proxy._answered, bytes.Length) > proxy._cutAfter)
            {
                proxy._cutAfter = long.MaxValue;
                proxy.Cut();
                return false;
            }

            await Task.Delay(proxy.Delay + TimeSpan.FromSeconds(proxy.BytesPerSecond == 0 ? 0 : (double)bytes.Length / proxy.BytesPerSecond), proxy._stop.Token);
            return true;
        }
    }
}
