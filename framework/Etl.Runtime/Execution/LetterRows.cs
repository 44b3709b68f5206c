using System.Globalization;
using System.Security.Cryptography;
using System.Text.Json.Nodes;
using Etl.Contracts;
using Etl.DuckDb;
using Etl.Runtime.Compilation;
using Etl.Runtime.Definition;

namespace Etl.Runtime.Execution;

/// <summary>
/// The selected rows of some files of dead letters, by the keys that they hold. Files are copied to a folder first, and must be those that were
/// committed. A key is of the newest file that has it: an older letter of it is superseded.
/// </summary>
internal sealed class LetterRows : IDisposable
{
    /// <summary>Keys given at a time.</summary>
    public const int ChunkRows = 4096;

    private readonly string _folder;
    private readonly DuckDatabase _database;
    private readonly DuckConnection _connection;
    private readonly Lock _lock = new();
    private readonly int _width;

    private LetterRows(string folder, int width)
    {
        _folder = folder;
        _width = width;
        _database = DuckDatabase.Open(null, new DuckSettings { Threads = 1, TempDirectory = Path.Combine(folder, "spill"), AllowedDirectories = [folder] });
        _connection = _database.Connect();
    }

    /// <summary>Selected rows, by file.</summary>
    public IReadOnlyList<long> Rows { get; private set; } = [];

    /// <summary>Keys that this file is the newest to hold, by file.</summary>
    public IReadOnlyList<long> Keys { get; private set; } = [];

    /// <summary>A split for each file of which there is something to read; <paramref name="counts"/> are by file.</summary>
    public static IReadOnlyList<Split> Splits(IReadOnlyList<long> counts) =>
        [.. Enumerable.Range(0, counts.Count).Where(i => counts[i] > 0).Select(i => new Split(i.ToString("d6", CultureInfo.InvariantCulture), new JsonObject { ["file"] = i }))];

    /// <summary>The file that a split is of.</summary>
    public static int FileOf(Split split) => split.Spec["file"]!.GetValue<int>();

    /// <summary>Reads the files, the oldest first. ETL4226: a file lacks a column of the key, or has no value in it.</summary>
    /// <param name="pipeline">Knows the connections.</param>
    /// <param name="files">The files.</param>
    /// <param name="rule">Rows of this rule only; null for all that are open.</param>
    /// <param name="key">The key's columns in the files; none to count rows only.</param>
    /// <param name="folder">Made here, removed on disposal.</param>
    /// <param name="cancel">Cancels.</param>
    public static async Task<LetterRows> ReadAsync(
        CompiledPipeline pipeline, IReadOnlyList<LetterFile> files, string? rule, IReadOnlyList<string> key, string folder, CancellationToken cancel)
    {
        PrivateFolder.Create(folder);
        var rows = new LetterRows(folder, key.Count);
        try
        {
            for (var i = 0; i < files.Count; i++)
            {
                await rows.CopyAsync(pipeline, files[i].File, i, cancel);
            }

            rows.Load(files, rule, key);
            return rows;
        }
        catch
        {
            rows.Dispose();
            throw;
        }
    }

    /// <summary>The copy of a file.</summary>
    public string PathOf(int file) => Path.Combine(_folder, string.Create(CultureInfo.InvariantCulture, $"{file:d6}.parquet"));

    /// <summary>A part of a file's keys, as text; empty after the last.</summary>
    public IReadOnlyList<IReadOnlyList<string>> Chunk(int file, long chunk)
    {
        var columns = string.Join(", ", Enumerable.Range(0, _width).Select(i => $"k{i}"));
        lock (_lock)
        {
            return _connection.QueryRows(
                $"SELECT {columns} FROM keys WHERE file = $file AND place // {ChunkRows} = $chunk ORDER BY place",
                new Dictionary<string, object> { ["file"] = (long)file, ["chunk"] = chunk })!;
        }
    }

    public void Dispose()
    {
        _connection.Dispose();
        _database.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    private async Task CopyAsync(CompiledPipeline pipeline, DeadLetterFile file, int index, CancellationToken cancel)
    {
        await using var source = await DeadLetterReader.OpenAsync(pipeline, file, cancel);
        await using var target = new FileStream(PathOf(index), FileMode.Create, FileAccess.ReadWrite);
        await source.CopyToAsync(target, cancel);
        target.Position = 0;
        if (Convert.ToHexStringLower(await SHA256.HashDataAsync(target, cancel)) != file.Sha256)
        {
            throw new EtlException("ETL4227", $"the dead letters in '{file.Path}' are not those that were committed: their hash differs", "The file was changed or damaged. Restore it, or close its rows with `etl dead-letters discard`.");
        }
    }

    private void Load(IReadOnlyList<LetterFile> files, string? rule, IReadOnlyList<string> key)
    {
        var names = Enumerable.Range(0, key.Count).Select(i => $"k{i}").ToList();
        _connection.Execute($"CREATE TEMP TABLE letters (file BIGINT{string.Concat(names.Select(n => $", {n} VARCHAR"))})");
        var counts = new List<long>();
        for (var i = 0; i < files.Count; i++)
        {
            var from = $"read_parquet({SqlText.Literal(PathOf(i))})";
            RequireKey(files[i].File, from, key);
            var columns = string.Concat(key.Select(k => $", CAST({SqlText.Quote(k)} AS VARCHAR)"));
            counts.Add(_connection.ExecuteCount($"INSERT INTO letters SELECT {i.ToString(CultureInfo.InvariantCulture)}{columns} FROM {from} WHERE {files[i].WhereOpen(rule)}"));
        }

        Rows = counts;
        if (key.Count == 0)
        {
            return;
        }

        if (_connection.QueryText($"SELECT min(file) FROM letters WHERE {string.Join(" OR ", names.Select(n => $"{n} IS NULL"))}") is { } without)
        {
            throw new EtlException("ETL4226", $"'{files[int.Parse(without, CultureInfo.InvariantCulture)].File.Path}' holds refused rows without a value in ({string.Join(", ", key)}), by which they would be found in the source", "Replay the others by --rule, and close these with `etl dead-letters discard`.");
        }

        var list = string.Join(", ", names);
        _connection.Execute(
            $"""
            CREATE TEMP TABLE keys AS
            SELECT {list}, file, row_number() OVER (PARTITION BY file ORDER BY {list}) - 1 AS place FROM (SELECT {list}, max(file) AS file FROM letters GROUP BY {list})
            """);
        var found = _connection.QueryRows("SELECT file, count(*) FROM keys GROUP BY file").ToDictionary(r => int.Parse(r[0]!, CultureInfo.InvariantCulture), r => long.Parse(r[1]!, CultureInfo.InvariantCulture));
        Keys = [.. Enumerable.Range(0, files.Count).Select(i => found.GetValueOrDefault(i))];
    }

    private void RequireKey(DeadLetterFile file, string from, IReadOnlyList<string> key)
    {
        var there = _connection.DescribeColumns($"SELECT * FROM {from}").Select(c => c.Name).ToHashSet(StringComparer.OrdinalIgnoreCase);
        if (key.FirstOrDefault(k => !there.Contains(k)) is { } missing)
        {
            throw new EtlException("ETL4226", $"the dead letters in '{file.Path}' have no column '{missing}', by which their rows would be found in the source", "The pipeline named it otherwise when it refused them. Correct the rows in the source so that the next run reads them, or run with --full-refresh.");
        }
    }
}
