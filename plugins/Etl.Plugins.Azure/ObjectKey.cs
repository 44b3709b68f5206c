using Etl.Contracts;

namespace Etl.Plugins.Azure;

/// <summary>What a key may be: the same in every store, so that what is written to one can be copied to another.</summary>
internal static class ObjectKey
{
    /// <summary>Whether it is names between '/', none of them empty, '.' or '..', which clients and readers would fold away.</summary>
    public static bool IsOne(string key) =>
        key.Split('/').All(name => name is not ("" or "." or "..")) && key.AsSpan().IndexOfAny('\0', '\\') < 0;

    /// <summary>The name of the blob, below <paramref name="prefix"/>; ETL4593 for what is no key.</summary>
    public static string Resolve(string prefix, string key) => IsOne(key)
        ? prefix + key
        : throw new EtlException(
            "ETL4593", $"'{key.Replace("\0", "\\0", StringComparison.Ordinal)}' is not a key of an object store: it must be names between '/', without '..', '\\' or NUL", "Keys stay below the connection's prefix.");
}
