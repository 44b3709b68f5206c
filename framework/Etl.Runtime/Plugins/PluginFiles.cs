using Etl.Contracts;

namespace Etl.Runtime.Plugins;

/// <summary>
/// A plugin's folder as files. Plugins run with all rights of the process, so that whoever can write there can do all that it can.
/// </summary>
internal static class PluginFiles
{
    /// <summary>
    /// All files below a folder, as relative paths with <c>/</c>, in ordinal order. ETL5021: everybody may write there; ETL5022: it is a link
    /// that leads out of the folder.
    /// </summary>
    public static IReadOnlyList<string> List(string folder)
    {
        RequireOwn(new DirectoryInfo(folder));
        var files = new List<string>();
        foreach (var entry in new DirectoryInfo(folder).EnumerateFileSystemInfos("*", new EnumerationOptions { RecurseSubdirectories = true, AttributesToSkip = 0 }))
        {
            if (entry.LinkTarget is not null)
            {
                RequireInside(folder, entry);
                continue;
            }

            RequireOwn(entry);
            if (entry is FileInfo)
            {
                files.Add(Path.GetRelativePath(folder, entry.FullName).Replace(Path.DirectorySeparatorChar, '/'));
            }
        }

        files.Sort(StringComparer.Ordinal);
        return files;
    }

    /// <summary>The folder itself, once its files are such that <see cref="List"/> does not refuse them.</summary>
    public static string Require(string folder)
    {
        List(folder);
        return folder;
    }

    private static void RequireOwn(FileSystemInfo entry)
    {
        if (!OperatingSystem.IsWindows() && entry.UnixFileMode.HasFlag(UnixFileMode.OtherWrite))
        {
            throw new EtlException("ETL5021", $"everybody on this machine may write to '{entry.FullName}'", "A plugin runs with all rights of this process. Take the right away: chmod -R o-w on the plugin folder.");
        }
    }

    private static void RequireInside(string folder, FileSystemInfo link)
    {
        var target = link.ResolveLinkTarget(returnFinalTarget: true);
        if (target is null || !target.FullName.StartsWith(Path.GetFullPath(folder) + Path.DirectorySeparatorChar, StringComparison.Ordinal))
        {
            throw new EtlException("ETL5022", $"'{link.FullName}' is a link that leads out of its plugin's folder", "Copy the file itself into the folder.");
        }
    }
}
