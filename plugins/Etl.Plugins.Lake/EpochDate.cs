using System.Globalization;
using System.Text;
using Etl.Contracts;

namespace Etl.Plugins.Lake;

/// <summary>
/// The date of an epoch whose files lie by the date of their run. The first attempt at an epoch notes it beside the table, so that after a kill the epoch is resumed under its date,
/// whatever day it is by then. An attempt that ends in order takes its own note back: what comes next is another run, of another day.
/// </summary>
internal sealed class EpochDate
{
    private readonly IObjectStore _store;
    private readonly string _key;
    private readonly bool _isMine;

    private EpochDate(IObjectStore store, string key, DateOnly date, bool isMine) => (_store, _key, Date, _isMine) = (store, key, date, isMine);

    /// <summary>The date.</summary>
    public DateOnly Date { get; }

    /// <summary>The date of an attempt at an epoch: the one that a person gave, else that of the first attempt.</summary>
    public static async ValueTask<EpochDate> TakeAsync(IObjectStore store, string root, LoadRequest request, long epoch, TimeProvider time, CancellationToken cancel)
    {
        var key = string.Create(CultureInfo.InvariantCulture, $"{root}_etl/{request.Key.ShortName}-{epoch}.run_date");
        var mine = request.RunDate ?? DateOnly.FromDateTime(time.GetUtcNow().UtcDateTime);
        var note = Encoding.UTF8.GetBytes(mine.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture));
        if (!request.IsRunDateGiven && !await store.PutIfAbsentAsync(key, note, cancel) && await ReadAsync(store, key, cancel) is { } first)
        {
            return new EpochDate(store, key, first, isMine: false);
        }

        if (request.IsRunDateGiven)
        {
            using var content = new MemoryStream(note, writable: false);
            await store.PutAsync(key, content, cancel);
        }

        return new EpochDate(store, key, mine, isMine: true);
    }

    /// <summary>Opens what writes under the date; where that is refused, the attempt has ended.</summary>
    public async ValueTask<ILoadSession> OpenAsync(Func<ILoadSession> open)
    {
        try
        {
            return open();
        }
        catch
        {
            await EndAsync(isPublished: false);
            throw;
        }
    }

    /// <summary>The attempt has ended; nobody needs the note when the epoch is published, or was given up by who began it. A note that the store keeps is as that of a run which was killed, and its error is not thrown.</summary>
    public async ValueTask EndAsync(bool isPublished)
    {
        if (!isPublished && !_isMine)
        {
            return;
        }

        try
        {
            await _store.DeleteAsync(_key, CancellationToken.None);
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            // What ended the attempt is what is told.
        }
    }

    private static async ValueTask<DateOnly?> ReadAsync(IObjectStore store, string key, CancellationToken cancel)
    {
        await using var stream = await store.GetAsync(key, cancel);
        if (stream is null)
        {
            return null;
        }

        using var reader = new StreamReader(stream, Encoding.UTF8);
        return DateOnly.TryParseExact(await reader.ReadToEndAsync(cancel), "yyyy-MM-dd", CultureInfo.InvariantCulture, DateTimeStyles.None, out var date) ? date : null;
    }
}
