using Etl.Contracts;
using FluentValidation;

namespace Etl.Plugins.FileSets;

/// <summary>Options of every extractor that reads files: which, and which of them in a run.</summary>
public abstract record FileExtractOptions
{
    /// <summary>The files.</summary>
    [Option("The file, or several: '*' stands for any characters but '/', '**' for any folders whose names do not start with '_' or '.'. Relative to the connection's root.", Example = "in/orders-*.csv")]
    public required string Path { get; init; }

    /// <summary>Columns to read.</summary>
    [Option("Columns to read; all of the contract's when absent. Others in the file are passed over.", Example = "[order_id, amount]", Identifier = true)]
    public IReadOnlyList<string>? Columns { get; init; }

    /// <summary>Folders to read.</summary>
    [Option("Conditions on columns that come from folders named column=value; other folders are passed over. A value, or =, !=, <, <=, > or >= before it; several joined by 'and'.", Example = "{ dt: \">= 2026-01-01\" }")]
    public IReadOnlyDictionary<string, string> Partitions { get; init; } = new Dictionary<string, string>();

    /// <summary>How to read what is new.</summary>
    [Option("Reads only files that the target has not had yet. files: each is remembered, so a late one is read whatever its name; names: names sort in the order in which files come, and only the last one is remembered. Absent: every file, each time.")]
    public FileIncrement? Incremental { get; init; }

    /// <summary>Files that changed.</summary>
    [Option("Incremental: what becomes of a file that was written again after it was read.")]
    public OnChangedFile OnChanged { get; init; } = OnChangedFile.Fail;
}

/// <summary>How new files are told from those that were read.</summary>
public enum FileIncrement
{
    /// <summary>Each file is remembered.</summary>
    Files,

    /// <summary>The last name is remembered.</summary>
    Names,
}

/// <summary>What becomes of a file that was written again after it was read.</summary>
public enum OnChangedFile
{
    /// <summary>ETL4534, before a row is read.</summary>
    Fail,

    /// <summary>It is read again, whole: for targets with a key.</summary>
    ReadAgain,

    /// <summary>It stays as it was read.</summary>
    Ignore,
}

/// <summary>Rules of <see cref="FileExtractOptions"/>.</summary>
public abstract class FileExtractRules<T> : OptionsRules<T> where T : FileExtractOptions
{
    /// <summary>A pattern that can be matched, and a policy that has a use.</summary>
    protected FileExtractRules()
    {
        RuleFor(o => o.Path).Must(p => PathPattern.FindFault(p) is null).WithMessage(o => PathPattern.FindFault(o.Path) ?? "");
        RuleForValue(o => o.OnChanged).Must((o, _) => o.Incremental is not null || o.OnChanged == OnChangedFile.Fail).WithMessage("is only for incremental.");
    }
}
