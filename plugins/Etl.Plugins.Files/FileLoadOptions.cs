using Etl.Contracts;
using FluentValidation;

namespace Etl.Plugins.Files;

/// <summary>Options of every loader that writes a file for each run.</summary>
public abstract record FileLoadOptions
{
    /// <summary>The folder.</summary>
    [Option("The folder for the files, relative to the connection's root. The checkpoints lie in its _etl/.", Example = "exports/orders")]
    public required string Path { get; init; }

    /// <summary>The mode.</summary>
    [Option("append adds a file; replace leaves this run's file and no others of this load.")]
    public required FileLoadMode Mode { get; init; }

    /// <summary>How the files are compressed.</summary>
    [Option("How the files are compressed; their names end in .gz or .zst then.")]
    public FileCompression Compression { get; init; }

    /// <summary>Guard of replace.</summary>
    [Option("Replace and full refresh: accept an empty result, which would leave an empty file.")]
    public bool AllowEmpty { get; init; }

    /// <summary>Losses that are known.</summary>
    [Option("Columns whose values may lose something on their way into the target, as the plan says.", Example = "[average_price]", Identifier = true)]
    public IReadOnlyList<string> AcceptLoss { get; init; } = [];
}

/// <summary>Modes of <see cref="FileLoadOptions"/>.</summary>
public enum FileLoadMode
{
    /// <summary>Adds a file.</summary>
    Append,

    /// <summary>This file and no others.</summary>
    Replace,
}

/// <summary>Rules of <see cref="FileLoadOptions"/>.</summary>
public abstract class FileLoadRules<T> : OptionsRules<T> where T : FileLoadOptions
{
    /// <summary>A folder's key.</summary>
    protected FileLoadRules() => RuleFor(o => o.Path).Must(p => !p.StartsWith('/') && !p.EndsWith('/')).WithMessage("must be a relative folder without '/' at its ends.");
}
