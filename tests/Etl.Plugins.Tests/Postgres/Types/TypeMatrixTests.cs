using System.Globalization;
using System.Text;
using Apache.Arrow;
using Apache.Arrow.Types;
using Etl.Contracts;
using Etl.Plugins.DuckDb;
using Etl.Plugins.Lake;
using Etl.Plugins.Sqlite;
using Etl.Plugins.Tests.DuckDb;
using Etl.Plugins.Tests.Lake;
using NUnit.Framework;

namespace Etl.Plugins.Tests.Postgres.Types;

/// <summary>
/// Each value of each type from PostgreSQL into each target and back as text in SQL. A value arrives exactly, or with a code that says why it does not; never otherwise. One is
/// <c>equal</c> where the target keeps a number that compares as equal and has no other: SQLite's zero has no sign.
/// What becomes of each is kept in <c>tests/golden/types.txt</c>, so that a change is seen.
/// </summary>
[FixtureLifeCycle(LifeCycle.SingleInstance)]
public sealed class TypeMatrixTests
{
    private const string Exact = "exact";
    private const string Equal = "equal";

    [Test]
    public async Task Every_value_arrives_exactly_or_is_refused_with_a_code()
    {
        await using var db = await TestDatabase.CreateAsync();
        using var targets = new Targets(db);
        await db.RunAsync(TypeCases.Setup + string.Concat(TypeCases.All.Select((c, i) => $"CREATE TABLE c{i} (id int PRIMARY KEY, v {c.Type}); INSERT INTO c{i} VALUES (1, {c.Value});")));
        var text = new StringBuilder();
        text.AppendLine("What becomes of a value of PostgreSQL in a table of the same type, in one that the load makes, in DuckDB, in SQLite, and in Parquet as two other readers see it.");
        foreach (var (c, i) in TypeCases.All.Select((c, i) => (c, i)))
        {
            var cells = await CellsAsync(db, targets, i);
            text.AppendLine(CultureInfo.InvariantCulture, $"{c.Type,-17} {Short(c.Value),-36} {(cells.Distinct().Count() == 1 ? cells[0] : string.Join(", ", cells.Select((o, t) => $"{Targets.Names[t]} {o}")))}");
        }

        Assert.That(text.ToString(), Does.Not.Contain("SILENT").And.Not.Contain("without a code"));
        Golden.Check("types.txt", text.ToString());
    }

    private static string Short(string value) => value.Length <= 36 ? value : value[..35] + "…";

    private static async Task<List<string>> CellsAsync(TestDatabase db, Targets targets, int number)
    {
        var contract = await db.ContractAsync($"c{number}");
        RecordBatch batch;
        try
        {
            var extractor = db.Table($"c{number}");
            await using var extraction = await extractor.OpenAsync(contract);
            batch = await extraction.ReadAsync(extraction.Splits[0], CancellationToken.None).FirstAsync();
        }
        catch (EtlException e)
        {
            return [$"{e.Code} when it is read"];
        }

        using (batch)
        {
            var cells = new List<string>();
            foreach (var arrives in targets.All)
            {
                try
                {
                    cells.Add(await arrives(number, contract.Schema, batch) ?? Exact);
                }
                catch (EtlException e)
                {
                    cells.Add(e.Code);
                }
                catch (Exception e) when (e is not AssertionException)
                {
                    cells.Add($"without a code: {e.GetType().Name} {e.Message}");
                }
            }

            return cells;
        }
    }

    /// <summary>The targets; each gives null when the value is in it as it was, and else what is there.</summary>
    private sealed class Targets(TestDatabase db) : IDisposable
    {
        private readonly DuckDbFile _duck = new();
        private readonly SqliteFolder _sqlite = new();
        private readonly LocalFolderStore _lake = new(Directory.CreateTempSubdirectory("etl-types-").FullName);

        public static string[] Names { get; } = ["same", "made", "DuckDB", "SQLite", "Parquet"];

        public IReadOnlyList<Func<int, RowSchema, RecordBatch, Task<string?>>> All => [SameAsync, MadeAsync, DuckAsync, SqliteAsync, ParquetAsync];

        public void Dispose()
        {
            _duck.Dispose();
            _sqlite.Dispose();
            Directory.Delete(_lake.Folder, recursive: true);
        }

        private async Task<string?> SameAsync(int number, RowSchema schema, RecordBatch batch)
        {
            await db.RunAsync($"CREATE TABLE same{number} (LIKE c{number})");
            return await PostgresAsync($"same{number}", Case(number).Form, number, schema, batch);
        }

