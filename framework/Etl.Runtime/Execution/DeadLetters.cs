using System.Security.Cryptography;
using Apache.Arrow;
using Apache.Arrow.Types;
using Etl.Contracts;
using Etl.Contracts.Arrow;
using Etl.Parquet;
using Etl.Runtime.Definition;
using Etl.Runtime.Sql;
using Parquet;

namespace Etl.Runtime.Execution;

/// <summary>
/// Refused rows, whole and typed, in one Parquet file for each stage: <see cref="MetaColumns"/>, then the columns that the stage saw. Files are
/// written aside while rows come, and moved to their place, under a name made of batch id and stage, before anything is published;
/// a file that no checkpoint lists does not exist.
/// </summary>
internal sealed class DeadLetters(string batchId, string runId, string planHash, string temporaryFolder, IObjectStore? store, string? connection, string prefix) : IAsyncDisposable
{
    private readonly Dictionary<string, Letters> _stages = [];
    private readonly SemaphoreSlim _lock = new(1, 1);

    /// <summary>Of every file, before the row's own: the run, the plan's hash, stage, rule and reason; utf8, not null.</summary>
    public static readonly IReadOnlyList<string> MetaColumns = ["_etl_run_id", "_etl_plan", "_etl_stage", "_etl_rule", "_etl_reason"];

    private sealed record Letters(FileStream File, ParquetFileWriter Writer, Schema Schema)
    {
        public long Rows { get; set; }
    }

    /// <summary>Rows so far.</summary>
    public long Rows => _stages.Values.Sum(s => s.Rows);

    /// <summary>Adds rows of a batch, whose first columns are those of <paramref name="schema"/>.</summary>
    public async ValueTask WriteAsync(Verdict verdict, Schema schema, RecordBatch batch, List<int> rows, CancellationToken cancel)
    {
        await _lock.WaitAsync(cancel);
        try
        {
            if (!_stages.TryGetValue(verdict.Stage, out var letters))
            {
                letters = await OpenAsync(verdict.Stage, schema, cancel);
            }

            using var builder = new RecordBatchBuilder(letters.Schema, rows.Count);
            string[] meta = [runId, planHash, verdict.Stage, verdict.Rule, verdict.Reason];
            for (var i = 0; i < meta.Length; i++)
            {
                for (var row = 0; row < rows.Count; row++)
                {
                    builder[i].Append(meta[i].AsSpan());
                }
            }

            for (var i = 0; i < schema.FieldsList.Count; i++)
            {
                builder[meta.Length + i].Append(batch.Column(i).Data, System.Runtime.InteropServices.CollectionsMarshal.AsSpan(rows));
            }

            using var refused = builder.Build();
            await letters.Writer.WriteAsync(refused, cancel);
            letters.Rows += rows.Count;
        }
        finally
        {
            _lock.Release();
        }
    }

    /// <summary>Makes the files durable where they belong, and lists them.</summary>
    public async ValueTask<IReadOnlyList<DeadLetterFile>> CommitAsync(CancellationToken cancel)
    {
        var files = new List<DeadLetterFile>();
        foreach (var (stage, letters) in _stages.OrderBy(s => s.Key, StringComparer.Ordinal))
        {
            await letters.Writer.FinishAsync(cancel);
            await letters.Writer.DisposeAsync();
            letters.File.Flush(flushToDisk: true);
            letters.File.Position = 0;
            var hash = Convert.ToHexStringLower(await SHA256.HashDataAsync(letters.File, cancel));
            letters.File.Position = 0;
            var key = $"{prefix.TrimEnd('/')}/{batchId}-{stage}.parquet";
            if (store is not null)
            {
                await store.PutAsync(key, letters.File, cancel);
                await letters.File.DisposeAsync();
            }
            else
            {
                await letters.File.DisposeAsync();
                PrivateFolder.Create(Path.GetDirectoryName(key)!);
                File.Move(letters.File.Name, key, overwrite: true);
            }

            files.Add(new DeadLetterFile(connection, key, stage, letters.Rows, hash));
        }

        _stages.Clear();
        return files;
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var letters in _stages.Values)
        {
            await letters.Writer.DisposeAsync();
            await letters.File.DisposeAsync();
        }

        _stages.Clear();
        _lock.Dispose();
    }

    private async ValueTask<Letters> OpenAsync(string stage, Schema schema, CancellationToken cancel)
    {
        var meta = MetaColumns.Select(c => new Field(c, StringType.Default, false));
        // A refused row may lack what the passed ones have.
        var own = schema.FieldsList.Select(f => new Field(f.Name, f.DataType, true));
        var all = new Schema(meta.Concat(own), null);
        PrivateFolder.Create(temporaryFolder);
        var file = new FileStream(Path.Combine(temporaryFolder, $"dead-letters-{stage}.parquet"), PrivateFolder.NewFile(1 << 16));
        var letters = new Letters(file, await ParquetFileWriter.CreateAsync(file, all, CompressionMethod.Snappy, cancel), all);
        _stages.Add(stage, letters);
        return letters;
    }
}
