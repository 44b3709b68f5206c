using System.Text;

namespace Etl.Redshift.StandIn;

/// <summary>One client's session, and one of PostgreSQL behind it.</summary>
internal sealed class ClientSession(RedshiftServer server, Wire client)
{
    private const int SslRequest = 80877103;
    private const int GssRequest = 80877104;
    private const int CancelRequest = 80877102;

    private readonly Dictionary<string, Statement> _prepared = [];
    private readonly HashSet<string> _written = [];
    private Upstream _upstream = null!;
    private long? _snapshot;

    private bool InTransaction => _upstream.Status != 'I';

    public async Task RunAsync(CancellationToken cancel)
    {
        if (await LogInAsync(cancel) is not { } database)
        {
            return;
        }

        try
        {
            _upstream = await Upstream.OpenAsync(server.Options.Postgres, database, cancel);
        }
        catch (UpstreamException e)
        {
            await client.WriteAsync(Message.Error(e.SqlState, e.Message), cancel);
            await client.FlushAsync(cancel);
            return;
        }

        await using (_upstream)
        {
            await _upstream.RunAsync(Prelude.SessionSettings, cancel);
            await client.WriteAsync(new Message('R', [0, 0, 0, 0]), cancel);
            foreach (var (name, value) in new[] { ("server_version", "8.0.2"), ("client_encoding", "UTF8"), ("server_encoding", "UTF8"), ("TimeZone", "UTC"), ("DateStyle", "ISO, MDY"), ("integer_datetimes", "on") })
            {
                await client.WriteAsync(Message.Of('S', name, value), cancel);
            }

            await client.WriteAsync(_upstream.Key!, cancel);
            await ReadyAsync(cancel);
            await ServeAsync(cancel);
        }
    }

    private async Task<string?> LogInAsync(CancellationToken cancel)
    {
        while (await client.ReadStartupAsync(cancel) is var (code, body))
        {
            switch (code)
            {
                case SslRequest or GssRequest:
                    await client.WriteByteAsync('N', cancel);
                    continue;
                case CancelRequest:
                    await Upstream.CancelAsync(server.Options.Postgres, body, cancel);
                    return null;
            }

            var words = Encoding.UTF8.GetString(body).Split('\0');
            var settings = words.Take(words.Length / 2 * 2).Chunk(2).Where(p => p[0].Length > 0).ToDictionary(p => p[0], p => p[1]);
            await client.WriteAsync(new Message('R', [0, 0, 0, 3]), cancel);
            await client.FlushAsync(cancel);
            if (await client.ReadAsync(cancel) is not { Type: 'p' } answer || answer.TextAt(0).Text != server.Options.Password)
            {
                await client.WriteAsync(Message.Error("28000", $"password authentication failed for user \"{settings["user"]}\""), cancel);
                await client.FlushAsync(cancel);
                return null;
            }

            return settings["database"];
        }

        return null;
    }

    private async Task ServeAsync(CancellationToken cancel)
    {
        var group = new List<Message>();
        while (await client.ReadAsync(cancel) is { Type: not 'X' } message)
        {
            if (message.Type == 'Q')
            {
                await AnswerAsync(() => SimpleAsync(message.TextAt(0).Text, cancel), cancel);
            }
            else if (message.Type == 'S')
            {
                await AnswerAsync(() => ExtendedAsync(group, cancel), cancel);
                group.Clear();
            }
            else if (message.Type != 'H')
            {
                group.Add(message);
            }
        }
    }

    // What goes wrong here fails the transaction, as an error of the server does.
    private async Task AnswerAsync(Func<Task> answer, CancellationToken cancel)
    {
        try
        {
            await answer();
        }
        catch (RefusedException e)
        {
            await FailAsync(e.SqlState, e.Message, cancel);
        }
        catch (UpstreamException e)
        {
            await FailAsync(e.SqlState, e.Message, cancel);
        }

        await ReadyAsync(cancel);
    }

