using System.Security.Cryptography;
using System.Text;
using Etl.Contracts;

namespace Etl.Plugins.Tests.Stores;

/// <summary>Texts and digests in and out of a store.</summary>
internal static class StoreText
{
    public static async Task PutTextAsync(this IObjectStore store, string key, string text)
    {
        using var content = new MemoryStream(Encoding.UTF8.GetBytes(text), writable: false);
        await store.PutAsync(key, content, default);
    }

    public static async Task<string> TextAsync(this IObjectStore store, string key) => await TextOfAsync((await store.GetAsync(key, default))!);

    public static async Task<string> RangeAsync(this IObjectStore store, string key, long offset, long length) => await TextOfAsync((await store.GetRangeAsync(key, offset, length, default))!);

    public static async Task<string> DigestAsync(this IObjectStore store, string key)
    {
        await using var content = (await store.GetAsync(key, default))!;
        return Convert.ToHexString(await SHA256.HashDataAsync(content));
    }

    public static async Task<List<string>> KeysAsync(this IObjectStore store, string prefix)
    {
        var keys = new List<string>();
        await foreach (var item in store.ListAsync(prefix, default))
        {
            keys.Add(item.Key);
        }

        return keys;
    }

    private static async Task<string> TextOfAsync(Stream stream)
    {
        using var reader = new StreamReader(stream);
        return await reader.ReadToEndAsync();
    }
}
