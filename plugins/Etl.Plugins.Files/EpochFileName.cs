using System.Globalization;
using Etl.Contracts;

namespace Etl.Plugins.Files;

/// <summary>Names of data files: <c>FOLDER/LOAD-EPOCH-BATCH.EXTENSION</c>. Two loads may share a folder: each knows its own files by this.</summary>
internal static class EpochFileName
{
    private const int Digits = 20;

    /// <summary>What all files of a load begin with.</summary>
    public static string Prefix(string path, CheckpointKey load) => $"{path}/{load.ShortName}-";

    /// <summary>The key of an epoch's file.</summary>
    public static string Of(string path, Checkpoint epoch, string extension) => string.Create(CultureInfo.InvariantCulture, $"{Prefix(path, epoch.Key)}{epoch.N:D20}-{epoch.BatchId}.{extension}");

    /// <summary>The epoch of a load's file; null for another file.</summary>
    public static long? EpochOf(string key, string path, CheckpointKey load)
    {
        var number = key.AsSpan(Prefix(path, load).Length);
        return number.Length > Digits && long.TryParse(number[..Digits], NumberStyles.None, CultureInfo.InvariantCulture, out var n) ? n : null;
    }
}