    private async Task FailAsync(string sqlState, string text, CancellationToken cancel)
    {
        if (_upstream.Status == 'T')
        {
            try
            {
                await _upstream.RunAsync("SELECT 1/0", cancel);
            }
            catch (UpstreamException)
            {
                // That was the point: the transaction counts as failed now.
            }
        }

        await client.WriteAsync(Translated(Message.Error(sqlState, text)), cancel);
    }

    private async Task ReadyAsync(CancellationToken cancel)
    {
        await client.WriteAsync(new Message('Z', [(byte)_upstream.Status]), cancel);
        await client.FlushAsync(cancel);
    }

    private async Task SimpleAsync(string sql, CancellationToken cancel)
    {
        foreach (var tokens in Sql.Statements(sql))
        {
            var statement = StatementReader.Read(sql, tokens, InTransaction);
            if (await PrepareAsync(statement, sql, cancel) is { } tag)
            {
                await client.WriteAsync(Message.Of('C', tag), cancel);
                continue;
            }

            await _upstream.Wire.WriteAsync(Message.Of('Q', statement.Upstream), cancel);
            await _upstream.Wire.FlushAsync(cancel);
            if (!await RelayAsync(cancel))
            {
                return;
            }

            await FinishAsync(statement, cancel);
        }
    }

    private async Task ExtendedAsync(List<Message> group, CancellationToken cancel)
    {
        var statements = new List<Statement>();
        string? tag = null;
        for (var i = 0; i < group.Count; i++)
        {
            switch (group[i])
            {
                case { Type: 'P' } parse:
                    var (name, next) = parse.TextAt(0);
                    var (sql, rest) = parse.TextAt(next);
                    var statement = _prepared[name] = StatementReader.Read(sql, InTransaction);
                    statements.Add(statement);
                    tag = await PrepareAsync(statement, sql, cancel);
                    group[i] = new Message('P', [.. Message.Of('P', name, statement.Upstream).Body, .. parse.Body[rest..]]);
                    break;
                case { Type: 'B' } bind when !group.Any(m => m.Type == 'P'):
                    var prepared = _prepared[bind.TextAt(bind.TextAt(0).Next).Text];
                    statements.Add(prepared);
                    tag = await PrepareAsync(prepared, "", cancel);
                    break;
            }
        }

        if (tag is not null)
        {
            await AnswerHereAsync(group, tag, cancel);
            return;
        }

        if (statements.Count > 1 && statements.Any(s => s.Kind != StatementKind.Query))
        {
            throw new RefusedException("this stand-in takes batches of queries only");
        }

        foreach (var message in group)
        {
            await _upstream.Wire.WriteAsync(message, cancel);
        }

        await _upstream.Wire.WriteAsync(new Message('S', []), cancel);
        await _upstream.Wire.FlushAsync(cancel);
        if (await RelayAsync(cancel) && group.Any(m => m.Type == 'E'))
        {
            foreach (var statement in statements)
            {
                await FinishAsync(statement, cancel);
            }
        }
    }

    // PostgreSQL has not seen it.
    private async Task AnswerHereAsync(List<Message> group, string tag, CancellationToken cancel)
    {
        foreach (var message in group)
        {
            var answer = message.Type switch
            {
                'P' => new Message('1', []),
                'B' => new Message('2', []),
                'D' => new Message('n', []),
                'C' => new Message('3', []),
                'E' => Message.Of('C', tag),
                _ => throw new RefusedException($"this stand-in does not know the message {message.Type}"),
            };
            if (message is { Type: 'D', Body: [(byte)'S', ..] })
            {
                await client.WriteAsync(new Message('t', [0, 0]), cancel);
            }

            await client.WriteAsync(answer, cancel);
        }
    }

