using Etl.Contracts;

namespace Etl.Plugins.Sqlite;

/// <summary>Options of a connection of type <c>sqlite</c>.</summary>
public sealed record SqliteOptions
{
    /// <summary>The database file.</summary>
    [Option("The database file, relative to the project folder. A load makes a missing one; an extraction needs it, or a seed.", Example = "data/shop.db")]
    public required string Path { get; init; }

    /// <summary>A script that makes the database.</summary>
    [Option("A script of SQL statements that makes the database when the file is not there, relative to the project folder.", Example = "shop.sql")]
    public string? Seed { get; init; }

    /// <summary>How long to wait for another writer.</summary>
    [Option("How long to wait while another process holds the file's lock.")]
    public TimeSpan BusyTimeout { get; init; } = TimeSpan.FromSeconds(30);
}
