using System.Runtime.CompilerServices;
using Apache.Arrow;
using Etl.Contracts.Arrow;
using Npgsql;

namespace Etl.Plugins.Postgres.Copy;

/// <summary>Runs a <c>COPY (...) TO STDOUT (FORMAT BINARY)</c> and yields its rows as batches.</summary>
internal static class CopyReader
{
    private const int BufferBytes = 256 * 1024;

    /// <summary>A batch is cut at this many bytes even when it has fewer rows.</summary>
    private const long BatchBytes = 16 << 20;

    /// <summary>Reads a query to its end. Each batch is the receiver's; the session is free again when the enumeration ends.</summary>
    public static async IAsyncEnumerable<RecordBatch> ReadAsync(PostgresConnection connection, NpgsqlConnection session, string query, Schema schema, int batchRows, [EnumeratorCancellation] CancellationToken cancel)
    {
        await using var stream = await BeginAsync(connection, session, query, cancel);
        using var builder = new RecordBatchBuilder(schema, batchRows);
        var pump = new Pump(stream, new CopyDecoder(builder, batchRows, BatchBytes));

        // The server sends a message for each row, and an asynchronous read for each costs more than decoding it: a pool thread
        // reads a whole batch synchronously instead. A cancellation ends its read by cancelling the statement.
        await using var registration = cancel.Register(static s => ((NpgsqlRawCopyStream)s!).Cancel(), stream);
        while (true)
        {
            RecordBatch? batch;
            try
            {
                batch = await Task.Run(pump.NextBatch, cancel);
            }
            catch (Exception) when (cancel.IsCancellationRequested)
            {
                throw new OperationCanceledException(cancel);
            }

            if (batch is null)
            {
                yield break;
            }

            yield return batch;
        }
    }

    // The server's first answer may wait for the first row. A cancellation until then makes the driver drop the session without a word to the
    // server, where the query would go on.
    private static async Task<NpgsqlRawCopyStream> BeginAsync(PostgresConnection connection, NpgsqlConnection session, string query, CancellationToken cancel)
    {
        var backend = session.ProcessID;
        try
        {
            return await session.BeginRawBinaryCopyAsync($"COPY ({query}\n) TO STDOUT (FORMAT BINARY)", cancel);
        }
        catch (OperationCanceledException)
        {
            await connection.EndBackendAsync(backend);
            throw;
        }
    }

    private sealed class Pump(NpgsqlRawCopyStream stream, CopyDecoder decoder)
    {
        private byte[] _buffer = GC.AllocateUninitializedArray<byte>(BufferBytes);
        private int _start;
        private int _end;

        public RecordBatch? NextBatch()
        {
            while (!decoder.Full && !decoder.Ended)
            {
                var taken = decoder.Decode(_buffer.AsSpan(_start, _end - _start));
                _start += taken;
                if (decoder.Full || decoder.Ended)
                {
                    break;
                }

                Fill();
            }

            if (decoder.Ended)
            {
                // What follows the trailer is the command's completion; reading it leaves the session ready for the next one.
                while (stream.Read(_buffer) > 0)
                {
                }
            }

            var batch = decoder.Take();
            if (batch.Length > 0)
            {
                return batch;
            }

            batch.Dispose();
            return null;
        }

        // Moves the piece of a row that is left to the front, then reads until the buffer is mostly full: a read gives one message,
        // about a row, and decoding in larger pieces is cheaper.
        private void Fill()
        {
            var left = _end - _start;
            if (left > _buffer.Length / 2)
            {
                System.Array.Resize(ref _buffer, checked(_buffer.Length * 2));
            }

            _buffer.AsSpan(_start, left).CopyTo(_buffer);
            (_start, _end) = (0, left);
            while (_end < _buffer.Length - (_buffer.Length / 8))
            {
                var read = stream.Read(_buffer.AsSpan(_end));
                if (read == 0)
                {
                    if (_end == left)
                    {
                        throw new EndOfStreamException("the server ended the COPY stream in the middle of a row");
                    }

                    return;
                }

                _end += read;
            }
        }
    }
}
