using Etl.Contracts;
using NUnit.Framework;

namespace Etl.Plugins.Tests.Postgres;

public sealed class RoundTripTests
{
    private const string AllTypes =
        """
        CREATE EXTENSION IF NOT EXISTS citext;
        CREATE TYPE mood AS ENUM ('sad', 'it''s "ok"');
        CREATE TYPE pair AS (a int, b text);
        CREATE DOMAIN price AS numeric(12,2) CHECK (VALUE >= 0);
        CREATE TABLE all_types (
          id int PRIMARY KEY, b boolean, i2 smallint, i4 integer, i8 bigint, o oid, f4 real, f8 double precision,
          n122 numeric(12,2), n38 numeric(38,0), n3838 numeric(38,38), nneg numeric(3,-2), nsmall numeric(2,5), nfree numeric, nwide numeric(60,10), m money, dom price,
          t text, v varchar(20), c char(5), nm name, ch "char", ci citext, x xml,
          by bytea, u uuid, d date, ts timestamp, tz timestamptz, tm time, tmz timetz, iv interval,
          j json, jb jsonb, en mood, inet_ inet, cidr_ cidr, mac macaddr, bits bit(3), vbits bit varying(8),
          r int4range, pt point, pr pair, tsv tsvector,
          ai integer[], at text[], an numeric(12,2)[], atz timestamptz[], ab boolean[], au uuid[], aj jsonb[], ad date[], a2 integer[][]);
        INSERT INTO all_types VALUES
          (1, true, 32767, 2147483647, 9223372036854775807, 4294967295, 3.4028235e38, 1.7976931348623157e308,
           9999999999.99, 99999999999999999999999999999999999999, 0.99999999999999999999999999999999999999, 99900, 0.00012, 12345678901234567890123456789012345678901234567890.123, 1234567890123456789012345678901234567890.1234567890, '92233720368547758.07', 1.10,
           'tab	nl
        quote '' " \ 😀', 'v', 'ab', 'nm', 'c', 'MiXed', '<a>1</a>',
           '\x00ff10', '00000000-0000-0000-0000-000000000000', '0001-01-01', '294246-12-31 23:59:59.999999', '2024-03-31 01:30:00.123456+02', '24:00', '12:00+15:59:59', '1 mon 2 days -3.5 seconds',
           '{"b":1, "a":2, "b":3}', '{"b":1e400, "a":[null]}', 'it''s "ok"', '2001:db8::1/64', '10.0.0.0/8', '08:00:2b:01:02:03', B'101', B'10',
           '[1,)', '(1.5,-2)', '(7,"x,y")', 'a:1 b:2',
           '{1,NULL,-3}', '{"",NULL,"a,b","NULL"}', '{1.10,NULL,-99.99}', '{2024-01-01 00:00+00}', '{t,NULL,f}', '{ffffffff-ffff-ffff-ffff-ffffffffffff}', '{"{\"a\": 1}"}', '{0001-01-01,9999-12-31}', '{{1,2},{3,4}}'),
          (2, false, -32768, -2147483648, -9223372036854775808, 0, 'NaN', '-Infinity',
           -0.01, -99999999999999999999999999999999999999, -0.00000000000000000000000000000000000001, -100, -0.00099, 'NaN', -1, '-92233720368547758.08', 0,
           '', '', '', '', '', '', '',
           '', 'ffffffff-ffff-ffff-ffff-ffffffffffff', '5874897-12-31', '4713-01-01 00:00:00 BC', '4713-01-01 00:00:00+00 BC', '00:00', '00:00-15:59:59', '-178000000 years',
           '[]', 'null', 'sad', '10.1.2.3', '::/0', '00:00:00:00:00:00', B'000', B'',
           'empty', '(0,0)', '(,)', '',
           '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}'),
          (3, NULL, 0, 0, 0, 1, -0.0, -0.0, 0.00, 0, 0, 0, 0, 'Infinity', 0, 0, 100000.00, repeat('x', 700000), 'ü', 'ü    ', NULL, NULL, NULL, NULL,
           decode(repeat('00', 600000), 'hex'), NULL, '4713-01-01 BC', '1969-12-31 23:59:59.999999', '1969-12-31 23:59:59.999999+00', '23:59:59.999999', '24:00-00', 'P1Y2M3DT4H5M6.789S',
           NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, ARRAY(SELECT generate_series(1, 3000)), NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
        INSERT INTO all_types (id) VALUES (4);
        INSERT INTO all_types (id, n122, nfree, f8) SELECT g, (g * 7919 % 1000003) / 100.0 - 3000, power(10, g % 30) * (g % 97 - 48), sqrt(g) FROM generate_series(5, 2500) g;
        """;

    // Text does not go into name, "char" or a numeric with a scale, which would cut or round it; an array of two dimensions travels as JSON.
    private const string Copy =
        """
        CREATE TABLE copy (LIKE all_types INCLUDING ALL);
        ALTER TABLE copy ALTER nwide TYPE numeric, ALTER nm TYPE text, ALTER ch TYPE text, ALTER a2 TYPE text;
        """;

