using Etl.Contracts;

namespace Etl.Plugins.Files;

/// <summary>Turns a key into a path that cannot lead out of the root.</summary>
internal static class StoreKey
{
    /// <summary>Names of files that are not objects yet.</summary>
    public const string TemporaryPrefix = ".etl-tmp-";

    /// <summary>The absolute path of <paramref name="key"/>; ETL4530 for one that is no relative '/'-separated path, or that goes through a symbolic link.</summary>
    public static string Resolve(string root, string key)
    {
        var parts = key.Split('/');
        foreach (var part in parts)
        {
            if (part is "" or "." or ".." || part.AsSpan().IndexOfAny('\0', '\\', ':') >= 0 || part.StartsWith(TemporaryPrefix, StringComparison.Ordinal))
            {
                throw Refused(key, "it must be a relative path of names between '/', without '..', '\\', ':' or NUL");
            }
        }

        // Whoever can write in the root could change a link between this check and the use; the check is against links that were put there before.
        var path = root;
        foreach (var part in parts)
        {
            path = Path.Combine(path, part);
            if (IsLink(path))
            {
                throw Refused(key, $"'{part}' is a symbolic link");
            }
        }

        return path;
    }

    /// <summary>Whether there is a symbolic link, even one that leads nowhere.</summary>
    public static bool IsLink(string path) => new FileInfo(path).LinkTarget is not null;

    private static EtlException Refused(string key, string why) => new(
        "ETL4530", $"'{key.Replace("\0", "\\0", StringComparison.Ordinal)}' is not a key of a file store: {why}", "Keys stay below the connection's root.");
}
