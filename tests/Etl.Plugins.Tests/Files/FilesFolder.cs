using System.Text;
using Apache.Arrow.Types;
using Etl.Contracts;
using Etl.Plugins.Files;
using static Etl.Plugins.Tests.TypedRows;

namespace Etl.Plugins.Tests;

/// <summary>A folder with a file store over it, and what a run does with extractors and loaders there.</summary>
internal sealed class FilesFolder : IAsyncDisposable
{
    public static readonly CheckpointKey Key = new("test", "orders", "files");

    public FilesFolder()
    {
        Context = new(Folder, Path.Combine(Folder, ".etl"), 256L << 20, TimeProvider.System);
        Store = new(new FileStoreOptions { Root = "." }, Context);
    }

    public string Folder { get; } = Directory.CreateTempSubdirectory("etl-files-").FullName;

    public PluginContext Context { get; }

    public FileStore Store { get; }

    public void Write(string path, string text) => Write(path, Encoding.UTF8.GetBytes(text));

    public void Write(string path, byte[] bytes)
    {
        var full = PathOf(path);
        Directory.CreateDirectory(Path.GetDirectoryName(full)!);
        File.WriteAllBytes(full, bytes);
    }

    public string PathOf(string path) => Path.Combine(Folder, path);

    /// <summary>All rows that a run would read from a position, and the position after it.</summary>
    public static async Task<(List<object?[]> Rows, SourcePosition Reached)> ReadAsync(IExtractor extractor, DataContract contract, SourcePosition? from = null)
    {
        await using var extraction = await extractor.OpenAsync(new(contract, extractor.DescribeOutput(contract), from, 7, 1, new Dictionary<string, object>()), default);
        return (await ReadAllAsync(extraction), extraction.Reached);
    }

    public static async Task<List<object?[]>> RowsAsync(IExtractor extractor, params (string, IArrowType)[] columns) =>
        (await ReadAsync(extractor, Contract("c", [], columns))).Rows;

    public static async Task<PublishResult> LoadAsync(ILoader loader, RowSchema schema, params object?[][] rows)
    {
        await using var session = await loader.OpenAsync(new(Key, schema, "run-1", false, "host:1", TimeSpan.FromMinutes(1), _ => { }), default);
        using var batch = Batch(schema, rows);
        await session.StageAsync(Stream(batch), default);
        return await session.PublishAsync(
            new()
            {
                Key = Key,
                N = (session.Checkpoint?.N ?? 0) + 1,
                Fence = session.Fence,
                BatchId = Guid.NewGuid().ToString("N"),
                RunId = "run-1",
                PlanHash = "plan",
                Fingerprint = "f",
                Sources = new Dictionary<string, SourcePosition>(),
                CommittedAt = DateTimeOffset.UnixEpoch,
            },
            default);
    }

    public async ValueTask DisposeAsync()
    {
        await Store.DisposeAsync();
        Directory.Delete(Folder, recursive: true);
    }
}
