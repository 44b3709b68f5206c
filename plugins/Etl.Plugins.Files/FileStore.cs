using System.Runtime.CompilerServices;
using Etl.Contracts;

namespace Etl.Plugins.Files;

/// <summary>A folder as an object store. Objects appear whole or not at all, and are on the disk when a call returns.</summary>
[ConnectionType("file", "A folder on this machine, or one that is mounted here.")]
public sealed class FileStore(FileStoreOptions options, PluginContext context) : IConnection, IObjectStore
{
    private readonly string _root = Path.TrimEndingDirectorySeparator(Path.GetFullPath(Path.Combine(context.ProjectFolder, options.Root)));

    /// <inheritdoc/>
    public string Display => $"folder {options.Root}";

    /// <inheritdoc/>
    public Uri Root => new(_root + Path.DirectorySeparatorChar);

    /// <inheritdoc/>
    public bool PutIfAbsentIsAtomic => true;

    /// <inheritdoc/>
    public ValueTask CheckAsync(CancellationToken cancel)
    {
        if (File.Exists(_root))
        {
            throw new EtlException("ETL4532", $"'{options.Root}' is a file, and the connection's root must be a folder", "Correct root.");
        }

        if (!Directory.Exists(_root) && !Directory.Exists(Path.GetDirectoryName(_root)))
        {
            throw new EtlException("ETL4532", $"there is neither a folder '{options.Root}' nor the one that would hold it", "Correct root (it is relative to the project folder), or make the folder.");
        }

        return ValueTask.CompletedTask;
    }

    /// <inheritdoc/>
    public bool IsTransient(Exception error) => false;

    /// <inheritdoc/>
    public async ValueTask PutAsync(string key, Stream content, CancellationToken cancel)
    {
        var path = StoreKey.Resolve(_root, key);
        var temporary = await WriteTemporaryAsync(path, content, cancel);
        try
        {
            File.Move(temporary, path, overwrite: true);
        }
        catch
        {
            File.Delete(temporary);
            throw;
        }

        Durable.SyncFolder(Path.GetDirectoryName(path)!);
    }

    /// <inheritdoc/>
    public async ValueTask<bool> PutIfAbsentAsync(string key, ReadOnlyMemory<byte> content, CancellationToken cancel)
    {
        var path = StoreKey.Resolve(_root, key);
        if (File.Exists(path))
        {
            return false;
        }

        using var stream = new MemoryStream(content.ToArray(), writable: false);
        var temporary = await WriteTemporaryAsync(path, stream, cancel);
        try
        {
            if (!Durable.PlaceIfAbsent(temporary, path))
            {
                return false;
            }
        }
        finally
        {
            File.Delete(temporary);
        }

        Durable.SyncFolder(Path.GetDirectoryName(path)!);
        return true;
    }

    /// <inheritdoc/>
    public ValueTask<Stream?> GetAsync(string key, CancellationToken cancel)
    {
        var path = StoreKey.Resolve(_root, key);
        try
        {
            return new(new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read | FileShare.Delete, 4096, FileOptions.SequentialScan));
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            return new((Stream?)null);
        }
    }

    /// <inheritdoc/>
    public async ValueTask<Stream?> GetRangeAsync(string key, long offset, long length, CancellationToken cancel)
    {
        var file = await GetAsync(key, cancel);
        if (file is not null)
        {
            file.Position = offset;
        }

        return file is null ? null : new BoundedStream(file, length);
    }

    /// <inheritdoc/>
    public ValueTask<long?> SizeAsync(string key, CancellationToken cancel)
    {
        var file = new FileInfo(StoreKey.Resolve(_root, key));
        return new(file.Exists ? file.Length : null);
    }

    /// <inheritdoc/>
    public async IAsyncEnumerable<StoredObject> ListAsync(string prefix, [EnumeratorCancellation] CancellationToken cancel)
    {
        var slash = prefix.LastIndexOf('/');
        var folder = slash < 0 ? _root : StoreKey.Resolve(_root, prefix[..slash]);
        foreach (var found in await Task.Run(() => Find(folder, prefix, cancel), cancel))
        {
            yield return found;
        }
    }

    /// <inheritdoc/>
    public async ValueTask CopyAsync(string from, string to, CancellationToken cancel)
    {
        await using var content = await GetAsync(from, cancel) ?? throw new EtlException("ETL4533", $"there is no '{from}' to copy in {Display}", "Do not move files while they are read.");
        await PutAsync(to, content, cancel);
    }

    /// <inheritdoc/>
    public ValueTask DeleteAsync(string key, CancellationToken cancel)
    {
        var path = StoreKey.Resolve(_root, key);
        if (File.Exists(path))
        {
            File.Delete(path);
            Durable.SyncFolder(Path.GetDirectoryName(path)!);
        }

        return ValueTask.CompletedTask;
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    private List<StoredObject> Find(string folder, string prefix, CancellationToken cancel)
    {
        var found = new List<StoredObject>();
        if (!Directory.Exists(folder))
        {
            return found;
        }

        var entries = new EnumerationOptions { RecurseSubdirectories = true, AttributesToSkip = FileAttributes.ReparsePoint };
        foreach (var file in new DirectoryInfo(folder).EnumerateFiles("*", entries))
        {
            cancel.ThrowIfCancellationRequested();
            var key = Path.GetRelativePath(_root, file.FullName).Replace(Path.DirectorySeparatorChar, '/');
            if (key.StartsWith(prefix, StringComparison.Ordinal) && !file.Name.StartsWith(StoreKey.TemporaryPrefix, StringComparison.Ordinal))
            {
                found.Add(new(key, file.Length, file.LastWriteTimeUtc));
            }
        }

        found.Sort((a, b) => string.CompareOrdinal(a.Key, b.Key));
        return found;
    }

    // In the same folder, since a rename is atomic only within one file system.
    private static async ValueTask<string> WriteTemporaryAsync(string path, Stream content, CancellationToken cancel)
    {
        var folder = Path.GetDirectoryName(path)!;
        Durable.MakeFolder(folder);
        var temporary = Path.Combine(folder, $"{StoreKey.TemporaryPrefix}{Guid.NewGuid():N}");
        try
        {
            await using var file = Durable.Create(temporary);
            await content.CopyToAsync(file, 1 << 17, cancel);
            Durable.Sync(file);
        }
        catch
        {
            File.Delete(temporary);
            throw;
        }

        return temporary;
    }
}
