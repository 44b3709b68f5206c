using System.Globalization;
using System.Numerics;
using Apache.Arrow;
using Apache.Arrow.Types;
using CsCheck;
using Etl.Contracts.Arrow;
using Etl.Plugins.Postgres.Copy;
using NUnit.Framework;

namespace Etl.Plugins.Tests.Postgres;

public sealed class CopyCodecTests
{
    private static readonly Gen<(int Scale, Int128 Value)> Decimals = Gen.Select(Gen.Int[0, 38], Gen.Int[1, 38], Gen.ULong, Gen.ULong, Gen.Bool).Select((scale, digits, high, low, negative) =>
    {
        var value = (Int128)(new UInt128(high, low) % CopyFormat.PowersOfTen[digits]);
        return (scale, negative ? -value : value);
    });

    [Test]
    public unsafe void A_decimal_comes_back_from_its_binary_form() => Decimals.Sample(
        d =>
        {
            var bytes = stackalloc byte[CopyNumeric.MaxEncodedBytes];
            var end = CopyNumeric.Encode(bytes, d.Value, d.Scale);
            return end - bytes == 4 + CopyFormat.Int32At(bytes)
                && CopyNumeric.TryDecode(bytes + 4, CopyFormat.Int32At(bytes), 38, d.Scale, out var back) && back == d.Value;
        },
        iter: 100_000);

    [Test]
    public unsafe void A_decimal_with_more_digits_than_declared_is_refused() => Decimals.Sample(
        d =>
        {
            var bytes = stackalloc byte[CopyNumeric.MaxEncodedBytes];
            CopyNumeric.Encode(bytes, d.Value, d.Scale);
            var magnitude = BigInteger.Abs((BigInteger)d.Value);
            for (var scale = Math.Max(0, d.Scale - 5); scale <= Math.Min(38, d.Scale + 5); scale++)
            {
                foreach (var precision in new[] { 1, 5, 18, 19, 38 })
                {
                    var shifted = scale >= d.Scale ? magnitude * BigInteger.Pow(10, scale - d.Scale) : magnitude / BigInteger.Pow(10, d.Scale - scale);
                    var isExact = scale >= d.Scale || magnitude % BigInteger.Pow(10, d.Scale - scale) == 0;
                    var fits = isExact && shifted < BigInteger.Pow(10, precision);
                    var decoded = CopyNumeric.TryDecode(bytes + 4, CopyFormat.Int32At(bytes), precision, scale, out var back);
                    if (decoded != fits || (fits && BigInteger.Abs((BigInteger)back) != shifted))
                    {
                        return false;
                    }
                }
            }

            return true;
        },
        iter: 20_000);

    [Test]
    public async Task The_server_reads_decimals_as_they_were_written()
    {
        await using var db = await TestDatabase.CreateAsync();
        var schema = new Schema([new Field("scale", Int32Type.Default, false), new Field("text", StringType.Default, false), new Field("n", new Decimal128Type(38, 10), false)], null);
        using var builder = new RecordBatchBuilder(schema);
        Decimals.Array[5000].Sample(
            values =>
            {
                foreach (var (scale, value) in values)
                {
                    builder[0].Append(scale);
                    var (quotient, remainder) = BigInteger.DivRem(BigInteger.Abs((BigInteger)value), BigInteger.Pow(10, 10));
                    builder[1].Append(string.Create(CultureInfo.InvariantCulture, $"{(value < 0 ? "-" : "")}{quotient}.{remainder:D10}").AsSpan());
                    builder[2].Append(value);
                }
            },
            iter: 1);
        using var batch = builder.Build();
        await db.RunAsync("CREATE TABLE t (scale int, text text, n numeric)");
        await using var session = await db.OpenAsync();
        await using (var stream = await session.BeginRawBinaryCopyAsync("COPY t FROM STDIN (FORMAT BINARY)"))
        {
            using var encoder = new CopyEncoder(stream);
            encoder.Write(batch);
            encoder.Complete();
        }

        Assert.That(await db.TextAsync("SELECT count(*) FROM t"), Is.EqualTo("5000"));
        Assert.That(await db.TextAsync("SELECT count(*) FROM t WHERE n <> text::numeric OR (n::text <> text AND n <> 0)"), Is.EqualTo("0"));
    }

    [Test]
    public async Task Pieces_of_any_size_decode_to_the_same_rows()
    {
        await using var db = await TestDatabase.CreateAsync();
        await using var session = await db.OpenAsync();
        using var bytes = new MemoryStream();
        await using (var stream = await session.BeginRawBinaryCopyAsync("COPY (SELECT g, repeat('é', g % 50), CASE WHEN g % 3 = 0 THEN ARRAY[g, NULL] END FROM generate_series(1, 200) g) TO STDOUT (FORMAT BINARY)"))
        {
            await stream.CopyToAsync(bytes);
        }

        var schema = new Schema([new Field("i", Int32Type.Default, false), new Field("s", StringType.Default, true), new Field("l", new ListType(Int32Type.Default), true)], null);
        var input = bytes.ToArray();
        Gen.Int[1, 700].Array[1, 40].Sample(
            sizes =>
            {
                using var builder = new RecordBatchBuilder(schema);
                var decoder = new CopyDecoder(builder, 1000, long.MaxValue);
                var (start, end, piece) = (0, 0, 0);
                while (!decoder.Ended)
                {
                    end = Math.Min(input.Length, end + sizes[piece++ % sizes.Length]);
                    start += decoder.Decode(input.AsSpan(start, end - start));
                }

                using var batch = decoder.Take();
                var (numbers, texts, lists) = ((Int32Array)batch.Column(0), (StringArray)batch.Column(1), (ListArray)batch.Column(2));
                return start == input.Length && batch.Length == 200 && numbers.GetValue(199) == 200 && texts.GetString(48).Length == 49 && lists.IsNull(0) && lists.GetValueLength(2) == 2;
            },
            iter: 300);
    }

    [Test]
    public async Task A_million_rows_from_table_to_table_cost_no_object_each()
    {
        await using var db = await TestDatabase.CreateAsync();
        await db.RunAsync("CREATE TABLE s (id int PRIMARY KEY, amount numeric(12,2), note text, at timestamptz NOT NULL, ok boolean); INSERT INTO s SELECT g, g / 100.0, 'note ' || g, now(), true FROM generate_series(1, 1000000) g; CREATE TABLE small AS TABLE s LIMIT 1000");
        var contract = await db.ContractAsync("s");
        await Steps.CopyAsync(db.Table("small"), db.Loader("warm", Etl.Contracts.TableLoadMode.Append), await db.ContractAsync("small"), stage: "warm");
        var before = GC.GetTotalAllocatedBytes(precise: true);
        var result = await Steps.CopyAsync(db.Table("s"), db.Loader("t", Etl.Contracts.TableLoadMode.Append), contract, batchRows: 65_536);
        var bytesPerRow = (GC.GetTotalAllocatedBytes(precise: true) - before) / 1e6;
        Assert.That(result.Inserted, Is.EqualTo(1_000_000));
        Assert.That(bytesPerRow, Is.LessThan(16));
        TestContext.Out.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{bytesPerRow:0.0} bytes per row"));
        Assert.That(await db.TextAsync("SELECT count(*) FROM (TABLE s EXCEPT TABLE t) d"), Is.EqualTo("0"));
    }
}
