using Apache.Arrow;

namespace Etl.Contracts;

/// <summary>Takes a row that a target refuses: the engine keeps it with the dead letters, and counts it. May throw when too many are refused.</summary>
/// <param name="batch">Holds the row; the engine does not keep it.</param>
/// <param name="row">The row's place in the batch.</param>
/// <param name="reason">The target's reason, without the row's values.</param>
/// <param name="cancel">Cancels.</param>
public delegate ValueTask RefuseRow(RecordBatch batch, int row, string reason, CancellationToken cancel);

/// <summary>
/// A session that hands back the rows which its target refuses (a text that is too long, a NULL where none may be) and stages the others.
/// A session without it gives the whole epoch up for one such row.
/// </summary>
public interface IRefusingLoadSession : ILoadSession
{
    /// <summary>
    /// As <see cref="ILoadSession.StageAsync"/>, but each refused row is given to <paramref name="refuse"/>, once, and is not staged. What is wrong with the whole
    /// (a table that is missing, a right that is not granted, a lost connection) is thrown, as there.
    /// </summary>
    ValueTask StageAsync(IAsyncEnumerable<RecordBatch> batches, RefuseRow refuse, CancellationToken cancel);
}

/// <summary>Finds the rows that a target refuses where it only says that one of many is bad.</summary>
public static class Bisection
{
    /// <summary>
    /// Writes a batch, or, where that is refused, its halves, down to the single rows, which go to <paramref name="refuse"/>. No row is sent more often than the batch can be
    /// halved, however many are bad.
    /// </summary>
    /// <param name="batch">What to write; stays the caller's.</param>
    /// <param name="write">Writes all rows of a batch or none.</param>
    /// <param name="reasonOf">Why a row was refused, without its values; null for an error that is not of a row, which is thrown on.</param>
    /// <param name="refuse">Takes the refused rows.</param>
    /// <param name="cancel">Cancels.</param>
    public static async ValueTask WriteAsync(
        RecordBatch batch, Func<RecordBatch, CancellationToken, ValueTask> write, Func<Exception, string?> reasonOf, RefuseRow refuse, CancellationToken cancel)
    {
        string? reason;
        try
        {
            await write(batch, cancel);
            return;
        }
        catch (Exception e) when (reasonOf(e) is not null)
        {
            reason = reasonOf(e);
        }

        if (batch.Length == 1)
        {
            await refuse(batch, 0, reason!, cancel);
            return;
        }

        var middle = batch.Length / 2;
        using (var first = batch.SliceShared(0, middle))
        {
            await WriteAsync(first, write, reasonOf, refuse, cancel);
        }

        using var second = batch.SliceShared(middle, batch.Length - middle);
        await WriteAsync(second, write, reasonOf, refuse, cancel);
    }
}
