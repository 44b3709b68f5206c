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
        var found = await Task.Run(
            () => Files(FolderOf(prefix), prefix, areTemporary: false).TakeWhile(_ => !cancel.IsCancellationRequested)
                .Select(f => new StoredObject(f.Key, f.File.Length, f.File.LastWriteTimeUtc)).OrderBy(o => o.Key, StringComparer.Ordinal).ToList(),
            cancel);
        cancel.ThrowIfCancellationRequested();
        foreach (var stored in found)
        {
            yield return stored;
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
    public async ValueTask DiscardUnfinishedAsync(string prefix, Func<StoredObject, bool> isDead, CancellationToken cancel) =>
        await Task.Run(
            () =>
            {
                foreach (var (file, key) in Files(FolderOf(prefix), prefix, areTemporary: true))
                {
                    cancel.ThrowIfCancellationRequested();
                    if (isDead(new(key, file.Length, file.LastWriteTimeUtc)))
                    {
                        file.Delete();
                    }
                }
            },
            cancel);

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    private string FolderOf(string prefix) => prefix.LastIndexOf('/') is var slash and >= 0 ? StoreKey.Resolve(_root, prefix[..slash]) : _root;

    // With the keys of the objects that they are, or are to be.
    private IEnumerable<(FileInfo File, string Key)> Files(string folder, string prefix, bool areTemporary)
    {
        if (!Directory.Exists(folder))
        {
            yield break;
        }

        var entries = new EnumerationOptions { RecurseSubdirectories = true, AttributesToSkip = FileAttributes.ReparsePoint };
        foreach (var file in new DirectoryInfo(folder).EnumerateFiles("*", entries))
        {
            var isTemporary = file.Name.StartsWith(StoreKey.TemporaryPrefix, StringComparison.Ordinal);
            var path = isTemporary ? Path.Combine(file.DirectoryName!, StoreKey.NameOfTemporary(file.Name)) : file.FullName;
            var key = Path.GetRelativePath(_root, path).Replace(Path.DirectorySeparatorChar, '/');
            if (isTemporary == areTemporary && key.StartsWith(prefix, StringComparison.Ordinal))
            {
                yield return (file, key);
            }
        }
    }

    private static async ValueTask<string> WriteTemporaryAsync(string path, Stream content, CancellationToken cancel)
    {
        Durable.MakeFolder(Path.GetDirectoryName(path)!);
        var temporary = StoreKey.Temporary(path);
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
