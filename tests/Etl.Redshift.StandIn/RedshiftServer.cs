using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;

namespace Etl.Redshift.StandIn;

/// <summary>What a stand-in is made of.</summary>
/// <param name="Postgres">What runs the statements.</param>
/// <param name="Buckets">What COPY reads and UNLOAD writes.</param>
public sealed record StandInOptions(PostgresBehind Postgres, IBuckets Buckets)
{
    /// <summary>Clients log in with it.</summary>
    public string Password { get; init; } = "";

    /// <summary>The role that may use the buckets.</summary>
    public string Role { get; init; } = "arn:aws:iam::123456789012:role/warehouse";

    /// <summary>The key pair that may use them.</summary>
    public (string AccessKey, string SecretKey) Keys { get; init; }
}

/// <summary>
/// A server that speaks to clients as Redshift does, on a free port of this machine, and lets PostgreSQL do the work. It is not Redshift: see the README
/// beside this file.
/// </summary>
public sealed class RedshiftServer : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _stop = new();
    private readonly ConcurrentDictionary<Task, bool> _sessions = new();
    private readonly Task _accepting;

    private RedshiftServer(StandInOptions options)
    {
        Options = options;
        _listener.Start();
        Port = ((IPEndPoint)_listener.LocalEndpoint).Port;
        _accepting = AcceptAsync();
    }

    /// <summary>Where it listens.</summary>
    public int Port { get; }

    /// <summary>Every statement that came, in order.</summary>
    public ConcurrentQueue<string> Heard { get; } = new();

    /// <summary>Called with each statement before it runs, for a test that wants to interfere.</summary>
    public Func<string, Task> Before { get; set; } = _ => Task.CompletedTask;

    internal StandInOptions Options { get; }

    internal WriteConflicts Conflicts { get; } = new();

    /// <summary>Starts one for a database, in which it makes the functions that PostgreSQL lacks.</summary>
    public static async Task<RedshiftServer> StartAsync(StandInOptions options, string database)
    {
        await using var upstream = await Upstream.OpenAsync(options.Postgres, database, CancellationToken.None);
        foreach (var statement in Prelude.Statements)
        {
            await upstream.RunAsync(statement, CancellationToken.None);
        }

        return new RedshiftServer(options);
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        _listener.Stop();
        await _accepting;
        await Task.WhenAll(_sessions.Keys);
        _stop.Dispose();
    }

    private async Task AcceptAsync()
    {
        while (true)
        {
            TcpClient client;
            try
            {
                client = await _listener.AcceptTcpClientAsync(_stop.Token);
            }
            catch (Exception e) when (e is OperationCanceledException or SocketException or ObjectDisposedException)
            {
                return;
            }

            var session = Task.Run(async () =>
            {
                using (client)
                {
                    client.NoDelay = true;
                    await using var wire = new Wire(client.GetStream());
                    try
                    {
                        await new ClientSession(this, wire).RunAsync(_stop.Token);
                    }
                    catch (Exception e) when (e is IOException or OperationCanceledException or SocketException)
                    {
                        // The client or the server behind is gone, and with it the session.
                    }
                }
            });
            _sessions[session] = true;
            _ = session.ContinueWith(t => _sessions.TryRemove(t, out _), TaskScheduler.Default);
        }
    }
}

/// <summary>What Redshift has and PostgreSQL has not.</summary>
internal static class Prelude
{
    public static IReadOnlyList<string> Statements { get; } =
    [
        "CREATE SCHEMA IF NOT EXISTS _redshift",
        "DO 'BEGIN CREATE DOMAIN _redshift.super AS jsonb; EXCEPTION WHEN duplicate_object THEN NULL; END'",
        "CREATE OR REPLACE FUNCTION _redshift.getdate() RETURNS timestamp LANGUAGE sql VOLATILE AS 'SELECT date_trunc(''second'', clock_timestamp() AT TIME ZONE ''UTC'')'",
        "CREATE OR REPLACE FUNCTION _redshift.sysdate() RETURNS timestamp LANGUAGE sql STABLE AS 'SELECT transaction_timestamp() AT TIME ZONE ''UTC'''",
        "CREATE OR REPLACE FUNCTION _redshift.json_parse(text) RETURNS _redshift.super LANGUAGE sql IMMUTABLE AS 'SELECT $1::jsonb'",
        "CREATE OR REPLACE FUNCTION _redshift.json_serialize(_redshift.super) RETURNS varchar LANGUAGE sql IMMUTABLE AS 'SELECT $1::text'",
        "CREATE OR REPLACE FUNCTION _redshift.len(text) RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT length($1)'",
        "CREATE OR REPLACE FUNCTION _redshift.pg_last_copy_count() RETURNS bigint LANGUAGE sql STABLE AS 'SELECT coalesce(nullif(current_setting(''redshift.copied'', true), ''''), ''0'')::bigint'",
        "CREATE OR REPLACE FUNCTION _redshift.pg_last_unload_count() RETURNS bigint LANGUAGE sql STABLE AS 'SELECT coalesce(nullif(current_setting(''redshift.unloaded'', true), ''''), ''0'')::bigint'",
    ];

    /// <summary>Settings of each session: Redshift has one isolation, escapes by backslash in literals, and a search path of its own.</summary>
    public const string SessionSettings =
        "SET default_transaction_isolation TO 'repeatable read'; SET standard_conforming_strings TO off; SET escape_string_warning TO off; SET TimeZone TO 'UTC'; SET search_path TO \"$user\", public, _redshift";
}
