using Apache.Arrow;
using Apache.Arrow.Types;
using Etl.Contracts;
using Etl.Contracts.Arrow;

namespace Etl.Plugins.Tests.Redshift;

/// <summary>An order as the tests of this folder load it.</summary>
internal sealed record Order(long? Id, string? Status = "new", string? Note = null, bool IsDeleted = false)
{
    private static readonly DateTime Made = new(2026, 3, 1, 10, 30, 0, DateTimeKind.Utc);

    /// <summary>Of orders without deletions.</summary>
    public static RowSchema Schema { get; } = new(
        new Schema(
            [
                new Field("id", Int64Type.Default, false),
                new Field("status", StringType.Default, true),
                new Field("note", StringType.Default, true),
                new Field("amount", new Decimal128Type(12, 2), true),
                new Field("rank", Int8Type.Default, true),
                new Field("made_at", new TimestampType(TimeUnit.Microsecond, "UTC"), true),
                new Field("day", Date32Type.Default, true),
                new Field("paid", BooleanType.Default, true),
                new Field("weight", DoubleType.Default, true),
            ],
            null),
        ["id"]);

    /// <summary>Of orders with deletions.</summary>
    public static RowSchema Changes { get; } = Schema with { Arrow = new Schema([.. Schema.Arrow.FieldsList, new Field(RowSchema.OpColumn, StringType.Default, false)], null) };

    /// <summary>Orders as one batch, which is disposed after it was read.</summary>
    public static async IAsyncEnumerable<RecordBatch> Batch(RowSchema schema, params Order[] orders)
    {
        using var rows = new RecordBatchBuilder(schema.Arrow);
        foreach (var order in orders)
        {
            rows[0].Append(order.Id!.Value);
            Text(rows[1], order.Status);
            Text(rows[2], order.Note);
            rows[3].Append((Int128)(order.Id.Value * 100 + 5));
            rows[4].AppendInteger((int)(order.Id.Value % 100));
            rows[5].Append((Made - DateTime.UnixEpoch).Ticks / 10 + order.Id.Value);
            rows[6].Append(20000 + (int)(order.Id.Value % 7));
            rows[7].Append(order.Id.Value % 2 == 0);
            rows[8].Append(order.Id.Value / 4.0);
            if (schema.HasOp)
            {
                Text(rows[9], order.IsDeleted ? RowSchema.OpDelete : RowSchema.OpUpsert);
            }
        }

        using var batch = rows.Build();
        await Task.CompletedTask;
        yield return batch;
    }

    private static void Text(ColumnBuilder column, string? value)
    {
        if (value is null)
        {
            column.AppendNull();
        }
        else
        {
            column.Append(System.Text.Encoding.UTF8.GetBytes(value));
        }
    }
}
