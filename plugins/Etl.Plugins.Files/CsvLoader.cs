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
public sealed class CsvLoader(CsvLoadOptions options, IObjectStore store, PluginContext context) : ILoader
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
            [$"put {options.Path}/<n>-<batch>.csv", $"put if absent {options.Path}/_etl/checkpoint-<load>/<n>.json"]);
    }

    /// <inheritdoc/>
    public async ValueTask<Checkpoint?> ReadCheckpointAsync(CheckpointKey key, CancellationToken cancel) =>
        (await new CsvCommitLog(store, options.Path, key).LastAsync(null, cancel))?.Checkpoint;

    /// <inheritdoc/>
    public async ValueTask<ILoadSession> OpenAsync(LoadRequest request, CancellationToken cancel)
    {
        var log = new CsvCommitLog(store, options.Path, request.Key);
        return new CsvLoadSession(store, options, request, log, await log.LastAsync(request, cancel), Path.Combine(context.StateFolder, "csv"));
    }
}
