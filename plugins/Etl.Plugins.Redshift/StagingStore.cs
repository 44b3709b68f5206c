using Etl.Contracts;

namespace Etl.Plugins.Redshift;

/// <summary>The part of an object store through which rows go, and the right by which the cluster reaches it.</summary>
internal sealed class StagingStore(IObjectStore store, RedshiftConnectionOptions options)
{
    /// <summary>The store.</summary>
    public IObjectStore Objects => store;

    /// <summary>The clause of COPY and UNLOAD. It holds secrets: no statement with it goes into a log or an error.</summary>
    public string Authorization => options.IamRole is { } role
        ? $"IAM_ROLE {(role == "default" ? "default" : RedshiftText.Literal(role))}"
        : $"ACCESS_KEY_ID {RedshiftText.Literal(options.AccessKey!)} SECRET_ACCESS_KEY {RedshiftText.Literal(options.SecretKey!)}"
            + (options.SessionToken is { } token ? $" SESSION_TOKEN {RedshiftText.Literal(token)}" : "");

    /// <summary>The key of an object below the connection's prefix.</summary>
    public string Key(string name) => options.StagingPrefix + name;

    /// <summary>An object's address, as the cluster takes it.</summary>
    public string UrlOf(string key) => store.Root + key;

    /// <summary>The key of an object at an address that <see cref="UrlOf"/> gave, or that UNLOAD wrote.</summary>
    public string KeyOf(string url) => url.StartsWith(store.Root.ToString(), StringComparison.Ordinal)
        ? url[store.Root.ToString().Length..]
        : throw new EtlException("ETL4685", $"UNLOAD wrote to {url}, which is not in the staging store {store.Root}", "Nothing was read. Let staging of the connection name the store that the cluster writes to.");

    /// <summary>Deletes the objects whose keys begin so and that <paramref name="isOld"/> says, and those whose writing was begun and not ended.</summary>
    public async ValueTask DeleteAsync(string prefix, Func<StoredObject, bool> isOld, CancellationToken cancel)
    {
        var old = new List<string>();
        await foreach (var found in store.ListAsync(prefix, cancel))
        {
            if (isOld(found))
            {
                old.Add(found.Key);
            }
        }

        await DeleteAsync(old, cancel);
        await store.DiscardUnfinishedAsync(prefix, isOld, cancel);
    }

    /// <summary>Deletes objects.</summary>
    public async ValueTask DeleteAsync(IEnumerable<string> keys, CancellationToken cancel)
    {
        foreach (var key in keys)
        {
            await store.DeleteAsync(key, cancel);
        }
    }
}
