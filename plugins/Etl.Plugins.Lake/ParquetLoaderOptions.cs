using Etl.Contracts;
using FluentValidation;

namespace Etl.Plugins.Lake;

/// <summary>Options of <c>load: parquet</c>.</summary>
public sealed record ParquetLoaderOptions
{
    /// <summary>The table's folder, with the layout of partitions.</summary>
    [Option("Folder of the table in the object store. Placeholders {year}, {month}, {day}, {hour} (of a date or timestamp) or {partition} (the value) of partition_by lay out the folders; with none, hive style (column=value/).", Example = "data/orders/{year}/{month}/{day}/", Identifier = true)]
    public required string Path { get; init; }

    /// <summary>The column that decides a row's folder.</summary>
    [Option("Column that decides in which folder a row is kept; $run_date for the date of the run, which becomes a column run_date.", Example = "order_date", Identifier = true)]
    public string? PartitionBy { get; init; }

    /// <summary>The mode.</summary>
    [Option("append adds rows; upsert keeps one row for each key; changes adds rows as a log of versions with _op and _etl_epoch; replace_partitions makes the touched partitions hold these rows and no others; replace does so with the whole table.")]
    public required LoadMode Mode { get; init; }

    /// <summary>A table with a log, or bare files.</summary>
    [Option("log keeps a table with Delta's log. files keeps a plain folder for readers that list it: files wait under _staging/, and when their epoch is committed take names that are of the epoch; a reader may see some of an epoch's files before the others.")]
    public PublishAs Publish { get; init; } = PublishAs.Log;

    /// <summary>The key of upsert.</summary>
    [Option("Columns that identify a row; required for upsert.", Example = "[order_id]", Identifier = true)]
    public IReadOnlyList<string> Key { get; init; } = [];

    /// <summary>Compression of data pages.</summary>
    [Option("Compression of the data.")]
    public ParquetCompression Compression { get; init; } = ParquetCompression.Snappy;

    /// <summary>Where a file ends and the next begins.</summary>
    [Option("A file that has reached this size is closed and the next one begun.")]
    public ByteSize TargetFileSize { get; init; } = new(256L << 20);

    /// <summary>How often the log gets a checkpoint.</summary>
    [Option("Versions of the log from one checkpoint to the next. A checkpoint is the table's state in one file, from which readers begin, so that old entries of the log can be cleaned up.")]
    public int CheckpointEvery { get; init; } = 10;

    /// <summary>Rows that stop passing.</summary>
    [Option("Upsert: what becomes of a row in the target whose newest version is excluded or refused on the way.")]
    public OnExcluded OnExcluded { get; init; } = OnExcluded.Keep;

    /// <summary>What the load may do to the table's schema.</summary>
    [Option("What the load may change in the table's schema. widen lets a column that was not null become nullable; types never change.")]
    public SchemaPolicy Schema { get; init; } = new();

    /// <summary>Guard of replace.</summary>
    [Option("Replace and full refresh: accept an empty result, which would empty the table.")]
    public bool AllowEmpty { get; init; }

    /// <summary>Losses that are known.</summary>
    [Option("Columns whose values may lose something on their way into the target, as the plan says.", Example = "[average_price]", Identifier = true)]
    public IReadOnlyList<string> AcceptLoss { get; init; } = [];
}

/// <summary>What readers of a lake find.</summary>
public enum PublishAs
{
    /// <summary>A table with Delta's log.</summary>
    Log,

    /// <summary>A folder of files.</summary>
    Files,
}

/// <summary>Compression of Parquet pages.</summary>
public enum ParquetCompression
{
    /// <summary>Fast; every reader has it.</summary>
    Snappy,

    /// <summary>Smaller.</summary>
    Zstd,

    /// <summary>Smaller and slow; for old readers.</summary>
    Gzip,

    /// <summary>As they are.</summary>
    None,
}

/// <summary>Rules of <see cref="ParquetLoaderOptions"/>.</summary>
public sealed class ParquetLoaderRules : OptionsRules<ParquetLoaderOptions>
{
    /// <summary>Key, mode and layout fit.</summary>
    public ParquetLoaderRules()
    {
        RuleFor(o => o.Key).Must((o, key) => o.Mode != LoadMode.Upsert || key.Count > 0).WithMessage("is required for mode: upsert.");
        RuleFor(o => o.Key).Must((o, key) => o.Mode == LoadMode.Upsert || key.Count == 0).WithMessage("is only for mode: upsert.");
        RuleForValue(o => o.OnExcluded).Must((o, _) => o.Mode == LoadMode.Upsert || o.OnExcluded == OnExcluded.Keep).WithMessage("is only for mode: upsert.");
        RuleFor(o => o.PartitionBy).Must((o, column) => o.Mode != LoadMode.ReplacePartitions || column is not null).WithMessage("is required for mode: replace_partitions.");
        RuleFor(o => o.PartitionBy).Must((o, column) => column is not null || !o.Path.Contains('{', StringComparison.Ordinal)).WithMessage("is required: path has placeholders.");
        RuleFor(o => o.Path).Must(path => PartitionLayout.FindFault(path) is null).WithMessage(o => PartitionLayout.FindFault(o.Path) ?? "");
        RuleForValue(o => o.Publish).Must((o, _) => o.Publish == PublishAs.Log || o.Mode != LoadMode.Upsert).WithMessage("is not for mode: upsert: without a log, no reader could tell the files that hold a row's newest version.");
        RuleForValue(o => o.CheckpointEvery).Must((o, _) => o.CheckpointEvery >= 1).WithMessage("is at least 1.");
        RuleForValue(o => o.TargetFileSize).Must((o, _) => o.TargetFileSize.Bytes >= 1 << 20).WithMessage("is too small: 1MB is the least.");
    }
}
