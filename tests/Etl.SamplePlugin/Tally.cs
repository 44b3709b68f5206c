using System.Globalization;
using System.Text.Json.Nodes;
using Apache.Arrow;
using Etl.Contracts;

namespace Etl.SamplePlugin;

/// <summary>Writes how many rows came into a file that also holds the checkpoint: both change in one step, the renaming of a file.</summary>
[Loader("tally", "Writes how many rows came into a file of JSON.")]
public sealed class Tally(TallyOptions options, PluginContext context) : ILoader
{
    private string FilePath => Path.GetFullPath(options.File, context.ProjectFolder);

    /// <inheritdoc/>
    public LoadPlan Describe(RowSchema input) => new(options.Adds ? LoadMode.Append : LoadMode.Replace, [], options.File, "exactly-once effect", [$"rename into {options.File}"]);

    /// <inheritdoc/>
    public ValueTask<Checkpoint?> ReadCheckpointAsync(CheckpointKey key, CancellationToken cancel) => ValueTask.FromResult(Read(key));

    /// <inheritdoc/>
    public ValueTask<ILoadSession> OpenAsync(LoadRequest request, CancellationToken cancel)
    {
        try
        {
            // Held until the session ends, whatever happens to the process: the lease and the fence.
            var held = new FileStream(FilePath + ".lock", FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
            return ValueTask.FromResult<ILoadSession>(new Session(this, request, held));
        }
        catch (IOException)
        {
            throw new LeaseHeldException($"another run holds {options.File}");
        }
    }

    private long Rows() => options.Adds && File.Exists(FilePath) ? JsonNode.Parse(File.ReadAllText(FilePath))!["rows"]!.GetValue<long>() : 0;

    private Checkpoint? Read(CheckpointKey key)
    {
        if (!File.Exists(FilePath))
        {
            return null;
        }

        var checkpoint = Checkpoint.Parse(JsonNode.Parse(File.ReadAllText(FilePath))!["checkpoint"]!.GetValue<string>());
        return checkpoint.Key == key
            ? checkpoint
            : throw new EtlException("ETL9001", $"{options.File} is the tally of {checkpoint.Key}", "Give each load a file of its own.") { OptionPath = "file" };
    }

    private sealed class Session : ILoadSession
    {
        private readonly Tally _tally;
        private readonly LoadRequest _request;
        private readonly FileStream _held;
        private long _staged;

        public Session(Tally tally, LoadRequest request, FileStream held)
        {
            (_tally, _request, _held) = (tally, request, held);
            Checkpoint = tally.Read(request.Key);
            Fence = (Checkpoint?.Fence ?? 0) + 1;
        }

        public long Fence { get; }

        public Checkpoint? Checkpoint { get; }

        public int Parallelism => 2;

        public async ValueTask StageAsync(IAsyncEnumerable<RecordBatch> batches, CancellationToken cancel)
        {
            await foreach (var batch in batches.WithCancellation(cancel))
            {
                Interlocked.Add(ref _staged, batch.Length);
            }
        }

        public async ValueTask<PublishResult> PublishAsync(Checkpoint next, CancellationToken cancel)
        {
            if (next.N != (Checkpoint?.N ?? 0) + 1)
            {
                throw new FencedException(string.Create(CultureInfo.InvariantCulture, $"epoch {next.N} does not follow {Checkpoint?.N ?? 0}"));
            }

            var staged = _tally.FilePath + ".next";
            await File.WriteAllTextAsync(staged, new JsonObject { ["rows"] = _tally.Rows() + _staged, ["checkpoint"] = next.ToJson() }.ToJsonString(), cancel);
            File.Move(staged, _tally.FilePath, overwrite: true);
            return new PublishResult(_staged, 0, 0, 0);
        }

        public ValueTask<bool> ResolveAsync(Checkpoint next, CancellationToken cancel) =>
            ValueTask.FromResult(_tally.Read(_request.Key)?.BatchId == next.BatchId);

        public ValueTask<bool> RenewAsync(CancellationToken cancel) => ValueTask.FromResult(true);

        public ValueTask DisposeAsync() => _held.DisposeAsync();
    }
}

/// <summary>Options of <see cref="Tally"/>.</summary>
public sealed record TallyOptions
{
    /// <summary>The file.</summary>
    [Option("The file, relative to the project's folder.", Example = "tally.json")]
    public required string File { get; init; }

    /// <summary>Whether the count goes on from run to run.</summary>
    [Option("Whether the rows of earlier runs count too.")]
    public bool Adds { get; init; }
}
