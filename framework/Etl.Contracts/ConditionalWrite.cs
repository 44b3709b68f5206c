namespace Etl.Contracts;

/// <summary>
/// The write of an object that must not be there yet, for stores that make <see cref="IObjectStore.PutIfAbsentAsync"/> of requests. They are sent again here, and not by the store's client, as only who
/// knows of each of them can say what a refusal is worth: one that got no answer may arrive after a later one was refused.
/// </summary>
public static class ConditionalWrite
{
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(10);

    /// <summary>Sends the request until it is answered for good: true when the object was written, false when one is there, perhaps by a request before.</summary>
    /// <param name="sendAsync">One request.</param>
    /// <param name="isTransient">Whether sending it again may help.</param>
    /// <param name="isRefused">Whether an error is the store's own word that it does not take the object; its code and its hint are those that a person reads.</param>
    /// <param name="retries">How often to send it again, with growing pauses.</param>
    /// <param name="cancel">Ends the pauses.</param>
    /// <exception cref="StoreRefusedException">The first request was refused: nothing was written, and nothing will be. A refusal of a later one is thrown as it is, as one before may have arrived or be on its way.</exception>
    public static async Task<bool> RunAsync(Func<Task<bool>> sendAsync, Func<Exception, bool> isTransient, Func<Exception, bool> isRefused, int retries, CancellationToken cancel)
    {
        for (var retry = 0; ; retry++)
        {
            try
            {
                return await sendAsync();
            }
            catch (Exception e) when (retry < retries && isTransient(e))
            {
                await Task.Delay(Min(LongestPause, TimeSpan.FromMilliseconds(Random.Shared.Next(100, 200) << Math.Min(retry, 10))), cancel);
            }
            catch (EtlException e) when (retry == 0 && !isTransient(e) && isRefused(e))
            {
                throw new StoreRefusedException(e);
            }
        }
    }

    private static TimeSpan Min(TimeSpan a, TimeSpan b) => a < b ? a : b;
}
