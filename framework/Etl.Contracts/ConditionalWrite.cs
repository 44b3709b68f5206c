namespace Etl.Contracts;

/// <summary>
/// The write of an object that must not be there yet, for stores that make <see cref="IObjectStore.PutIfAbsentAsync"/> of requests. They are sent again here, and not by the store's client, as only who
/// knows of each of them can say what a refusal is worth: one that got no answer may arrive after a later one was refused.
/// </summary>
public static class ConditionalWrite
{
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(10);

    /// <summary>Sends the request until it is answered for good: true when the object was written, also by a request before whose answer was lost; false when another one is there.</summary>
    /// <param name="store">Asked for what is there, when something is.</param>
    /// <param name="key">The object's.</param>
    /// <param name="content">What is written.</param>
    /// <param name="sendAsync">One request: false when an object is there.</param>
    /// <param name="isTransient">Whether sending it again may help.</param>
    /// <param name="isRefused">Whether an error is the store's own word that it does not take the object; its code and its hint are those that a person reads.</param>
    /// <param name="retries">How often to send it again, with growing pauses.</param>
    /// <param name="cancel">Ends the pauses.</param>
    /// <exception cref="StoreRefusedException">The first request was refused: nothing was written, and nothing will be. A refusal of a later one is thrown as it is, as one before may have arrived or be on its way.</exception>
    public static async Task<bool> RunAsync(
        IObjectStore store, string key, ReadOnlyMemory<byte> content, Func<Task<bool>> sendAsync, Func<Exception, bool> isTransient, Func<Exception, bool> isRefused, int retries, CancellationToken cancel) =>
        await SendAsync(sendAsync, isTransient, isRefused, retries, cancel) || await HoldsAsync(store, key, content, cancel);

    private static async Task<bool> SendAsync(Func<Task<bool>> sendAsync, Func<Exception, bool> isTransient, Func<Exception, bool> isRefused, int retries, CancellationToken cancel)
    {
        for (var retry = 0; ; retry++)
        {
            try
            {
                return await sendAsync();
            }
            catch (Exception e) when (retry < retries && isTransient(e))
            {
                await RetryPause.WaitAsync(retry, LongestPause, cancel);
            }
            catch (EtlException e) when (retry == 0 && !isTransient(e) && isRefused(e))
            {
                throw new StoreRefusedException(e);
            }
        }
    }

    private static async Task<bool> HoldsAsync(IObjectStore store, string key, ReadOnlyMemory<byte> content, CancellationToken cancel)
    {
        await using var stream = await store.GetAsync(key, cancel);
        if (stream is null)
        {
            return false;
        }

        using var there = new MemoryStream();
        await stream.CopyToAsync(there, cancel);
        return there.GetBuffer().AsSpan(0, (int)there.Length).SequenceEqual(content.Span);
    }
}
