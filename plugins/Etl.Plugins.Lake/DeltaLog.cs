using System.Globalization;
using System.Text;
using Etl.Contracts;

namespace Etl.Plugins.Lake;

/// <summary>
/// The log of a Delta table. Versions are read one after the other until there is none; a listing is never asked what there is, as
/// listings can lag behind.
/// </summary>
internal sealed class DeltaLog(IObjectStore store, string root)
{
    // Versions fetched at a time while a table is opened.
    private const int Window = 16;

    /// <summary>The object that holds a version.</summary>
    public string KeyOf(long version) => string.Create(CultureInfo.InvariantCulture, $"{root}_delta_log/{version:D20}.json");

    /// <summary>Brings a snapshot to the newest version. ETL4555: versions are missing.</summary>
    public async ValueTask AdvanceAsync(DeltaSnapshot snapshot, CancellationToken cancel)
    {
        while (true)
        {
            var next = snapshot.Version + 1;
            var texts = await Task.WhenAll(Enumerable.Range(0, next == 0 ? 1 : Window).Select(i => ReadAsync(next + i, cancel)));
            var found = texts.TakeWhile(t => t is not null).Count();
            if (texts.Skip(found).Any(t => t is not null))
            {
                throw Missing(next + found);
            }

            for (var i = 0; i < found; i++)
            {
                snapshot.Apply(next + i, texts[i]!);
            }

            if (found < texts.Length)
            {
                if (snapshot.Version < 0 && await store.SizeAsync($"{root}_delta_log/_last_checkpoint", cancel) is not null)
                {
                    throw Missing(0);
                }

                return;
            }
        }
    }

    /// <summary>The actions of a version as they are stored; null when there is none.</summary>
    public async Task<string?> ReadAsync(long version, CancellationToken cancel)
    {
        await using var stream = await store.GetAsync(KeyOf(version), cancel);
        if (stream is null)
        {
            return null;
        }

        using var reader = new StreamReader(stream, Encoding.UTF8);
        return await reader.ReadToEndAsync(cancel);
    }

    private EtlException Missing(long version) => new(
        "ETL4555", $"the table's log has no version {version}, and later ones exist ({KeyOf(version)})",
        "Another program cleaned up the log, or a file of it was lost. This version reads logs from their start: restore the files, or load into another table.");
}
