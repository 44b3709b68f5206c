using System.Runtime.CompilerServices;
using System.Text.Json.Nodes;
using Apache.Arrow;
using Apache.Arrow.Types;
using Etl.Contracts;
using Etl.Contracts.Arrow;

namespace Etl.SamplePlugin;

/// <summary>Gives one batch and then fails in the way that it is told to, as plugins do.</summary>
[Extractor("unsound", "Gives a hundred numbers and then fails: throws, hangs, or takes the process with it.")]
public sealed class Unsound(UnsoundOptions options) : IExtractor
{
    private const string Kind = "sample.unsound/1";

    /// <inheritdoc/>
    public ExtractorCapabilities Capabilities { get; } = new(Kind, Incremental: false, "none", "unsound");

    /// <inheritdoc/>
    public RowSchema DescribeOutput(DataContract? contract) => new(new Schema([new Field("number", Int64Type.Default, false)], null), ["number"]);

    /// <inheritdoc/>
    public ValueTask<IExtraction> OpenAsync(ExtractRequest request, CancellationToken cancel) => ValueTask.FromResult<IExtraction>(new Extraction(options.Fault, request));

    private sealed class Extraction(Fault fault, ExtractRequest request) : IExtraction
    {
        public IReadOnlyList<Split> Splits { get; } = [new Split("all", [])];

        public SourcePosition Reached { get; } = new(Kind, "unsound", new JsonObject());

        public long? EstimatedRows => null;

        public async IAsyncEnumerable<RecordBatch> ReadAsync(Split split, [EnumeratorCancellation] CancellationToken cancel)
        {
            using (var builder = new RecordBatchBuilder(request.Schema.Arrow, 100))
            {
                for (var number = 0L; number < 100; number++)
                {
                    builder[0].Append(number);
                }

                yield return builder.Build();
            }

            await Task.Yield();
            if (fault == Fault.OtherColumns)
            {
                using var builder = new RecordBatchBuilder(new Schema([new Field("count", Int64Type.Default, false)], null), 1);
                builder[0].Append(1L);
                yield return builder.Build();
            }

            switch (fault)
            {
                case Fault.Throw: throw new InvalidOperationException("the plugin threw");
                case Fault.Exit: Environment.Exit(0); break;
                case Fault.FailFast: Environment.FailFast("the plugin gave up"); break;
                case Fault.StackOverflow: Dive(1); break;
                case Fault.Block: Thread.Sleep(Timeout.Infinite); break;
                case Fault.NeverEnd: await Task.Delay(Timeout.Infinite, CancellationToken.None); break;
            }
        }

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;

        private static int Dive(int depth) => depth <= 0 ? 0 : Dive(depth + 1) + depth;
    }
}

/// <summary>How a plugin fails.</summary>
public enum Fault
{
    /// <summary>Not at all.</summary>
    None,

    /// <summary>An exception that it does not catch.</summary>
    Throw,

    /// <summary>The process ends, as if all were well.</summary>
    Exit,

    /// <summary>The process ends at once.</summary>
    FailFast,

    /// <summary>The process ends, and nothing can catch it.</summary>
    StackOverflow,

    /// <summary>Its thread does not come back, whoever asks.</summary>
    Block,

    /// <summary>It waits for what never happens, and hears no cancellation.</summary>
    NeverEnd,

    /// <summary>A batch with other columns than it declared.</summary>
    OtherColumns,
}

/// <summary>Options of <see cref="Unsound"/>.</summary>
public sealed record UnsoundOptions
{
    /// <summary>Which.</summary>
    [Option("How it fails: none, throw, exit, fail_fast, stack_overflow, block, never_end, other_columns.")]
    public Fault Fault { get; init; }
}
