using System.Globalization;
using System.Text;
using Apache.Arrow;
using Apache.Arrow.Types;
using ParquetSharp.Arrow;

namespace Etl.Redshift.StandIn;

/// <summary>Executes COPY ... FORMAT PARQUET: columns by position, of the same number and kind; all files or none.</summary>
internal sealed class ParquetCopy(StandInOptions options, Upstream upstream)
{
    /// <summary>Runs it in the session's transaction, or in one of its own.</summary>
    public async Task RunAsync(CopyCommand copy, CancellationToken cancel)
    {
        Authorize(options, copy.Authorization);
        var columns = await ColumnsAsync(copy, cancel);
        var rows = new List<string>();
        foreach (var (url, content) in await copy.FilesAsync(options.Buckets))
        {
            await ReadAsync(url, content, columns, rows, cancel);
        }

        var names = string.Join(", ", columns.Select(c => $"\"{c.Name}\""));
        await upstream.Wire.WriteAsync(Message.Of('Q', $"COPY {copy.Table} ({names}) FROM STDIN"), cancel);
        await upstream.Wire.FlushAsync(cancel);
        await upstream.AnswerAsync(cancel);
        foreach (var row in rows)
        {
            await upstream.Wire.WriteAsync(new Message('d', Encoding.UTF8.GetBytes(row)), cancel);
        }

        await upstream.Wire.WriteAsync(new Message('c', []), cancel);
        await upstream.Wire.FlushAsync(cancel);
        await upstream.AnswerAsync(cancel);
        await upstream.RunAsync(FormattableString.Invariant($"SELECT set_config('redshift.copied', '{rows.Count}', false)"), cancel);
    }

    /// <summary>Refuses a role or keys that may not use the buckets.</summary>
    public static void Authorize(StandInOptions options, Authorization given)
    {
        var may = given.Role is not null ? given.Role == options.Role : (given.AccessKey, given.SecretKey) == options.Keys;
        if (!may)
        {
            throw new RefusedException("S3ServiceException: Access Denied, Status 403, Error AccessDenied", "XX000");
        }
    }

    private async Task<List<(string Name, string Type)>> ColumnsAsync(CopyCommand copy, CancellationToken cancel)
    {
        var literal = copy.Table.Replace("'", "''", StringComparison.Ordinal);
        var (rows, _) = await upstream.RunAsync($"SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = '{literal}'::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attnum", cancel);
        var all = rows.Select(r => (Name: r[0]!, Type: r[1]!)).ToList();
        return copy.Columns is null ? all : [.. copy.Columns.Select(c => all.FirstOrDefault(a => a.Name == c) is { Name: not null } found
            ? found
            : throw new RefusedException($"column \"{c}\" of relation \"{copy.TableName}\" does not exist", "42703"))];
    }

    private static async Task ReadAsync(string url, byte[] content, List<(string Name, string Type)> columns, List<string> rows, CancellationToken cancel)
    {
        using var file = new FileReader(new MemoryStream(content));
        var fields = file.Schema.FieldsList;
        if (fields.Count != columns.Count)
        {
            throw new RefusedException($"Spectrum Scan Error: Number of columns in parquet file does not match the number of columns in the table: {fields.Count} and {columns.Count}, {url}", "XX000");
        }

        for (var i = 0; i < fields.Count; i++)
        {
            if (!Fits(fields[i].DataType, columns[i].Type))
            {
                throw new RefusedException($"Spectrum Scan Error: File '{url}' has an incompatible Parquet schema for column '{columns[i].Name}'. Column type: {columns[i].Type}, Parquet schema: {fields[i].DataType.Name}", "XX000");
            }
        }

        using var batches = file.GetRecordBatchReader();
        while (await batches.ReadNextRecordBatchAsync(cancel) is { } batch)
        {
            using (batch)
            {
                for (var row = 0; row < batch.Length; row++)
                {
                    rows.Add(string.Join('\t', Enumerable.Range(0, columns.Count).Select(c => Escaped(Text(batch.Column(c), row)))) + "\n");
                }
            }
        }
    }

    private static bool Fits(IArrowType file, string column) => column switch
    {
        "smallint" => file is Int8Type or Int16Type,
        "integer" => file is Int32Type,
        "bigint" => file is Int64Type,
        "real" => file is FloatType,
        "double precision" => file is DoubleType,
        "boolean" => file is BooleanType,
        "date" => file is Date32Type,
        "timestamp without time zone" => file is TimestampType,
        "timestamp with time zone" => file is TimestampType { Timezone.Length: > 0 },
        _ when column.StartsWith("numeric(", StringComparison.Ordinal) => file is Decimal128Type d && column == FormattableString.Invariant($"numeric({d.Precision},{d.Scale})"),
        _ => column.StartsWith("character", StringComparison.Ordinal) && file is StringType,
    };

    private static string? Text(IArrowArray array, int row) => array.IsNull(row) ? null : array switch
    {
        BooleanArray a => a.GetValue(row)!.Value ? "t" : "f",
        Int8Array a => a.GetValue(row)!.Value.ToString(CultureInfo.InvariantCulture),
        Int16Array a => a.GetValue(row)!.Value.ToString(CultureInfo.InvariantCulture),
        Int32Array a => a.GetValue(row)!.Value.ToString(CultureInfo.InvariantCulture),
        Int64Array a => a.GetValue(row)!.Value.ToString(CultureInfo.InvariantCulture),
        FloatArray a => a.GetValue(row)!.Value.ToString("R", CultureInfo.InvariantCulture),
        DoubleArray a => a.GetValue(row)!.Value.ToString("R", CultureInfo.InvariantCulture),
        Decimal128Array a => a.GetString(row),
        StringArray a => a.GetString(row),
        Date32Array a => a.GetDateOnly(row)!.Value.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture),
        TimestampArray a => DateTime.UnixEpoch.AddTicks(Microseconds(a, row) * 10).ToString("yyyy-MM-dd HH:mm:ss.ffffff", CultureInfo.InvariantCulture),
        _ => throw new RefusedException($"Parquet columns of type {array.Data.DataType.Name} are not known to this stand-in"),
    };

    private static long Microseconds(TimestampArray array, int row) => ((TimestampType)array.Data.DataType).Unit switch
    {
        TimeUnit.Microsecond => array.GetValue(row)!.Value,
        TimeUnit.Millisecond => array.GetValue(row)!.Value * 1000,
        TimeUnit.Nanosecond => array.GetValue(row)!.Value / 1000,
        _ => array.GetValue(row)!.Value * 1_000_000,
    };

    private static string Escaped(string? value) => value is null ? "\\N" : value
        .Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\t", "\\t", StringComparison.Ordinal).Replace("\n", "\\n", StringComparison.Ordinal).Replace("\r", "\\r", StringComparison.Ordinal);
}
