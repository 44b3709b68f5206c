using System.Runtime.CompilerServices;
using System.Text.Json.Nodes;
using Apache.Arrow;
using Etl.Contracts;
using Etl.Plugins.Postgres.Copy;

namespace Etl.Plugins.Postgres.Extract;

/// <summary>
/// Reads the splits of one snapshot. The session that holds the snapshot reads a split itself when it is free; others
/// join it. A split holds its query and the snapshot's name, so any process that reaches the server can read it while this one lives.
/// </summary>
internal sealed class SnapshotExtraction(SourceSnapshot snapshot, IReadOnlyList<Split> splits, SourcePosition reached, long? estimatedRows, IReadOnlyList<string> warnings, Schema schema, int batchRows, SnapshotLimit limit) : IExtraction
{
    private int _sessionBusy;

    /// <inheritdoc/>
    public IReadOnlyList<Split> Splits => splits;

    /// <inheritdoc/>
    public SourcePosition Reached => reached;

    /// <inheritdoc/>
    public long? EstimatedRows => estimatedRows;

    /// <inheritdoc/>
    public IReadOnlyList<string> Warnings => warnings;

    /// <summary>Splits of these queries.</summary>
    public static async ValueTask<IReadOnlyList<Split>> SplitsAsync(SourceSnapshot snapshot, IReadOnlyList<string> queries, CancellationToken cancel)
    {
        var exported = queries.Count > 1 ? await snapshot.ExportAsync(cancel) : null;
        return [.. queries.Select((q, i) => new Split(FormattableString.Invariant($"{i:d4}"), new JsonObject { ["snapshot"] = exported, ["query"] = q }))];
    }

    /// <inheritdoc/>
    public async IAsyncEnumerable<RecordBatch> ReadAsync(Split split, [EnumeratorCancellation] CancellationToken cancel)
    {
        var query = split.Spec["query"]!.GetValue<string>();
        limit.Require();
        var ownsSession = Interlocked.CompareExchange(ref _sessionBusy, 1, 0) == 0;
        var session = ownsSession ? snapshot.Session : await SourceSnapshot.JoinAsync(snapshot.Connection, split.Spec["snapshot"]!.GetValue<string>(), cancel);
        var process = session.ProcessID;
        try
        {
            limit.Watch(process);
            await using var batches = CopyReader.ReadAsync(snapshot.Connection, session, query, schema, batchRows, cancel).GetAsyncEnumerator(cancel);
            while (await NextAsync(batches))
            {
                yield return batches.Current;
            }
        }
        finally
        {
            if (ownsSession)
            {
                Volatile.Write(ref _sessionBusy, 0);
            }
            else
            {
                await limit.ForgetAsync(process);
                await SourceSnapshot.CloseAsync(session);
            }
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await limit.DisposeAsync();
        await snapshot.DisposeAsync();
    }

    // A session that was ended says so in words of its own, and after what the connection still had in its buffer.
    private async ValueTask<bool> NextAsync(IAsyncEnumerator<RecordBatch> batches)
    {
        try
        {
            return await batches.MoveNextAsync();
        }
        catch (Exception e) when (limit.Passed && e is not OperationCanceledException)
        {
            throw limit.Error;
        }
    }
}
