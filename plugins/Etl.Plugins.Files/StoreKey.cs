namespace Etl.Plugins.Files;

/// <summary>Turns a key into a path that cannot lead out of the root.</summary>
internal static class StoreKey
{
    /// <summary>Names of files that are not objects yet; what follows is 32 hex digits, a '-' and the object's own name.</summary>
    public const string TemporaryPrefix = ".etl-tmp-";

    /// <summary>The absolute path of <paramref name="key"/>; ETL4530 for one that is no key, or that goes through a symbolic link.</summary>
    public static string Resolve(string root, string key)
    {
        // Whoever can write in the root could change a link between this check and the use; the check is against links that were put there before.
        var path = root;
        foreach (var part in ObjectKey.Split(key))
        {
            if (part.StartsWith(TemporaryPrefix, StringComparison.Ordinal))
            {
                throw ObjectKey.Refused(key, $"names that start with {TemporaryPrefix} are the store's own", "Choose another name.");
            }

            path = Path.Combine(path, part);
            if (IsLink(path))
            {
                throw ObjectKey.Refused(key, $"'{part}' is a symbolic link, which could lead out of the connection's root", "Copy what it leads to here, or make a connection whose root is that folder.");
            }
        }

        return path;
    }

    /// <summary>A new temporary path beside <paramref name="path"/>: a rename is atomic only within one file system.</summary>
    public static string Temporary(string path) => Path.Combine(Path.GetDirectoryName(path)!, $"{TemporaryPrefix}{Guid.NewGuid():N}-{Path.GetFileName(path)}");

    /// <summary>The name of the object that a temporary file is for.</summary>
    public static string NameOfTemporary(string name) => name.Length > TemporaryPrefix.Length + 33 ? name[(TemporaryPrefix.Length + 33)..] : name;

    /// <summary>Whether there is a symbolic link, even one that leads nowhere.</summary>
    public static bool IsLink(string path) => new FileInfo(path).LinkTarget is not null;
}
