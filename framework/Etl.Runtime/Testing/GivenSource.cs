using System.Runtime.CompilerServices;
using System.Text.Json.Nodes;
using Apache.Arrow;
using Etl.Contracts;
using Etl.Runtime.Compilation;

namespace Etl.Runtime.Testing;

/// <summary>
/// Stands in for a source. It gives what a test gave it: to an incremental stage what is beyond the target's position, by key the latest; to
/// one that reads in full the rows of the last run that gave any.
/// </summary>
internal sealed class GivenSource(ExtractNode node) : IExtractor
{
    private readonly List<(int Run, IReadOnlyList<object?[]> Rows)> _given = [];
    private readonly List<int> _key = [.. node.Schema.Key.Select(node.Schema.Index)];
    private int _run;

    /// <inheritdoc/>
    public ExtractorCapabilities Capabilities => node.Extractor.Capabilities;

    /// <summary>Begins a run, in which the source changes by these rows; null when it does not change.</summary>
    public void Begin(IReadOnlyList<object?[]>? rows)
    {
        _run++;
        if (rows is not null)
        {
            _given.Add((_run, rows));
        }
    }

    /// <inheritdoc/>
    public RowSchema DescribeOutput(DataContract? contract) => node.Schema;

    /// <inheritdoc/>
    public ValueTask<IExtraction> OpenAsync(ExtractRequest request, CancellationToken cancel)
    {
        var position = request.From?.Position["run"]?.GetValue<int>() ?? 0;
        IReadOnlyList<object?[]> rows = Capabilities.Incremental ? Latest(_given.Where(g => g.Run > position).SelectMany(g => g.Rows)) : _given.LastOrDefault().Rows ?? [];
        var reached = new SourcePosition(Capabilities.Kind, "test", new JsonObject { ["run"] = _run });
        return ValueTask.FromResult<IExtraction>(new Extraction(node.Schema.Arrow, rows, reached, Capabilities.Incremental && rows.Count == 0));
    }

    private List<object?[]> Latest(IEnumerable<object?[]> rows)
    {
        var latest = new List<object?[]>();
        foreach (var row in rows)
        {
            if (_key.Count > 0)
            {
                latest.RemoveAll(r => _key.TrueForAll(k => Cell.Same(r[k], row[k])));
            }

            latest.Add(row);
        }

        return latest;
    }

    private sealed class Extraction(Schema schema, IReadOnlyList<object?[]> rows, SourcePosition reached, bool nothing) : IExtraction
    {
        public IReadOnlyList<Split> Splits { get; } = nothing ? [] : [new Split("given", [])];

        public SourcePosition Reached => reached;

        public long? EstimatedRows => rows.Count;

        public async IAsyncEnumerable<RecordBatch> ReadAsync(Split split, [EnumeratorCancellation] CancellationToken cancel)
        {
            await Task.CompletedTask;
            if (rows.Count > 0)
            {
                yield return CellBatch.Of(schema, rows);
            }
        }

        public ValueTask DisposeAsync() => default;
    }
}