    // What comes before PostgreSQL hears of a statement; a tag where it never does.
    private async Task<string?> PrepareAsync(Statement statement, string sql, CancellationToken cancel)
    {
        server.Heard.Enqueue(sql);
        await server.Before(sql);
        if (_upstream.Status == 'E' && statement.Kind is not (StatementKind.Rollback or StatementKind.Commit))
        {
            throw new RefusedException("current transaction is aborted, commands ignored until end of transaction block", "25P02");
        }

        var table = statement.Copy?.TableName ?? statement.Writes;
        if (_upstream.Status == 'T' && statement.Kind is StatementKind.Query or StatementKind.Write or StatementKind.Truncate or StatementKind.Copy or StatementKind.Unload)
        {
            _snapshot ??= server.Conflicts.Snapshot();
        }

        if (table is not null)
        {
            await WriteAsync(table, cancel);
        }

        switch (statement.Kind)
        {
            case StatementKind.Copy:
                await new ParquetCopy(server.Options, _upstream).RunAsync(statement.Copy!, cancel);
                Committed();
                return "COPY";
            case StatementKind.Unload:
                await new ParquetUnload(server.Options, _upstream).RunAsync(statement.Unload!, cancel);
                return "UNLOAD";
            case StatementKind.Commit:
                server.Conflicts.Committed(_upstream.Status == 'T' ? _written : []);
                EndTransaction();
                return null;
            case StatementKind.Rollback:
                EndTransaction();
                return null;
            default:
                Committed();
                return statement.Upstream.Length == 0 ? "SET" : null;
        }

        void Committed()
        {
            if (_upstream.Status == 'I' && table is not null)
            {
                server.Conflicts.Committed([table]);
            }
        }
    }

    // One writer of a table at a time; whoever waited with an older snapshot is refused.
    private async Task WriteAsync(string table, CancellationToken cancel)
    {
        if (_upstream.Status != 'T')
        {
            return;
        }

        var quoted = string.Join('.', table.Split('.', 2).Select(p => $"\"{p}\""));
        if (!table.StartsWith("public.", StringComparison.Ordinal) || (await _upstream.RunAsync($"SELECT to_regclass('{quoted}') IS NOT NULL", cancel)).Rows[0][0] == "t")
        {
            await _upstream.RunAsync($"LOCK TABLE {quoted} IN SHARE ROW EXCLUSIVE MODE", cancel);
        }

        if (_written.Add(table) && server.Conflicts.HasChanged(table, _snapshot!.Value))
        {
            throw new RefusedException($"1023 detail: Serializable isolation violation on table - {table}, transactions forming the cycle are: other, this", "40001");
        }
    }

    private async Task FinishAsync(Statement statement, CancellationToken cancel)
    {
        if (statement.Kind == StatementKind.Truncate && _upstream.Status == 'T')
        {
            // TRUNCATE commits the transaction that it is run in.
            server.Conflicts.Committed(_written);
            EndTransaction();
            await _upstream.RunAsync("COMMIT", cancel);
        }
    }

    private void EndTransaction()
    {
        _snapshot = null;
        _written.Clear();
    }

    // Passes PostgreSQL's answer on, up to where it is ready; whether it went well.
    private async Task<bool> RelayAsync(CancellationToken cancel)
    {
        var ok = true;
        while (await _upstream.NextAsync(cancel) is { Type: not 'Z' } message)
        {
            ok &= message.Type != 'E';
            if (message.Type is not 'S' and not 'N')
            {
                await client.WriteAsync(message.Type == 'E' ? Translated(message) : message, cancel);
            }
        }

        return ok;
    }

    // In Redshift's words where the client decides by them.
    private static Message Translated(Message error)
    {
        var fields = error.ErrorFields();
        return fields['C'] switch
        {
            "40001" when !fields['M'].StartsWith("1023", StringComparison.Ordinal) => Message.Error("40001", $"1023 detail: Serializable isolation violation on table ({fields['M']})"),
            "23514" when fields.GetValueOrDefault('n')?.StartsWith("redshift_bytes_", StringComparison.Ordinal) == true || fields['M'].Contains("redshift_bytes_", StringComparison.Ordinal)
                => Message.Error("22001", $"value too long for type character varying ({fields['M']})"),
            _ => error,
        };
    }
}
