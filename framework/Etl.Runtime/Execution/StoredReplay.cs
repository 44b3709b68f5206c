using System.Runtime.CompilerServices;
using Apache.Arrow;
using Apache.Arrow.Types;
using Etl.Contracts;
using Etl.Contracts.Arrow;
using Etl.Parquet;
using Etl.Runtime.Compilation;

namespace Etl.Runtime.Execution;

/// <summary>
/// Stands in for a source whose rows cannot be found by a key while dead letters are replayed: gives each refused row as it was read. Only for targets to which rows are
/// added: they hold no newer version that an older one could overwrite.
/// </summary>
/// <param name="pipeline">Knows the connections.</param>
/// <param name="source">The source.</param>
/// <param name="files">The letters.</param>
/// <param name="rule">Rows of this rule only; null for all that are open.</param>
/// <param name="columns">By file: the source's columns, by their names in the letters.</param>
/// <param name="folder">For copies of the files.</param>
/// <param name="failPoints">Fail points.</param>
internal sealed class StoredReplay(
    CompiledPipeline pipeline, ExtractNode source, IReadOnlyList<LetterFile> files, string? rule, IReadOnlyList<IReadOnlyList<string>> columns, string folder, FailPoints failPoints) : ILetterReplay
{
    private LetterRows? _rows;

    public ExtractorCapabilities Capabilities => source.Extractor.Capabilities;

    public bool HasLetters => _rows!.Rows.Sum() > 0;

    public RowSchema DescribeOutput(DataContract? contract) => source.Schema;

    public async ValueTask<IExtraction> OpenAsync(ExtractRequest request, CancellationToken cancel)
    {
        _rows = await LetterRows.ReadAsync(pipeline, files, rule, [], folder, cancel);
        failPoints.Hit("replay.keys");
        return new Extraction(this, request.Schema.Arrow, _rows);
    }

    public IEnumerable<DeadLetterClosing> Closed() =>
        files.Select((file, i) => new DeadLetterClosing(DeadLetterState.Replayed, file.File.Path, rule, _rows!.Rows[i])).Where(c => c.Rows > 0);

    // The rule of each row, then the source's columns.
    private Schema StoredSchema(int file, Schema schema) => new(
        [new Field(DeadLetters.MetaColumns[3], StringType.Default, false), .. schema.FieldsList.Select((f, i) => new Field(columns[file][i], f.DataType, true))], null);

    private List<int> Selected(int file, StringArray rules) => [.. Enumerable.Range(0, rules.Length).Where(row => files[file].IsOpen(rules.GetString(row), rule))];

    // A column that the source gained later had no value; one that has another name in the letters has one that nobody finds.
    private void FillMissing(int file, Field field, ColumnBuilder column, int rows)
    {
        if (!pipeline.Gained.Contains((source.Id, source.Schema.Arrow.FieldsList[columns[file].ToList().IndexOf(field.Name)].Name)))
        {
            throw Missing(file, field.Name);
        }

        ParquetFileReader.FillNulls(field, column, rows);
    }

    private EtlException Missing(int file, string column) => new(
        "ETL4226", $"the dead letters in '{files[file].File.Path}' have no column '{column}', so the row that was read cannot be made of them",
        "The pipeline named it otherwise when it refused them. Correct the rows in the source so that the next run reads them, or run with --full-refresh.");

    private sealed class Extraction(StoredReplay replay, Schema schema, LetterRows rows) : IExtraction
    {
        public IReadOnlyList<Split> Splits { get; } = LetterRows.Splits(rows.Rows);

        public SourcePosition Reached => throw new InvalidOperationException("a replay moves no position");

        public long? EstimatedRows => rows.Rows.Sum();

        public async IAsyncEnumerable<RecordBatch> ReadAsync(Split split, [EnumeratorCancellation] CancellationToken cancel)
        {
            var file = LetterRows.FileOf(split);
            var stored = replay.StoredSchema(file, schema);
            await using var reader = await ParquetFileReader.OpenAsync(File.OpenRead(rows.PathOf(file)), "a copy of the dead letters", cancel);
            for (var group = 0; group < reader.RowGroups; group++)
            {
                using var all = await reader.ReadAsync(group, stored, (field, column, rows) => replay.FillMissing(file, field, column, rows), cancel);
                var selected = replay.Selected(file, (StringArray)all.Column(0));
                if (selected.Count == 0)
                {
                    continue;
                }

                using var builder = new RecordBatchBuilder(schema, selected.Count);
                for (var i = 0; i < schema.FieldsList.Count; i++)
                {
                    builder[i].Append(all.Column(i + 1).Data, System.Runtime.InteropServices.CollectionsMarshal.AsSpan(selected));
                }

                yield return builder.Build();
            }
        }

        public ValueTask DisposeAsync()
        {
            rows.Dispose();
            return ValueTask.CompletedTask;
        }
    }
}
