using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using Apache.Arrow;
using Etl.Contracts;
using Etl.Runtime.Compilation;

namespace Etl.Runtime.Execution;

/// <summary>How rows that were refused are found in their source.</summary>
/// <param name="LetterColumns">The key's columns, by their names in the dead letters.</param>
/// <param name="SourceColumns">By their names in the source.</param>
/// <param name="Unique">A key is of one row: then a row that changed since is left to the run that reads it. Otherwise all rows of a key are read, since a later stage chooses among them.</param>
internal sealed record LetterKey(IReadOnlyList<string> LetterColumns, IReadOnlyList<string> SourceColumns, bool Unique);

/// <summary>
/// Stands in for a source while dead letters are replayed: reads the rows that their keys have now. What was refused in an older version is not
/// read from the letter: it could overwrite a newer one.
/// </summary>
internal sealed class KeyedReplay(CompiledPipeline pipeline, ExtractNode source, IReadOnlyList<LetterFile> files, string? rule, LetterKey key, string folder, FailPoints failPoints) : ILetterReplay
{
    private readonly ConcurrentDictionary<int, long> _found = new();
    private LetterRows? _rows;

    public ExtractorCapabilities Capabilities => source.Extractor.Capabilities;

    public RowSchema DescribeOutput(DataContract? contract) => source.Schema;

    public async ValueTask<IExtraction> OpenAsync(ExtractRequest request, CancellationToken cancel)
    {
        _found.Clear();
        _rows = await LetterRows.ReadAsync(pipeline, files, rule, key.LetterColumns, folder, cancel);
        failPoints.Hit("replay.keys");
        return new Extraction(this, request, _rows);
    }

    public bool HasLetters => _rows!.Rows.Sum() > 0;

    public IEnumerable<DeadLetterClosing> Closed()
    {
        for (var i = 0; i < files.Count; i++)
        {
            var (letters, gone) = (_rows!.Rows[i], Math.Max(0, _rows.Keys[i] - _found.GetValueOrDefault(i)));
            // Letters beyond the keys of the file are of rows that were refused again since.
            var superseded = key.Unique ? letters - Math.Min(letters, _found.GetValueOrDefault(i)) : Math.Min(letters, letters - _rows.Keys[i] + gone);
            foreach (var (state, count) in new[] { (DeadLetterState.Replayed, letters - superseded), (DeadLetterState.Superseded, superseded) })
            {
                if (count > 0)
                {
                    yield return new DeadLetterClosing(state, files[i].File.Path, rule, count);
                }
            }
        }
    }

    private sealed class Extraction(KeyedReplay replay, ExtractRequest request, LetterRows rows) : IExtraction
    {
        public IReadOnlyList<Split> Splits { get; } = LetterRows.Splits(rows.Keys);

        public SourcePosition Reached => throw new InvalidOperationException("a replay moves no position");

        public long? EstimatedRows => rows.Keys.Sum();

        public async IAsyncEnumerable<RecordBatch> ReadAsync(Split split, [EnumeratorCancellation] CancellationToken cancel)
        {
            var file = LetterRows.FileOf(split);
            var (node, key) = (replay.Source, replay.Key);
            var epoch = replay.Files[file].Epoch;
            var lookup = request with
            {
                From = key.Unique ? epoch.Sources.GetValueOrDefault(node.Id) : null,
                Schema = request.Schema with { Key = key.SourceColumns },
            };
            for (var chunk = 0L; chunk * LetterRows.ChunkRows < rows.Keys[file]; chunk++)
            {
                await using var extraction = await ((IKeyedExtractor)node.Extractor).OpenKeysAsync(lookup, rows.Chunk(file, chunk), cancel);
                foreach (var inner in extraction.Splits)
                {
                    await foreach (var batch in extraction.ReadAsync(inner, cancel))
                    {
                        replay.Count(file, batch.Length);
                        yield return batch;
                    }
                }
            }
        }

        public ValueTask DisposeAsync()
        {
            rows.Dispose();
            return ValueTask.CompletedTask;
        }
    }

    private ExtractNode Source => source;

    private LetterKey Key => key;

    private IReadOnlyList<LetterFile> Files => files;

    private void Count(int file, int found) => _found.AddOrUpdate(file, found, (_, n) => n + found);
}
