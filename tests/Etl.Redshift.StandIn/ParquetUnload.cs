using System.Globalization;
using System.Text.Json.Nodes;
using Apache.Arrow;
using Apache.Arrow.Types;
using ParquetSharp.Arrow;

namespace Etl.Redshift.StandIn;

/// <summary>Executes UNLOAD ... FORMAT PARQUET: one file for each of two slices, and the manifest last.</summary>
internal sealed class ParquetUnload(StandInOptions options, Upstream upstream)
{
    /// <summary>Runs it in the session's transaction, or in one of its own.</summary>
    public async Task RunAsync(UnloadCommand unload, CancellationToken cancel)
    {
        ParquetCopy.Authorize(options, unload.Authorization);
        if (!unload.Overwrites && await options.Buckets.AnyAsync(unload.Bucket, unload.Prefix))
        {
            throw new RefusedException($"Specified unload destination on S3 is not empty. Consider using a different bucket / prefix, manually removing the target files in S3, or using the ALLOWOVERWRITE option.", "XX000");
        }

        var name = $"\"unload_{Guid.NewGuid():N}\"";
        await upstream.RunAsync($"CREATE TEMPORARY VIEW {name} AS {unload.Query}", cancel);
        var (columns, _) = await upstream.RunAsync($"SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = 'pg_temp.{name}'::regclass AND attnum > 0 ORDER BY attnum", cancel);
        var lines = await upstream.CopyOutAsync($"COPY (SELECT * FROM pg_temp.{name}) TO STDOUT", cancel);
        await upstream.RunAsync($"DROP VIEW pg_temp.{name}", cancel);
        var schema = new Schema([.. columns.Select(c => new Field(c[0]!, Type(c[0]!, c[1]!), true))], null);
        var entries = new JsonArray();
        var slices = unload.IsParallel ? 2 : 1;
        for (var slice = 0; slice < slices; slice++)
        {
            var rows = lines.Where((_, i) => i % slices == slice).Select(l => l.Split('\t')).ToList();
            if (rows.Count == 0)
            {
                continue;
            }

            var content = Write(schema, rows);
            var key = FormattableString.Invariant($"{unload.Prefix}{slice:d4}_part_00.parquet");
            await options.Buckets.PutAsync(unload.Bucket, key, content);
            var meta = new JsonObject { ["content_length"] = content.Length };
            if (unload.IsVerbose)
            {
                meta["record_count"] = rows.Count;
            }

            entries.Add(new JsonObject { ["url"] = $"s3://{unload.Bucket}/{key}", ["meta"] = meta });
        }

        await upstream.RunAsync(FormattableString.Invariant($"SELECT set_config('redshift.unloaded', '{lines.Count}', false)"), cancel);
        if (unload.WritesManifest)
        {
            await options.Buckets.PutAsync(unload.Bucket, unload.Prefix + "manifest", System.Text.Encoding.UTF8.GetBytes(new JsonObject { ["entries"] = entries }.ToJsonString()));
        }
    }

    private static IArrowType Type(string name, string type) => type switch
    {
        "smallint" => Int16Type.Default,
        "integer" => Int32Type.Default,
        "bigint" => Int64Type.Default,
        "real" => FloatType.Default,
        "double precision" => DoubleType.Default,
        "boolean" => BooleanType.Default,
        "date" => Date32Type.Default,
        "timestamp without time zone" => new TimestampType(TimeUnit.Microsecond, (string?)null),
        "timestamp with time zone" => new TimestampType(TimeUnit.Microsecond, "UTC"),
        _ when type.StartsWith("numeric(", StringComparison.Ordinal) && type[8..^1].Split(',') is [var p, var s] => new Decimal128Type(int.Parse(p, CultureInfo.InvariantCulture), int.Parse(s, CultureInfo.InvariantCulture)),
        _ when type.StartsWith("character", StringComparison.Ordinal) || type == "text" => StringType.Default,
        _ => throw new RefusedException($"UNLOAD to PARQUET does not support column \"{name}\" of type {type}"),
    };

    private static byte[] Write(Schema schema, List<string[]> rows)
    {
        using var output = new MemoryStream();
        using (var writer = new FileWriter(output, schema, leaveOpen: true))
        {
            using var batch = new RecordBatch(schema, schema.FieldsList.Select((f, c) => Column(f.DataType, [.. rows.Select(r => r[c] == "\\N" ? null : Unescaped(r[c]))])), rows.Count);
            writer.WriteRecordBatch(batch);
            writer.Close();
        }

        return output.ToArray();
    }

    private static IArrowArray Column(IArrowType type, List<string?> values)
    {
        var invariant = CultureInfo.InvariantCulture;
        switch (type)
        {
            case Int16Type:
                var int16 = new Int16Array.Builder();
                Each(values, () => int16.AppendNull(), v => int16.Append(short.Parse(v, invariant)));
                return int16.Build();
            case Int32Type:
                var int32 = new Int32Array.Builder();
                Each(values, () => int32.AppendNull(), v => int32.Append(int.Parse(v, invariant)));
                return int32.Build();
            case Int64Type:
                var int64 = new Int64Array.Builder();
                Each(values, () => int64.AppendNull(), v => int64.Append(long.Parse(v, invariant)));
                return int64.Build();
            case FloatType:
                var single = new FloatArray.Builder();
                Each(values, () => single.AppendNull(), v => single.Append(float.Parse(v, invariant)));
                return single.Build();
            case DoubleType:
                var @double = new DoubleArray.Builder();
                Each(values, () => @double.AppendNull(), v => @double.Append(double.Parse(v, invariant)));
                return @double.Build();
            case BooleanType:
                var boolean = new BooleanArray.Builder();
                Each(values, () => boolean.AppendNull(), v => boolean.Append(v == "t"));
                return boolean.Build();
            case Date32Type:
                var date = new Date32Array.Builder();
                Each(values, () => date.AppendNull(), v => date.Append(DateOnly.ParseExact(v, "yyyy-MM-dd", invariant).ToDateTime(default)));
                return date.Build();
            case TimestampType timestamp:
                var time = new TimestampArray.Builder(timestamp);
                Each(values, () => time.AppendNull(), v => time.Append(DateTimeOffset.Parse(v, invariant, DateTimeStyles.AssumeUniversal)));
                return time.Build();
            case Decimal128Type d:
                var @decimal = new Decimal128Array.Builder(d);
                Each(values, () => @decimal.AppendNull(), v => @decimal.Append(v));
                return @decimal.Build();
            default:
                var text = new StringArray.Builder();
                Each(values, () => text.AppendNull(), v => text.Append(v));
                return text.Build();
        }
    }

    private static void Each(List<string?> values, Action appendNull, Action<string> append)
    {
        foreach (var value in values)
        {
            if (value is null)
            {
                appendNull();
            }
            else
            {
                append(value);
            }
        }
    }

    private static string Unescaped(string value)
    {
        var text = new System.Text.StringBuilder();
        for (var i = 0; i < value.Length; i++)
        {
            text.Append(value[i] != '\\' ? value[i] : value[++i] switch { 't' => '\t', 'n' => '\n', 'r' => '\r', 'b' => '\b', 'f' => '\f', 'v' => '\v', var c => c });
        }

        return text.ToString();
    }
}
