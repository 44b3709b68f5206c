using System.Numerics;
using Apache.Arrow;
using Etl.Contracts;
using Etl.Contracts.Arrow;
using Etl.Runtime.Compilation;
using Etl.Runtime.Sql;

namespace Etl.Runtime.Execution;

/// <summary>
/// Sends each row of a segment's result where its verdict says, and counts it there: on to the next node, to the dead letters, or
/// nowhere. A batch in which every row passed goes on without a copy.
/// </summary>
internal sealed class VerdictRouter
{
    private readonly Segment _segment;
    private readonly Outlet _outlet;
    private readonly RunResources _resources;
    private readonly int _visible;
    private readonly int _verdictAt;
    private readonly int _warningsAt;
    private readonly Schema _output;
    private readonly Schema _letters;
    private readonly long[] _stopped;
    private readonly long[] _warned;
    private readonly List<int> _passing = [];
    private readonly Dictionary<int, List<int>> _refused = [];
    private readonly bool _firstHalf;
    private readonly bool _secondHalf;
    private long _read;
    private long _passed;
    private RecordBatch? _aggregates;

    public VerdictRouter(SegmentNode node, Outlet outlet, RunResources resources)
    {
        _segment = node.Segment;
        _outlet = outlet;
        _resources = resources;
        _output = node.Schema.Arrow;
        // With deletions made here, the result has no _op of its own.
        var fields = _output.FieldsList;
        OpAdded = _segment.EmitsDeletions && !_segment.Inputs[0].Schema.HasOp;
        _visible = OpAdded ? fields.Count - 1 : fields.Count;
        _letters = OpAdded ? new Schema(fields.Take(_visible), null) : _output;
        _verdictAt = _segment.Verdicts.Count > 0 ? _visible : -1;
        _warningsAt = _segment.Warnings.Count > 0 ? _visible + (_verdictAt >= 0 ? 1 : 0) : -1;
        _stopped = new long[_segment.Verdicts.Count + 1];
        _warned = new long[_segment.Warnings.Count];
        // A stage that refuses rows and then changes columns runs in two queries: it counts rows in by the first, and out by the second.
        _firstHalf = node.Id == _segment.Stages[^1].Id + GraphTyper.FirstHalf;
        _secondHalf = node.Inputs[0] == _segment.Stages[0].Id + GraphTyper.FirstHalf;
    }

    private bool OpAdded { get; }

    /// <summary>Counts rows that the query has taken in.</summary>
    public void Read(int rows) => Interlocked.Add(ref _read, rows);

    /// <summary>Takes a batch of the result over.</summary>
    public async ValueTask RouteAsync(RecordBatch batch, CancellationToken cancel)
    {
        using (batch)
        {
            CountWarnings(batch);
            KeepAggregates(batch);
            if (Sort(batch))
            {
                Pass(batch.Length);
                await _outlet.WriteAsync(Share(batch), cancel);
                return;
            }

            foreach (var (code, rows) in _refused)
            {
                await RefuseAsync(batch, code, rows, cancel);
            }

            if (_passing.Count > 0)
            {
                Pass(_passing.Count);
                await _outlet.WriteAsync(Gather(batch, _passing, RowSchema.OpUpsert), cancel);
            }
        }
    }

    /// <summary>All rows have come: closes the books of the segment's stages and keeps what its table rules need.</summary>
    public void Complete()
    {
        var stages = _segment.Stages;
        var stoppedBy = stages.Select(s => _segment.Verdicts.Select((v, i) => (v, i)).Where(x => x.v.Stage == s.Id).Sum(x => _stopped[x.i + 1])).ToArray();
        // Rows into an opaque stage are known from the front, rows out of it from the end.
        var opaque = stages.ToList().FindIndex(s => s.Opaque);
        var rows = _read;
        for (var i = 0; i < stages.Count; i++)
        {
            var counts = _resources.Counts.Of(stages[i].CountedAs);
            var later = stoppedBy.Skip(i + 1).Sum();
            var isOpaque = i == opaque;
            counts.Opaque |= isOpaque;
            if (i > 0 || !_secondHalf)
            {
                counts.AddIn(rows);
            }

            rows = i == stages.Count - 1 || isOpaque ? _passed + later : rows - stoppedBy[i];
            if (i < stages.Count - 1 || !_firstHalf)
            {
                counts.AddOut(rows);
            }
        }

        Record(stages);
        _outlet.Complete();
    }