    [Test]
    public async Task Every_type_comes_back_as_the_same_text()
    {
        await using var db = await TestDatabase.CreateAsync();
        await db.RunAsync(AllTypes + Copy);
        var result = await Steps.CopyAsync(db.Table("all_types"), db.Loader("copy", TableLoadMode.Upsert, "id"), await db.ContractAsync("all_types"));
        Assert.That(result, Is.EqualTo(new PublishResult(2500, 0, 0, 0)));
        await db.RunAsync("ALTER TABLE all_types ADD a2_json text; UPDATE all_types SET a2_json = to_json(a2)::text; ALTER TABLE all_types DROP a2");
        Assert.That(await db.DifferenceAsync("all_types", "copy"), Is.Zero);
    }

    [Test]
    public async Task A_second_load_of_every_type_finds_nothing_changed()
    {
        await using var db = await TestDatabase.CreateAsync();
        await db.RunAsync(AllTypes + Copy);
        var contract = await db.ContractAsync("all_types");
        await Steps.CopyAsync(db.Table("all_types"), db.Loader("copy", TableLoadMode.Upsert, "id"), contract);
        var result = await Steps.CopyAsync(db.Table("all_types"), db.Loader("copy", TableLoadMode.Upsert, "id"), contract);
        Assert.That(result, Is.EqualTo(new PublishResult(0, 0, 0, 2500)));
    }

    [Test]
    public async Task A_table_that_the_load_makes_holds_the_same_values()
    {
        await using var db = await TestDatabase.CreateAsync();
        await db.RunAsync(
            """
            CREATE TABLE s (id bigint PRIMARY KEY, a numeric(12,2), t text, tz timestamptz, ts timestamp, d date, tm time, b bytea, f double precision, r real, i smallint, ok boolean, l text[], u uuid);
            INSERT INTO s SELECT g, g / 100.0, 'r' || g, '2024-01-01'::timestamptz + g * interval '1 s', '2024-01-01'::timestamp - g * interval '1 us', '2024-01-01'::date + g, '00:00'::time + g * interval '1 s',
              decode(lpad(to_hex(g), 8, '0'), 'hex'), g / 3.0, g / 7.0, g % 100, g % 2 = 0, ARRAY['a' || g, NULL], md5(g::text)::uuid FROM generate_series(1, 3000) g
            """);
        await Steps.CopyAsync(db.Table("s"), db.Loader("made", TableLoadMode.Upsert, "id"), await db.ContractAsync("s"));
        Assert.That(await db.DifferenceAsync("s", "made"), Is.Zero);
        Assert.That(await db.TextAsync("SELECT string_agg(format_type(atttypid, atttypmod), ', ' ORDER BY attnum) FROM pg_attribute WHERE attrelid = 'made'::regclass AND attnum > 0"), Is.EqualTo(
            "bigint, numeric(12,2), text, timestamp with time zone, timestamp without time zone, date, time without time zone, bytea, double precision, real, smallint, boolean, text[], text"));
    }

    [TestCase("d date", "'infinity'", "ETL4464: column 'v' holds infinity, which is no date or time. Exclude such rows in the source, or read it as text (logicalType: string in the contract).")]
    [TestCase("d timestamptz", "'-infinity'", "ETL4464: column 'v' holds infinity, which is no date or time. Exclude such rows in the source, or read it as text (logicalType: string in the contract).")]
    [TestCase("d timestamp", "'294276-12-31'", "ETL4464: column 'v' holds a time after the year 294246, which a timestamp in microseconds cannot hold. Correct the source, or read it as text (logicalType: string in the contract).")]
    [TestCase("d numeric(5,1)", "'NaN'", "ETL4463: column 'v' holds a numeric that does not fit decimal(5,1): NaN, an infinity, or more digits. Read it as text (logicalType: string in the contract), or declare more digits.")]
    [TestCase("d integer[]", "'{{1},{2}}'", "ETL4466: column 'v' holds an array of 2 dimensions or with a lower bound that is not 1. A list keeps neither. Read the column as text (logicalType: string in the contract): it then comes as JSON.")]
    [TestCase("d integer[]", "'[0:1]={1,2}'", "ETL4466: column 'v' holds an array of 1 dimensions or with a lower bound that is not 1. A list keeps neither. Read the column as text (logicalType: string in the contract): it then comes as JSON.")]
    public async Task A_value_without_an_Arrow_form_stops_the_run_and_names_the_column(string column, string value, string told)
    {
        await using var db = await TestDatabase.CreateAsync();
        await db.RunAsync($"CREATE TABLE s (id int PRIMARY KEY, v {column[2..]}); INSERT INTO s VALUES (1, {value})");
        var contract = await db.ContractAsync("s");
        await using var extraction = await db.Table("s").OpenAsync(contract);
        Assert.That(await WholeText.OfAsync(() => extraction.CountAsync()), Is.EqualTo(told));
    }
}
