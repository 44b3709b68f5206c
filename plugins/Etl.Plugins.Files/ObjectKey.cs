using Etl.Contracts;

namespace Etl.Plugins;

/// <summary>What a key may be, in every store: what is good in one is good in another.</summary>
internal static class ObjectKey
{
    /// <summary>The names of a key; ETL4530 for one that is no relative '/'-separated path.</summary>
    public static string[] Split(string key)
    {
        var parts = key.Split('/');
        return parts.All(p => p is not ("" or "." or "..") && p.AsSpan().IndexOfAny('\0', '\\', ':') < 0)
            ? parts
            : throw Refused(key, "it must be a relative path of names between '/', without '..', '\\', ':' or NUL", "Correct the path: it begins below the connection's root and stays there.");
    }

    /// <summary>The error for a key that a store does not take.</summary>
    public static EtlException Refused(string key, string why, string hint) => new(
        "ETL4530", $"'{key.Replace("\0", "\\0", StringComparison.Ordinal)}' is no key of an object store: {why}", hint);
}