    private void Record(IReadOnlyList<SegmentStage> stages)
    {
        for (var code = 1; code < _stopped.Length; code++)
        {
            var verdict = _segment.Verdicts[code - 1];
            var counts = _resources.Counts.Of(_segment.Stage(verdict.Stage).CountedAs);
            _resources.Counts.AddRule(verdict.Stage, verdict.Rule, _stopped[code]);
            switch (verdict.Fate)
            {
                case Fate.DeadLetter: counts.AddDeadLettered(_stopped[code]); break;
                case Fate.Excluded: counts.AddExcluded(_stopped[code]); break;
                default: counts.AddDeduplicated(_stopped[code]); break;
            }
        }

        for (var bit = 0; bit < _warned.Length; bit++)
        {
            _resources.Counts.AddRule(_segment.Warnings[bit].Stage, _segment.Warnings[bit].Rule, _warned[bit]);
        }

        if (_segment.TableRules.Count > 0)
        {
            _resources.KeepAggregates(_segment, _aggregates);
        }
    }

    // The fail point shows that a wrong count stops a run.
    private void Pass(int rows) => _passed += _resources.FailPoints.Active == "router.miscount" ? rows + 1 : rows;

    // True when every row passed.
    private bool Sort(RecordBatch batch)
    {
        if (_verdictAt < 0)
        {
            return true;
        }

        var verdicts = ((Int32Array)batch.Column(_verdictAt)).Values;
        if (verdicts.IndexOfAnyExcept(0) < 0)
        {
            return true;
        }

        _passing.Clear();
        foreach (var rows in _refused.Values)
        {
            rows.Clear();
        }

        for (var row = 0; row < verdicts.Length; row++)
        {
            if (verdicts[row] == 0)
            {
                _passing.Add(row);
            }
            else
            {
                if (!_refused.TryGetValue(verdicts[row], out var rows))
                {
                    _refused.Add(verdicts[row], rows = []);
                }

                rows.Add(row);
            }
        }

        return false;
    }

    private async ValueTask RefuseAsync(RecordBatch batch, int code, List<int> rows, CancellationToken cancel)
    {
        if (rows.Count == 0)
        {
            return;
        }

        var verdict = _segment.Verdicts[code - 1];
        _stopped[code] += rows.Count;
        if (verdict.Fate == Fate.DeadLetter)
        {
            await _resources.DeadLetters.WriteAsync(verdict, _letters, batch, rows, cancel);
        }

        if (_segment.EmitsDeletions && verdict.Fate != Fate.Deduplicated)
        {
            await _outlet.WriteAsync(Gather(batch, rows, RowSchema.OpDelete), cancel);
        }
    }

    private void CountWarnings(RecordBatch batch)
    {
        if (_warningsAt < 0)
        {
            return;
        }

        foreach (var mask in ((Int64Array)batch.Column(_warningsAt)).Values)
        {
            for (var left = mask; left != 0; left &= left - 1)
            {
                _warned[BitOperations.TrailingZeroCount(left)]++;
            }
        }
    }

    // Every row holds the values; one is enough.
    private void KeepAggregates(RecordBatch batch)
    {
        if (_aggregates is null && batch.Length > 0 && _segment.TableRules.Any(r => r.Aggregates.Count > 0))
        {
            var names = _segment.TableRules.SelectMany(r => r.Aggregates.Values).ToList();
            var first = batch.ColumnCount - names.Count;
            using var builder = new RecordBatchBuilder(new Schema(names.Select((n, i) => new Field(n, batch.Column(first + i).Data.DataType, true)), null), 1);
            for (var i = 0; i < names.Count; i++)
            {
                builder[i].Append(batch.Column(first + i).Data, 0, 1);
            }

            _aggregates = builder.Build();
        }
    }

    private RecordBatch Share(RecordBatch batch)
    {
        var columns = Enumerable.Range(0, _visible).Select(i => BatchStream.ShareColumn(batch, i)).ToList();
        if (OpAdded)
        {
            columns.Add(Constant(RowSchema.OpUpsert, batch.Length));
        }

        return new RecordBatch(_output, columns, batch.Length);
    }

    private RecordBatch Gather(RecordBatch batch, List<int> rows, string op)
    {
        using var builder = new RecordBatchBuilder(_output, rows.Count);
        var opAt = _segment.EmitsDeletions && op == RowSchema.OpDelete ? _output.GetFieldIndex(RowSchema.OpColumn) : OpAdded ? _visible : -1;
        for (var i = 0; i < _output.FieldsList.Count; i++)
        {
            if (i != opAt)
            {
                builder[i].Append(batch.Column(i).Data, System.Runtime.InteropServices.CollectionsMarshal.AsSpan(rows));
                continue;
            }

            for (var row = 0; row < rows.Count; row++)
            {
                builder[i].Append(op.AsSpan());
            }
        }

        return builder.Build();
    }

    private static IArrowArray Constant(string text, int rows)
    {
        using var builder = new RecordBatchBuilder(new Schema([new Field("c", Apache.Arrow.Types.StringType.Default, false)], null), rows);
        for (var i = 0; i < rows; i++)
        {
            builder[0].Append(text.AsSpan());
        }

        using var batch = builder.Build();
        return BatchStream.ShareColumn(batch, 0);
    }
}
