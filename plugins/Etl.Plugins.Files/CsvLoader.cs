using System.Runtime.CompilerServices;
using Apache.Arrow.Types;
using Etl.Contracts;
using FluentValidation;

namespace Etl.Plugins.Files;

/// <summary>Options of <c>load: csv</c>.</summary>
public sealed record CsvLoadOptions : CsvFormatOptions
{
    /// <summary>The folder.</summary>
    [Option("The folder for the files, relative to the connection's root. The checkpoints lie in its _etl/.", Example = "exports/orders")]
    public required string Path { get; init; }

    /// <summary>The mode.</summary>
    [Option("append adds a file; replace leaves this run's file and no others of this load.")]
    public required CsvLoadMode Mode { get; init; }

    /// <summary>Guard of replace.</summary>
    [Option("Replace and full refresh: accept an empty result, which would leave an empty file.")]
    public bool AllowEmpty { get; init; }

    /// <summary>Losses that are known.</summary>
    [Option("Columns whose values may lose something on their way into the target, as the plan says.", Example = "[average_price]", Identifier = true)]
    public IReadOnlyList<string> AcceptLoss { get; init; } = [];
}

/// <summary>Modes of <c>load: csv</c>.</summary>
public enum CsvLoadMode
{
    /// <summary>Adds a file.</summary>
    Append,

    /// <summary>This file and no others.</summary>
    Replace,
}

/// <summary>Settings that do not contradict each other.</summary>
public sealed class CsvLoadRules : CsvFormatRules<CsvLoadOptions>
{
    /// <summary>A folder's key.</summary>
    public CsvLoadRules() => RuleFor(o => o.Path).Must(p => !p.StartsWith('/') && !p.EndsWith('/')).WithMessage("must be a relative folder without '/' at its ends.");
}

/// <summary>Writes a CSV file for each epoch into any object store, committed by a checkpoint object that is written only if absent.</summary>
[Loader("csv", "Writes CSV files into a folder or an object store, one for each run.")]
public sealed class CsvLoader(CsvLoadOptions options, IObjectStore store, PluginContext context) : ILoader, IEpochHistory
{
    /// <inheritdoc/>
    public LoadPlan Describe(RowSchema input)
    {
        foreach (var field in input.Arrow.FieldsList)
        {
            CsvCell.Check(field);
        }

        if (input.HasOp)
        {
            throw new EtlException("ETL4543", "the rows hold deletions, which a CSV file cannot apply", "Extract without deleted_when, or load into a keyed target.") { OptionPath = "mode" };
        }

        return new(
            options.Mode == CsvLoadMode.Append ? LoadMode.Append : LoadMode.Replace,
            [],
            $"{store.Root}{options.Path}/",
            "exactly-once effect for readers that take the files which the checkpoints name; one that lists the folder may see a file shortly before its commit"
                + (options.Mode == CsvLoadMode.Replace ? ", and the old file shortly after it" : ""),
            [$"put {options.Path}/<n>-<batch>.csv", $"put if absent {options.Path}/_etl/checkpoint-<load>/<n>.json"])
        {
            Conversions = [.. input.Arrow.FieldsList.Select(f => f.DataType is StringType
                ? new ColumnConversion(f.Name, "text", ConversionVerdict.Exact)
                : new ColumnConversion(f.Name, "text", ConversionVerdict.Widening, $"a reader has to know that it is a {CsvCell.Describe(f.DataType)}"))],
            AcceptedLosses = options.AcceptLoss,
        };
    }

    /// <inheritdoc/>
    public async ValueTask<Checkpoint?> ReadCheckpointAsync(CheckpointKey key, CancellationToken cancel) =>
        (await new CsvCommitLog(store, options.Path, key).LastAsync(null, cancel))?.Checkpoint;

    /// <inheritdoc/>
    public async IAsyncEnumerable<Checkpoint> ReadEpochsAsync(CheckpointKey key, [EnumeratorCancellation] CancellationToken cancel)
    {
        var log = new CsvCommitLog(store, options.Path, key);
        for (var n = 1L; await log.ReadAsync(n, null, cancel) is { } commit; n++)
        {
            yield return commit.Checkpoint;
        }
    }

    /// <inheritdoc/>
    public async ValueTask<ILoadSession> OpenAsync(LoadRequest request, CancellationToken cancel)
    {
        var log = new CsvCommitLog(store, options.Path, request.Key);
        var last = await log.LastAsync(request, cancel);
        var lost = await LostAsync(log, last?.Checkpoint.N ?? 0, request, cancel);
        return new CsvLoadSession(store, options, request, log, last, lost, Path.Combine(context.StateFolder, "csv"));
    }

    // A run writes the file of the next epoch before it commits it, and no later one: what is there beyond was committed, and its checkpoint is gone.
    private async ValueTask<IReadOnlyList<string>> LostAsync(CsvCommitLog log, long n, LoadRequest request, CancellationToken cancel)
    {
        var lost = new List<(string Key, long N)>();
        await foreach (var (key, _, _) in store.ListAsync(CsvFileName.Prefix(options.Path, request.Key), cancel))
        {
            if (CsvFileName.EpochOf(key, options.Path, request.Key) is { } epoch && epoch > n + 1)
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
