using System.Runtime.CompilerServices;
using Apache.Arrow;
using Apache.Arrow.Types;
using Etl.Contracts;
using Etl.Contracts.Arrow;

namespace Etl.SamplePlugin;

/// <summary>Declares a number, its price and its time, and yields what it is told to, which may be something else.</summary>
[Transformer("misdeclared", "Makes a price and a time of each number, and yields them in another way than it declared.")]
public sealed class Misdeclared(MisdeclaredOptions options) : IBatchTransformer
{
    private static readonly Field Number = new("number", Int64Type.Default, false);

    private static readonly Field Price = new("price", new Decimal128Type(10, 2), false);

    private static readonly Field Time = new("at", new TimestampType(TimeUnit.Microsecond, "UTC"), false);

    /// <inheritdoc/>
    public RowSchema DescribeOutput(RowSchema input) => new(new Schema([Number, Price, Time], null));

    /// <inheritdoc/>
    public async IAsyncEnumerable<RecordBatch> TransformAsync(BatchStream input, [EnumeratorCancellation] CancellationToken cancel)
    {
        await foreach (var batch in input.Batches.WithCancellation(cancel))
        {
            using var made = Made(batch.Length, options.Fault);
            int[] order = options.Fault == Misfit.Order ? [1, 0, 2] : options.Fault == Misfit.Count ? [0, 1] : [0, 1, 2];
            // It says of itself what was declared, whatever its arrays are.
            var fields = options.Fault == Misfit.Name ? [Number, new Field("cost", Price.DataType, false), Time] : new[] { Number, Price, Time }.Take(order.Length);
            yield return new RecordBatch(new Schema(fields, null), order.Select(i => i == 0 ? BatchStream.ShareColumn(batch, 0) : BatchStream.ShareColumn(made, i - 1)), batch.Length);
        }
    }

    private static RecordBatch Made(int rows, Misfit fault)
    {
        var price = new Field("price", fault == Misfit.Scale ? new Decimal128Type(10, 4) : Price.DataType, true);
        var time = new Field("at", fault == Misfit.Zone ? new TimestampType(TimeUnit.Microsecond, (string?)null) : Time.DataType, false);
        using var builder = new RecordBatchBuilder(new Schema([price, time], null), rows);
        for (var i = 0; i < rows; i++)
        {
            if (fault == Misfit.NoValue && i == 1)
            {
                builder[0].AppendNull();
            }
            else
            {
                builder[0].Append((Int128)100);
            }

            builder[1].Append(0L);
        }

        return builder.Build();
    }
}

/// <summary>What is not as it was declared.</summary>
public enum Misfit
{
    /// <summary>Nothing.</summary>
    None,

    /// <summary>How many columns there are.</summary>
    Count,

    /// <summary>A column's name.</summary>
    Name,

    /// <summary>The order of the arrays.</summary>
    Order,

    /// <summary>A decimal's scale.</summary>
    Scale,

    /// <summary>Whether a time has a zone.</summary>
    Zone,

    /// <summary>A NULL.</summary>
    NoValue,
}

/// <summary>Options of <see cref="Misdeclared"/>.</summary>
public sealed record MisdeclaredOptions
{
    /// <summary>Which.</summary>
    [Option("What is not as it was declared: none, count, name, order, scale, zone, no_value.")]
    public Misfit Fault { get; init; }
}
