using System.Globalization;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Etl.Contracts;

namespace Etl.Plugins.Lake;

/// <summary>A file of an epoch of a plain folder.</summary>
/// <param name="Staged">Where it waits for the commit, below the root.</param>
/// <param name="Path">Where readers find it, below the root.</param>
/// <param name="Size">In bytes.</param>
/// <param name="Sha256">Lower case hex.</param>
internal sealed record FolderFile(string Staged, string Path, long Size, string Sha256);

/// <summary>What an epoch of a plain folder brings and takes, as its commit has it.</summary>
/// <param name="Files">Those that come.</param>
/// <param name="ReplacesAll">The load's files of all earlier epochs go.</param>
/// <param name="Replaces">The load's files of earlier epochs in these folders go.</param>
/// <param name="Lost">Files of epochs whose commits are gone, which go too.</param>
internal sealed partial record FolderEpoch(IReadOnlyList<FolderFile> Files, bool ReplacesAll, IReadOnlyList<string> Replaces, IReadOnlyList<string> Lost)
{
    /// <summary>Readers pass over it, by its name.</summary>
    public const string StagingFolder = "_staging/";

    /// <summary>The epoch of files that were staged; their names are of the epoch, so that whoever publishes it, and however often, makes the same files.</summary>
    public static FolderEpoch Of(IReadOnlyList<DataFile> staged, string stagingFolder, Checkpoint next, LoadMode mode, bool replacesAll, IReadOnlyList<string> lost) => new(
        [.. staged.Select((f, i) => new FolderFile(stagingFolder + f.RelativePath, string.Create(CultureInfo.InvariantCulture, $"{f.Folder.Folder}part-{next.N:D10}-{i + 1:D5}-{next.Key.ShortName}.parquet"), f.Size, f.Sha256))],
        replacesAll,
        mode == LoadMode.ReplacePartitions && !replacesAll ? [.. staged.Select(f => f.Folder.Folder).Distinct()] : [],
        lost);

    /// <summary>The folder in which an epoch's files wait; of several attempts at it each has one of its own below.</summary>
    public static string StagingOf(CheckpointKey load, long epoch) => string.Create(CultureInfo.InvariantCulture, $"{StagingPrefix(load)}{epoch:D10}/");

    /// <summary>What all such folders of a load begin with.</summary>
    public static string StagingPrefix(CheckpointKey load) => $"{StagingFolder}{load.ShortName}-";

    /// <summary>The epoch of a file of a load, by its path below the root; null for another file.</summary>
    public static long? EpochOf(string path, CheckpointKey load) => Name().Match(path) is { Success: true } match && match.Groups[2].Value == load.ShortName
        ? long.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture) : null;

    /// <summary>Whether a file's name is that of an epoch, of whatever load.</summary>
    public static bool IsName(string name) => Name().IsMatch(name);

    /// <summary>Whether a file of the load that has its name goes with this epoch.</summary>
    /// <param name="path">Below the root.</param>
    /// <param name="epoch">The file's.</param>
    /// <param name="n">This one's number.</param>
    public bool Takes(string path, long epoch, long n) =>
        (epoch < n && (ReplacesAll || Replaces.Contains(path[..(path.LastIndexOf('/') + 1)]))) || (Lost.Contains(path) && Files.All(f => f.Path != path));

    /// <summary>As a commit keeps it.</summary>
    public JsonObject ToJson() => new()
    {
        ["files"] = new JsonArray([.. Files.Select(f => new JsonObject { ["staged"] = f.Staged, ["path"] = f.Path, ["size"] = f.Size, ["sha256"] = f.Sha256 })]),
        ["replaces_all"] = ReplacesAll,
        ["replaces"] = new JsonArray([.. Replaces.Select(r => (JsonNode)r)]),
        ["lost"] = new JsonArray([.. Lost.Select(l => (JsonNode)l)]),
    };

    /// <summary>Reads it.</summary>
    public static FolderEpoch Parse(JsonObject json) => new(
        [.. json["files"]!.AsArray().Select(f => new FolderFile(f!["staged"]!.GetValue<string>(), f["path"]!.GetValue<string>(), f["size"]!.GetValue<long>(), f["sha256"]!.GetValue<string>()))],
        json["replaces_all"]!.GetValue<bool>(),
        [.. json["replaces"]!.AsArray().Select(r => r!.GetValue<string>())],
        [.. json["lost"]!.AsArray().Select(l => l!.GetValue<string>())]);

    [GeneratedRegex("(?:^|/)part-([0-9]{10,19})-[0-9]{5,}-([0-9a-f]{16})\\.parquet$")]
    private static partial Regex Name();
}
