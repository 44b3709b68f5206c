using System.Globalization;
using System.Runtime.CompilerServices;
using System.Text;
using Apache.Arrow;
using Etl.Contracts;
using Etl.Contracts.Arrow;

namespace Etl.Plugins.Sqlite;

/// <summary>One read transaction, which is the snapshot, and its rows as one split: another connection would see another snapshot.</summary>
internal sealed class SqliteExtraction(SqliteSession session, SqliteSource source, ExtractRequest request, Increment? increment, SourcePosition reached, long? rows) : IExtraction
{
    private const long BatchBytes = 16L << 20;
    private readonly CellReader[] _readers = [.. request.Schema.Arrow.FieldsList.Where(f => f.Name != RowSchema.OpColumn).Select(f => new CellReader(f))];
    private long _rowsRead;

    public IReadOnlyList<Split> Splits { get; } = rows == 0 ? [] : [new Split("all", new())];

    public SourcePosition Reached => reached;

    public long? EstimatedRows => rows;

    public IReadOnlyList<string> Warnings { get; set; } = [];

    public async IAsyncEnumerable<RecordBatch> ReadAsync(Split split, [EnumeratorCancellation] CancellationToken cancel)
    {
        // SQLite's calls block: they must not run on the thread that asked for the first batch.
        await Task.Yield();
        using var stop = cancel.Register(session.Interrupt);
        using var statement = source.Select(session, request, increment);
        using var builder = new RecordBatchBuilder(request.Schema.Arrow, request.BatchRows);
        for (var more = true; more;)
        {
            cancel.ThrowIfCancellationRequested();
            more = Fill(statement, builder);
            if (builder.Length > 0)
            {
                yield return builder.Build();
            }
        }
    }

    public ValueTask DisposeAsync()
    {
        session.Dispose();
        return ValueTask.CompletedTask;
    }

    // False at the end of the rows.
    private bool Fill(SqliteStatement row, RecordBatchBuilder batch)
    {
        var columns = batch.Columns;
        var hasOp = columns.Length > _readers.Length;
        while (batch.Length < request.BatchRows)
        {
            if (!row.Step())
            {
                return false;
            }

            _rowsRead++;
            for (var i = 0; i < _readers.Length; i++)
            {
                if (_readers[i].Read(row, i, columns[i]) is { } problem)
                {
                    throw Refused(row, i, problem);
                }
            }

            if (hasOp)
            {
                columns[^1].Append(row.Integer(_readers.Length) != 0 ? "delete"u8 : "upsert"u8);
            }

            if (batch.Length % 16 == 0 && batch.ByteLength >= BatchBytes)
            {
                break;
            }
        }

        return true;
    }

    // Names the row by its key, not by its values: these may be nobody's business.
    private EtlException Refused(SqliteStatement row, int column, string problem)
    {
        var key = request.Contract?.PrimaryKey ?? request.Schema.Key;
        var where = new StringBuilder();
        foreach (var name in key)
        {
            if (request.Schema.Index(name) is >= 0 and var index)
            {
                where.Append(where.Length == 0 ? "" : ", ").Append(name).Append(" = ").Append(row.IsNull(index) ? "NULL" : row.String(index));
            }
        }

        if (where.Length == 0)
        {
            where.Append(CultureInfo.InvariantCulture, $"row {_rowsRead} of the reading");
        }

        return new("ETL4512", $"{source.Name}, {where}: column '{request.Schema.Arrow.FieldsList[column].Name}' {problem}",
            "Correct the row at the source, declare the column as it is (text takes all text), or convert it in a query.");
    }
}
