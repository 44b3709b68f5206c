using System.Collections.Concurrent;
using Etl.Contracts;

namespace Etl.Plugins.Tests.Lake;

/// <summary>An object store in a folder, with faults that a test turns on.</summary>
internal sealed class LocalFolderStore(string folder) : IObjectStore
{
    public string Folder => folder;

    /// <summary>Called before an object is put if absent; throwing means that the request was lost.</summary>
    public Action<string> BeforePutIfAbsent { get; set; } = _ => { };

    /// <summary>Called after it was put; throwing means that the answer was lost.</summary>
    public Action<string> AfterPutIfAbsent { get; set; } = _ => { };

    /// <summary>Objects whose put if absent gets no answer, and is on its way until <see cref="ArriveAsync"/>.</summary>
    public Func<string, bool> Delays { get; set; } = _ => false;

    /// <summary>Objects that are there, and not given yet.</summary>
    public Func<string, bool> Hides { get; set; } = _ => false;

    /// <summary>Objects that cannot be put.</summary>
    public Func<string, bool> RefusePuts { get; set; } = _ => false;

    /// <summary>Objects that cannot be deleted.</summary>
    public Func<string, bool> RefuseDeletes { get; set; } = _ => false;

    /// <summary>Objects that listings do not have yet.</summary>
    public Func<string, bool> HidesFromListings { get; set; } = _ => false;

    /// <summary>How many bytes of each object are lost on the way.</summary>
    public int LostBytes { get; set; }

    /// <summary>Whether a bit of each object is turned over on the way.</summary>
    public bool Damages { get; set; }

    /// <summary>As a client does that got no answer the first time: it asks again and finds the object there.</summary>
    public bool PutsTwice { get; set; }

    /// <summary>The parts of objects that were asked for.</summary>
    public ConcurrentQueue<(string Key, long Length)> Ranges { get; } = new();

    /// <summary>Called before a part is given, with how many were; throwing means that the connection broke.</summary>
    public Action<int> BeforeRange { get; set; } = _ => { };

    private readonly List<(string Key, byte[] Content)> _onTheWay = [];

    public Uri Root => new(folder + "/");

    public bool PutIfAbsentIsAtomic { get; set; } = true;

    public async ValueTask PutAsync(string key, Stream content, CancellationToken cancel)
    {
        var path = PathOf(key);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        if (RefusePuts(key))
        {
            throw new IOException($"refused: {key}");
        }

        await using var file = File.Create(path);
        await content.CopyToAsync(file, cancel);
        file.SetLength(file.Length - LostBytes);
        if (Damages)
        {
            file.Position = file.Length / 2;
            var one = file.ReadByte();
            file.Position--;
            file.WriteByte((byte)(one ^ 1));
        }
    }

    public async ValueTask<bool> PutIfAbsentAsync(string key, ReadOnlyMemory<byte> content, CancellationToken cancel)
    {
        BeforePutIfAbsent(key);
        if (Delays(key))
        {
            _onTheWay.Add((key, content.ToArray()));
            throw new IOException("timed out");
        }

        var path = PathOf(key);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        var temporary = path + Guid.NewGuid().ToString("N");
        await File.WriteAllBytesAsync(temporary, content.ToArray(), cancel);
        try
        {
            File.Move(temporary, path, overwrite: false);
        }
        catch (IOException) when (File.Exists(path))
        {
            File.Delete(temporary);
            return false;
        }

        AfterPutIfAbsent(key);
        return !PutsTwice;
    }

    /// <summary>What was delayed is put, where nothing is by now.</summary>
    public async Task ArriveAsync()
    {
        foreach (var (key, content) in _onTheWay)
        {
            await PutIfAbsentAsync(key, content, default);
        }
    }

    public ValueTask<Stream?> GetAsync(string key, CancellationToken cancel) => ValueTask.FromResult<Stream?>(File.Exists(PathOf(key)) && !Hides(key) ? File.OpenRead(PathOf(key)) : null);

    public async ValueTask<Stream?> GetRangeAsync(string key, long offset, long length, CancellationToken cancel)
    {
        if (!File.Exists(PathOf(key)))
        {
            return null;
        }

        BeforeRange(Ranges.Count);
        Ranges.Enqueue((key, length));
        var bytes = await File.ReadAllBytesAsync(PathOf(key), cancel);
        var start = (int)Math.Min(offset, bytes.Length);
        return new MemoryStream(bytes, start, (int)Math.Min(length, bytes.Length - start), writable: false);
    }

    public async ValueTask CopyAsync(string from, string to, CancellationToken cancel)
    {
        await using var content = File.OpenRead(PathOf(from));
        await PutAsync(to, content, cancel);
    }

    public ValueTask<long?> SizeAsync(string key, CancellationToken cancel) => ValueTask.FromResult<long?>(File.Exists(PathOf(key)) ? new FileInfo(PathOf(key)).Length : null);

    public async IAsyncEnumerable<StoredObject> ListAsync(string prefix, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancel)
    {
        await Task.Yield();
        foreach (var key in Keys().Where(k => k.StartsWith(prefix, StringComparison.Ordinal) && !HidesFromListings(k)))
        {
            var file = new FileInfo(PathOf(key));
            yield return new(key, file.Length, file.LastWriteTimeUtc);
        }
    }

    public ValueTask DeleteAsync(string key, CancellationToken cancel)
    {
        if (RefuseDeletes(key))
        {
            throw new IOException($"refused: {key}");
        }

        File.Delete(PathOf(key));
        return ValueTask.CompletedTask;
    }

    // Its writes are never seen unfinished.
    public ValueTask DiscardUnfinishedAsync(string prefix, Func<StoredObject, bool> isDead, CancellationToken cancel) => ValueTask.CompletedTask;

    public IReadOnlyList<string> Keys() => Directory.Exists(folder)
        ? [.. Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories).Select(f => Path.GetRelativePath(folder, f).Replace('\\', '/')).Order(StringComparer.Ordinal)]
        : [];

    private string PathOf(string key) => Path.Combine(folder, key);
}
