using System.Runtime.CompilerServices;
using Apache.Arrow;
using Apache.Arrow.Types;
using Etl.Contracts;

namespace Etl.Plugins.Files;

/// <summary>Rows as text in a stream.</summary>
internal interface IRowWriter
{
    /// <summary>Adds the rows of a batch; some may stay in a buffer.</summary>
    void Write(RecordBatch batch);

    /// <summary>Hands what is buffered to the stream.</summary>
    void Flush();
}

/// <summary>What a loader of files has to know of its format; all else of such a load is the same whatever the format.</summary>
/// <param name="Name">Such as <c>csv</c>: of files' names and of points where a test may stop the process.</param>
/// <param name="Start">A writer of rows with a schema.</param>
/// <param name="Holds">Whether the format has a form for a type.</param>
/// <param name="Store">What it makes of a column.</param>
internal sealed record LoadFormat(string Name, Func<Stream, RowSchema, IRowWriter> Start, Predicate<IArrowType> Holds, Func<Field, ColumnConversion> Store)
{
    /// <summary>The error of a value that ISO 8601 text has no form for.</summary>
    public static EtlException BeyondCalendar(Field field) => new(
        "ETL4542", $"column '{field.Name}' holds a date or time outside the years 0001 to 9999", "ISO 8601 text has no form for it; refuse such rows before the load.");
}

/// <summary>A loader that writes a file for each epoch into any object store, committed by a checkpoint object that is written only if absent.</summary>
internal sealed class FileLoad(LoadFormat format, FileLoadOptions options, IObjectStore store, PluginContext context)
{
    /// <summary>As <see cref="ILoader.Describe"/>. ETL4541: a type without a form; ETL4543: deletions.</summary>
    public LoadPlan Describe(RowSchema input)
    {
        if (input.Arrow.FieldsList.FirstOrDefault(f => !format.Holds(f.DataType)) is { } unfit)
        {
            throw new EtlException("ETL4541", $"column '{unfit.Name}' has the type {unfit.DataType.Name}, which has no form in {format.Name} files", "Cast it to text, or leave it out.");
        }

        if (input.HasOp)
        {
            throw new EtlException("ETL4543", $"the rows hold deletions, which a {format.Name} file cannot apply", "Extract without deleted_when, or load into a keyed target.") { OptionPath = "mode" };
        }

        var extension = format.Name + Compressed.Extension(options.Compression);
        return new(
            options.Mode == FileLoadMode.Append ? LoadMode.Append : LoadMode.Replace,
            [],
            $"{store.Root}{options.Path}/",
            "exactly-once effect for readers that take the files which the checkpoints name; one that lists the folder may see a file shortly before its commit"
                + (options.Mode == FileLoadMode.Replace ? ", and the old file shortly after it" : "")
                + (store.PutIfAbsentIsAtomic ? "" : ". It holds as long as one run at a time writes here: the store has no put-if-absent in one step, so one of two that commit at the same moment overwrites the other's checkpoint"),
            [$"put {options.Path}/<n>-<batch>.{extension}", $"put if absent {options.Path}/_etl/checkpoint-<load>/<n>.json"])
        {
            Conversions = [.. input.Arrow.FieldsList.Select(format.Store)],
            AcceptedLosses = options.AcceptLoss,
        };
    }

    /// <summary>As <see cref="ILoader.ReadCheckpointAsync"/>.</summary>
    public async ValueTask<Checkpoint?> ReadCheckpointAsync(CheckpointKey key, CancellationToken cancel) =>
        (await new FileCommitLog(store, options.Path, key).LastAsync(null, cancel))?.Checkpoint;

    /// <summary>As <see cref="IEpochHistory.ReadEpochsAsync"/>.</summary>
    public async IAsyncEnumerable<Checkpoint> ReadEpochsAsync(CheckpointKey key, [EnumeratorCancellation] CancellationToken cancel)
    {
        var log = new FileCommitLog(store, options.Path, key);
        for (var n = 1L; await log.ReadKeptAsync(n, cancel) is { } commit; n++)
        {
            yield return commit.Checkpoint;
        }
    }

    /// <summary>As <see cref="ILoader.OpenAsync"/>. ETL4547: the folder is kept otherwise.</summary>
    public async ValueTask<ILoadSession> OpenAsync(LoadRequest request, CancellationToken cancel)
    {
        var log = new FileCommitLog(store, options.Path, request.Key);
        var last = await log.LastAsync(request, cancel);
        if (last?.Files is not null)
        {
            throw FileCommitLog.KeptOtherwise($"{store.Root}{options.Path}/", $"{request.Key} has loaded Parquet files into it");
        }

        var lost = await LostAsync(log, last?.Checkpoint.N ?? 0, request, cancel);
        return new FileLoadSession(store, format, options, request, log, last, lost, Path.Combine(context.StateFolder, format.Name));
    }

    // A run writes the file of the next epoch before it commits it, and no later one: what is there beyond was committed, and its checkpoint is gone.
    private async ValueTask<IReadOnlyList<string>> LostAsync(FileCommitLog log, long n, LoadRequest request, CancellationToken cancel)
    {
        var lost = new List<(string Key, long N)>();
        await foreach (var (key, _, _) in store.ListAsync(EpochFileName.Prefix(options.Path, request.Key), cancel))
        {
            if (EpochFileName.EpochOf(key, options.Path, request.Key) is { } epoch && epoch > n + 1)
            {
                lost.Add((key, epoch));
            }
        }

        // Another run may have committed meanwhile; it shuts this one out.
        if (lost.Count == 0 || await log.ReadAsync(n + 1, null, cancel) is not null)
        {
            return [];
        }

        request.RequireNewest(n, lost.Max(f => f.N), hasPosition: false);
        return [.. lost.Select(f => f.Key)];
    }
}
