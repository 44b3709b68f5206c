using Apache.Arrow;
using Apache.Arrow.Types;
using DuckDB.NET.Data;
using Etl.Contracts;
using Etl.Contracts.Arrow;
using Etl.Plugins.DuckDb;

namespace Etl.Plugins.Tests.DuckDb;

/// <summary>A database file of a test, with a stranger's connection to it (plain DuckDB.NET) for what the test looks at.</summary>
internal sealed class DuckDbFile : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("etl-duckdb-").FullName;
    private readonly DuckDBConnection _stranger;

    public DuckDbFile()
    {
        var context = new PluginContext(_folder, _folder, 256 << 20, TimeProvider.System);
        Connection = new DuckDbConnection(new DuckDbConnectionOptions { Path = "test.duckdb" }, context);
        _stranger = new DuckDBConnection($"Data Source={Path.Combine(_folder, "test.duckdb")}");
        _stranger.Open();
    }

    public DuckDbConnection Connection { get; }

    public static RowSchema Orders { get; } = new(
        new Schema([new Field("id", Int64Type.Default, false), new Field("name", StringType.Default, true), new Field("amount", new Decimal128Type(12, 2), true)], null), ["id"]);

    public static RowSchema Changes { get; } = new(new Schema([.. Orders.Arrow.FieldsList, new Field(RowSchema.OpColumn, StringType.Default, false)], null), ["id"]);

    /// <summary>Runs SQL and returns the rows, values joined by '|', rows in order.</summary>
    public string Sql(string sql)
    {
        using var command = _stranger.CreateCommand();
        command.CommandText = sql;
        using var reader = command.ExecuteReader();
        var rows = new List<string>();
        while (reader.Read())
        {
            rows.Add(string.Join('|', Enumerable.Range(0, reader.FieldCount).Select(i => reader.IsDBNull(i) ? "" : Convert.ToString(reader.GetValue(i), System.Globalization.CultureInfo.InvariantCulture))));
        }

        return string.Join('\n', rows);
    }

    public static RecordBatch Batch(RowSchema schema, params (long Id, string? Name, int? Cents, string Op)[] rows)
    {
        using var builder = new RecordBatchBuilder(schema.Arrow);
        foreach (var (id, name, cents, op) in rows)
        {
            builder[0].Append(id);
            if (name is null)
            {
                builder[1].AppendNull();
            }
            else
            {
                builder[1].Append(name.AsSpan());
            }

            if (cents is null)
            {
                builder[2].AppendNull();
            }
            else
            {
                builder[2].Append((Int128)cents.Value);
            }

            if (schema.HasOp)
            {
                builder[3].Append(op.AsSpan());
            }
        }

        return builder.Build();
    }

    public static RecordBatch Batch(params (long Id, string? Name, int? Cents)[] rows) => Batch(Orders, [.. rows.Select(r => (r.Id, r.Name, r.Cents, ""))]);

    /// <summary>As the engine does it: each batch is disposed when the next is asked for.</summary>
    public static async IAsyncEnumerable<RecordBatch> Stream(params RecordBatch[] batches)
    {
        foreach (var batch in batches)
        {
            yield return batch;
            batch.Dispose();
            await Task.Yield();
        }
    }

    public void Dispose()
    {
        _stranger.Dispose();
        Directory.Delete(_folder, recursive: true);
    }
}
