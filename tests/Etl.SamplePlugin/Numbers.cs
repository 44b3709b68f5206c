using System.Globalization;
using System.Runtime.CompilerServices;
using System.Text.Json.Nodes;
using Apache.Arrow;
using Apache.Arrow.Types;
using Etl.Contracts;
using Etl.Contracts.Arrow;

namespace Etl.SamplePlugin;

/// <summary>The whole numbers below a limit, in as many splits as are read at a time.</summary>
[Extractor("numbers", "Makes the whole numbers from 0 to a limit, which is not one of them.")]
public sealed class Numbers(NumbersOptions options) : IExtractor
{
    private const string Kind = "sample.numbers/1";

    /// <inheritdoc/>
    public ExtractorCapabilities Capabilities { get; } = new(Kind, Incremental: false, "exact", options.Count.ToString(CultureInfo.InvariantCulture));

    /// <inheritdoc/>
    public RowSchema DescribeOutput(DataContract? contract) => new(new Schema([new Field("number", Int64Type.Default, false)], null), ["number"]);

    /// <inheritdoc/>
    public ValueTask<IExtraction> OpenAsync(ExtractRequest request, CancellationToken cancel)
    {
        var each = (options.Count + request.Parallelism - 1) / request.Parallelism;
        var splits = Enumerable.Range(0, request.Parallelism).Select(i => (From: i * each, Below: Math.Min(options.Count, (i + 1) * each))).Where(s => s.From < s.Below)
            .Select(s => new Split($"from-{s.From}", new JsonObject { ["from"] = s.From, ["below"] = s.Below }));
        return ValueTask.FromResult<IExtraction>(new Extraction([.. splits], options.Count, request));
    }

    private sealed class Extraction(IReadOnlyList<Split> splits, long count, ExtractRequest request) : IExtraction
    {
        public IReadOnlyList<Split> Splits => splits;

        public SourcePosition Reached { get; } = new(Kind, "numbers", new JsonObject { ["below"] = count });

        public long? EstimatedRows => count;

        public async IAsyncEnumerable<RecordBatch> ReadAsync(Split split, [EnumeratorCancellation] CancellationToken cancel)
        {
            var (next, below) = (split.Spec["from"]!.GetValue<long>(), split.Spec["below"]!.GetValue<long>());
            while (next < below)
            {
                cancel.ThrowIfCancellationRequested();
                using var builder = new RecordBatchBuilder(request.Schema.Arrow, request.BatchRows);
                for (var rows = 0; rows < request.BatchRows && next < below; rows++)
                {
                    builder[0].Append(next++);
                }

                yield return builder.Build();
                await Task.Yield();
            }
        }

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }
}

/// <summary>Options of <see cref="Numbers"/>.</summary>
public sealed record NumbersOptions
{
    /// <summary>How many.</summary>
    [Option("How many numbers.", Example = "1000", Min = 0)]
    public required long Count { get; init; }
}
