namespace Etl.Cli.Problems;

/// <summary>
/// Paths as hosts of pull requests know them: relative to the root of the repository, with <c>/</c>. What is outside stays absolute.
/// </summary>
/// <param name="root">Absolute.</param>
internal sealed class RepositoryPaths(string root)
{
    /// <summary>Of the repository that the current folder is in; where there is none, relative to that folder.</summary>
    public static RepositoryPaths OfCurrentFolder()
    {
        var current = Environment.CurrentDirectory;
        for (var folder = new DirectoryInfo(current); folder is not null; folder = folder.Parent)
        {
            // A file in a worktree, a folder elsewhere.
            if (Path.Exists(Path.Combine(folder.FullName, ".git")))
            {
                return new RepositoryPaths(folder.FullName);
            }
        }

        return new RepositoryPaths(current);
    }

    /// <summary>A path; relative ones start at the current folder.</summary>
    public string Of(string path)
    {
        var relative = Path.GetRelativePath(root, Path.GetFullPath(path));
        var isOutside = relative == ".." || relative.StartsWith(".." + Path.DirectorySeparatorChar, StringComparison.Ordinal) || Path.IsPathRooted(relative);
        return (isOutside ? Path.GetFullPath(path) : relative).Replace(Path.DirectorySeparatorChar, '/');
    }
}
