using Etl.Contracts;

namespace Etl.Plugins.Files;

/// <summary>Options of a connection of type <c>file</c>.</summary>
public sealed record FileStoreOptions
{
    /// <summary>The folder.</summary>
    [Option("The folder that holds the files, relative to the project folder. The first write makes a missing one.", Example = "./lake")]
    public required string Root { get; init; }
}