        private Task<string?> MadeAsync(int number, RowSchema schema, RecordBatch batch) => PostgresAsync($"made{number}", "v", number, schema, batch);

        private async Task<string?> PostgresAsync(string table, string form, int number, RowSchema schema, RecordBatch batch)
        {
            await LoadAsync(table, db.Loader(table, TableLoadMode.Append), schema, batch);
            // Of the whole row, which shows each column by its type's own output; a cast of char(n) would cut its padding.
            return Difference(await db.TextAsync($"SELECT ROW({Case(number).Form})::text FROM c{number}"), await db.TextAsync($"SELECT ROW({form})::text FROM {table}"));
        }

        private async Task<string?> DuckAsync(int number, RowSchema schema, RecordBatch batch)
        {
            await LoadAsync($"d{number}", new DuckDbTableLoader(new DuckDbTableLoadOptions { Table = $"d{number}", Mode = TableLoadMode.Append }, _duck.Connection), schema, batch);
            return await InDuckAsync(number, schema, _duck.Sql($"SELECT coalesce({ValueText.Duck(Type(schema))}, '∅') FROM d{number}"));
        }

        private async Task<string?> SqliteAsync(int number, RowSchema schema, RecordBatch batch)
        {
            await LoadAsync($"t{number}", new SqliteTableLoader(new SqliteTableLoadOptions { Table = $"t{number}", Mode = TableLoadMode.Append }, _sqlite.Database()), schema, batch);
            var found = _sqlite.Query($"SELECT {ValueText.Sqlite(Type(schema))} FROM t{number}").Single()[0];
            var expected = await db.TextAsync($"SELECT CASE WHEN v IS NOT NULL THEN {ValueText.PostgresForSqlite(Type(schema))} END FROM {Source(number)}");
            return Difference(ValueText.Same(Type(schema), expected), ValueText.Same(Type(schema), found));
        }

        private async Task<string?> ParquetAsync(int number, RowSchema schema, RecordBatch batch)
        {
            var context = new PluginContext(_lake.Folder, _lake.Folder, 1L << 28, TimeProvider.System);
            await LoadAsync($"t{number}", new ParquetLoader(new ParquetLoaderOptions { Path = $"t{number}/", Mode = LoadMode.Append }, _lake, context), schema, batch);
            var file = Directory.GetFiles(Path.Combine(_lake.Folder, $"t{number}"), "*.parquet").Single();
            var sql = Duck.Rows($"SELECT coalesce({ValueText.Duck(Type(schema))}, '∅') FROM read_parquet('{file}')").Single();
            return await InDuckAsync(number, schema, sql) ?? InArrow(file, batch);
        }

        // The reader of Apache's C++ library.
        private static string? InArrow(string file, RecordBatch batch)
        {
            using var reader = new ParquetSharp.Arrow.FileReader(file);
            using var batches = reader.GetRecordBatchReader();
            using var found = batches.ReadNextRecordBatchAsync().AsTask().GetAwaiter().GetResult();
            return Difference(ValueText.Arrow(batch.Column(1), 0), ValueText.Arrow(found.Column("v"), 0));
        }

        private async Task<string?> InDuckAsync(int number, RowSchema schema, string found)
        {
            var expected = await db.TextAsync($"SELECT CASE WHEN v IS NOT NULL THEN {ValueText.Postgres(Type(schema))} END FROM {Source(number)}");
            return Difference(ValueText.Same(Type(schema), expected), ValueText.Same(Type(schema), found == "∅" ? null : found));
        }

        private static TypeCase Case(int number) => TypeCases.All[number];

        private static string Source(int number) => $"(SELECT {Case(number).Form} AS v FROM c{number}) AS source";

        private static IArrowType Type(RowSchema schema) => schema.Require("v").DataType;

        private static string? Difference(string? expected, string? found) =>
            expected == found ? null : (expected, found) is ("-0", "0") ? Equal : $"SILENT: {found ?? "NULL"} for {expected ?? "NULL"}";

        private static async Task LoadAsync(string stage, ILoader loader, RowSchema schema, RecordBatch batch)
        {
            loader.Describe(schema);
            var request = Steps.Request(schema, stage: stage);
            await using var session = await loader.OpenAsync(request, CancellationToken.None);
            await session.StageAsync(TypedRows.Stream(batch), CancellationToken.None);
            await session.PublishAsync(Steps.Next(session, request), CancellationToken.None);
        }
    }
}
