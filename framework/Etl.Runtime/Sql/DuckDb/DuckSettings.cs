using System.Globalization;
using Etl.Contracts;

namespace Etl.DuckDb;

/// <summary>How a DuckDB instance runs. External access and changes of the configuration are always off once it is open.</summary>
internal sealed record DuckSettings
{
    /// <summary>Most memory for DuckDB's own buffers; batches on their way in and out are extra. Null: DuckDB's default, 80 % of the machine.</summary>
    public ByteSize? MemoryLimit { get; init; }

    /// <summary>Worker threads; null for one per core.</summary>
    public int? Threads { get; init; }

    /// <summary>Where sorts, joins and aggregates spill, made by DuckDB when needed; null: they fail at the memory limit.</summary>
    public string? TempDirectory { get; init; }

    /// <summary>Folders that file readers may open; none for SQL that a pipeline holds.</summary>
    public IReadOnlyList<string> AllowedDirectories { get; init; } = [];

    /// <summary>Keeps the input's order in results at the price of buffering. A relation has no order, so it is off.</summary>
    public bool PreserveInsertionOrder { get; init; }

    /// <summary>Opens a file for reading only.</summary>
    public bool ReadOnly { get; init; }

    // Given to duckdb_open: these cannot be set later, or must hold before the first statement.
    internal IEnumerable<(string Name, string Value)> OpenOptions()
    {
        yield return ("access_mode", ReadOnly ? "READ_ONLY" : "AUTOMATIC");
        yield return ("autoinstall_known_extensions", "false");
        yield return ("autoload_known_extensions", "false");
        if (Threads is { } threads)
        {
            yield return ("threads", threads.ToString(CultureInfo.InvariantCulture));
        }

        if (MemoryLimit is { } limit)
        {
            yield return ("memory_limit", $"{limit.Bytes.ToString(CultureInfo.InvariantCulture)}B");
        }
    }

    // In this order: access is closed after the folders are named, the lock comes last.
    internal IEnumerable<string> Statements()
    {
        yield return "SET GLOBAL TimeZone = 'UTC'";
        yield return $"SET GLOBAL preserve_insertion_order = {(PreserveInsertionOrder ? "true" : "false")}";
        yield return "SET GLOBAL errors_as_json = true";

        // The first rewrites row_number() = 1 into an aggregate whose state does not spill, which fails far above the memory limit; the second a count over a partition into a
        // join with itself, and rows that come over a channel come once.
        yield return "SET GLOBAL disabled_optimizers = 'top_n_window_elimination,window_self_join'";
        yield return $"SET GLOBAL temp_directory = {SqlText.Literal(TempDirectory ?? "")}";
        if (AllowedDirectories.Count > 0)
        {
            yield return $"SET GLOBAL allowed_directories = [{string.Join(", ", AllowedDirectories.Select(SqlText.Literal))}]";
        }

        yield return "SET GLOBAL enable_external_access = false";
        yield return "SET GLOBAL lock_configuration = true";
    }
}
