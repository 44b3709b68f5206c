using System.Globalization;
using System.Text.Json.Nodes;
using Apache.Arrow.Types;
using Etl.Contracts;
using Etl.Plugins.Files;
using Etl.Plugins.FileSets;
using NUnit.Framework;
using static Etl.Plugins.Tests.TypedRows;

namespace Etl.Plugins.Tests;

/// <summary>What a person reads when files cannot be found, read or written, whole.</summary>
public sealed class FileErrorTextTests
{
    private static readonly (string, IArrowType)[] Columns = [("id", Int64Type.Default), ("note", StringType.Default), ("day", Date32Type.Default)];
    private static readonly RowSchema Rows = Schema(Columns);
    private static readonly DataContract Orders = Contract("orders", [], Columns);
    private FilesFolder _files = null!;

    [SetUp]
    public void Make() => _files = new();

    [TearDown]
    public async Task Drop() => await _files.DisposeAsync();

    private static IEnumerable<TestCaseData> Sets()
    {
        yield return Case("none_there", new() { Path = "in/*.csv" }, [], """
            ETL4533: no file matches 'in/*.csv' in file://FOLDER/
              Correct path; it is relative to the connection's root.
            """);
        yield return Case("in_no_folder_of_the_condition", new() { Path = "in/**", Partitions = Day("2026-01-01") }, [("in/a.csv", "id\n")], """
            ETL4535: 'in/a.csv' lies in no folder 'day=...', and partitions asks for one
              Correct path, or leave the condition out.
              at path
            """);
        yield return Case("in_a_folder_that_is_no_day", new() { Path = "in/**", Partitions = Day("> 2026-01-01") }, [("in/day=May/a.csv", "id\n")], """
            ETL4535: 'in/day=May/a.csv' lies in a folder whose value of column 'day' is no date (YYYY-MM-DD)
              Correct the folder's name, or the column's type in the contract.
            """);
        yield return Case("in_a_folder_whose_column_is_no_day", new() { Path = "in/**" }, [("in/day=May/a.csv", "id\n1\n")], """
            ETL4535: 'in/day=May/a.csv' lies in a folder whose value of column 'day' is no date (YYYY-MM-DD)
              Correct the folder's name, or the column's type in the contract.
            """);
        yield return Case("with_a_condition_that_is_no_day", new() { Path = "in/**", Partitions = Day("soon") }, [], """
            ETL4536: a condition on 'day' is no date (YYYY-MM-DD)
              Write a value of the column's type, with =, !=, <, <=, > or >= before it if it is not equality.
              at partitions.day
            """);
        yield return Case("compressed_as_their_name_does_not_say", new() { Path = "in/a.csv.gz" }, [("in/a.csv.gz", "id\n1\n")], """
            ETL4538: 'in/a.csv.gz' cannot be decompressed: The archive entry was compressed using an unsupported compression method.
              It is cut off or damaged, or compressed in another way than its name (or compression) says.
            """);

        static TestCaseData Case(string name, CsvExtractOptions options, (string, string)[] files, string told) => new TestCaseData(options, files, told).SetArgDisplayNames(name);
        static Dictionary<string, string> Day(string condition) => new() { ["day"] = condition };
    }

    [TestCaseSource(nameof(Sets))]
    public async Task Files_that_are(CsvExtractOptions options, (string Path, string Text)[] files, string told)
    {
        Array.ForEach(files, f => _files.Write(f.Path, f.Text));
        Assert.That(await ToldAsync(() => FilesFolder.ReadAsync(new CsvExtractor(options, _files.Store), Orders)), Is.EqualTo(told));
    }

    [TestCase("id,note\n1,\"a", """
        ETL4540: in.csv:2: a quote that is never closed
          Correct the file, or the options delimiter, quote and header that say how it is written.
        """)]
    [TestCase("id,note\n1,a\n2\n", """
        ETL4540: in.csv:3: the record has 1 fields, and 2 were expected
          Correct the file, or the options delimiter, quote and header that say how it is written.
        """)]
    [TestCase("id,note\nx,a\n", """
        ETL4540: in.csv:2: column 'id' is no int64
          Correct the file, or the options delimiter, quote and header that say how it is written.
        """)]
    public async Task A_csv_file_that_cannot_be_read(string text, string told)
    {
        _files.Write("in.csv", text);
        Assert.That(await ToldAsync(() => FilesFolder.ReadAsync(new CsvExtractor(new() { Path = "in.csv" }, _files.Store), Contract("orders", [], Columns[..2]))), Is.EqualTo(told));
    }

    [Test]
    public async Task A_csv_file_with_one_name_twice_has_no_columns_to_describe()
    {
        _files.Write("in.csv", "id,ID\n");
        Assert.That(await ToldAsync(async () => await new CsvExtractor(new() { Path = "in.csv" }, _files.Store).DescribeSourceAsync(default)), Is.EqualTo("""
            ETL4540: in.csv:1: two columns are called 'id'
              Correct the file: without a contract each column needs a name of its own.
            """));
    }

    [TestCase("{\"id\":1}\n{\"id\":1.5}\n", """
        ETL4577: in.json:2: column 'id' is no int64
          Correct the file, or the contract and members that say what it holds.
        """)]
    [TestCase("{\"id\":1}\n{\"note\":5}\n", """
        ETL4577: in.json:2: column 'note' is no string of UTF-8 text
          Correct the file, or the contract and members that say what it holds.
        """)]
    [TestCase("[{\"id\":1},\n{\"id\":", """
        ETL4577: in.json:2: no valid JSON at byte 7 of the object
          Correct the file, or the contract and members that say what it holds.
        """)]
    public async Task A_json_file_that_cannot_be_read(string text, string told)
    {
        _files.Write("in.json", text);
        Assert.That(await ToldAsync(() => FilesFolder.ReadAsync(new JsonExtractor(new() { Path = "in.json" }, _files.Store), Orders)), Is.EqualTo(told));
    }

    [Test]
    public async Task Two_columns_at_one_place_of_a_json_object()
    {
        var extractor = new JsonExtractor(new() { Path = "in.json", Members = new Dictionary<string, string> { ["note"] = "$.id.text" } }, _files.Store);
        Assert.That(await ToldAsync(() => Task.FromResult(extractor.DescribeOutput(Orders))), Is.EqualTo("""
            ETL4579: column 'note' is at the place of another column, or within it or around it
              Give each column a path of its own in members.
              at members
            """));
    }

    [Test]
    public async Task A_file_that_is_gone_or_another_while_it_is_read()
    {
        var extractor = new CsvExtractor(new() { Path = "in.csv" }, _files.Store);
        foreach (var (meanwhile, told) in new (Action, string)[]
        {
            (() => File.Delete(_files.PathOf("in.csv")), """
                ETL4533: 'in.csv' was there when the run started and is gone
                  Do not move files while they are read.
                """),
            (() => _files.Write("in.csv", "id,note,day\n1,a,2026-01-01\n2,b,2026-01-02\n"), """
                ETL4537: 'in.csv' had 28 bytes when the run started and has others now
                  Write files under another name and rename them when they are whole; then run again.
                """),
        })
        {
            _files.Write("in.csv", "id,note,day\n1,a,2026-01-01\n\n");
            await using var extraction = await extractor.OpenAsync(new(Orders, extractor.DescribeOutput(Orders), null, 7, 1, new Dictionary<string, object>()), default);
            meanwhile();
            Assert.That(await ToldAsync(() => ReadAllAsync(extraction)), Is.EqualTo(told));
        }
    }

    [Test]
    public async Task A_file_that_was_written_again_after_its_turn_and_a_position_of_something_else()
    {
        _files.Write("in/a.csv", "id,note,day\n");
        var (_, position) = await NextAsync(FileIncrement.Files, null);
        Assert.That(await ToldAsync(() => NextAsync(FileIncrement.Names, position)), Is.EqualTo("""
            ETL4539: the target's position is of file.csv.files/1 in file://FOLDER/, and this is file.csv.names/1 in file://FOLDER/
              Take the change of the connection or of incremental back. Run with --full-refresh to read every file again.
            """));
        Assert.That(await ToldAsync(() => NextAsync(FileIncrement.Files, position with { Position = new JsonObject { ["_files"] = "AAAA" } })), Is.EqualTo("""
            ETL4539: the stored list of files that were read cannot be read: its length is not that of whole entries
              It was changed by hand or damaged. To read every file again, run with --full-refresh.
            """));
        File.SetLastWriteTimeUtc(_files.PathOf("in/a.csv"), DateTime.Parse("2026-03-01 10:30:00Z", CultureInfo.InvariantCulture, DateTimeStyles.AdjustToUniversal));
        Assert.That(await ToldAsync(() => NextAsync(FileIncrement.Files, position)), Is.EqualTo("""
            ETL4534: 'in/a.csv' was written at 2026-03-01 10:30:00Z, after it was read or after its turn
              Give new rows a file of their own, or say on_changed: read_again (for a target with a key) or ignore. Run with --full-refresh to read every file again.
              at on_changed
            """));
    }

    [TestCase("../secret", """
        ETL4530: '../secret' is no key of an object store: it must be a relative path of names between '/', without '..', '\', ':' or NUL
          Correct the path: it begins below the connection's root and stays there.
        """)]
    [TestCase("link/a.csv", """
        ETL4530: 'link/a.csv' is no key of an object store: 'link' is a symbolic link, which could lead out of the connection's root
          Copy what it leads to here, or make a connection whose root is that folder.
        """)]
    [TestCase(".etl-tmp-1", """
        ETL4530: '.etl-tmp-1' is no key of an object store: names that start with .etl-tmp- are the store's own
          Choose another name.
        """)]
    public async Task A_key_that_a_store_does_not_take(string key, string told)
    {
        Directory.CreateSymbolicLink(_files.PathOf("link"), "/");
        Assert.That(await ToldAsync(async () => await _files.Store.GetAsync(key, default)), Is.EqualTo(told));
    }

    [Test]
    [Platform(Exclude = "Win")]
    public async Task A_folder_that_went_away_before_its_names_were_on_the_disk() => Assert.That(
        await ToldAsync(() =>
        {
            Durable.SyncFolder(_files.PathOf("gone"));
            return Task.CompletedTask;
        }),
        Is.EqualTo("""
        ETL4531: 'FOLDER/gone' could not be made durable: No such file or directory
          Look at the disk: space, quota, mount options, and whether the file system has hard links.
        """));

    [Test]
    public async Task A_date_that_no_text_file_has_a_form_for([Values] bool json)
    {
        ILoader loader = json ? new JsonLoader(new() { Path = "out", Mode = FileLoadMode.Append }, _files.Store, _files.Context) : new CsvLoader(new() { Path = "out", Mode = FileLoadMode.Append }, _files.Store, _files.Context);
        Assert.That(await ToldAsync(() => FilesFolder.LoadAsync(loader, Rows, [1L, "a", int.MaxValue])), Is.EqualTo("""
            ETL4542: column 'day' holds a date or time outside the years 0001 to 9999
              ISO 8601 text has no form for it; refuse such rows before the load.
            """));
    }

    [Test]
    public async Task A_replace_without_rows_and_a_commit_that_was_damaged()
    {
        var loader = new CsvLoader(new() { Path = "out", Mode = FileLoadMode.Replace }, _files.Store, _files.Context);
        await FilesFolder.LoadAsync(loader, Rows, [1L, "a", 1]);
        Assert.That(await ToldAsync(() => FilesFolder.LoadAsync(loader, Rows)), Is.EqualTo("""
            ETL4545: no rows came, and replacing would empty 'out'
              If that is right, say so with allow_empty: true.
            """));
        var commit = $"out/_etl/checkpoint-{FilesFolder.Key.ShortName}/{1:D20}.json";
        _files.Write(commit, "{}");
        Assert.That(await ErrorText.OfAsync(() => FilesFolder.LoadAsync(loader, Rows, [1L, "a", 1]), (commit, "COMMIT")), Is.EqualTo("""
            ETL4544: COMMIT cannot be read: Object reference not set to an instance of an object.
              Nothing was written. Restore the object; the load goes on from the newest one.
            """));
    }

    private Task<string> ToldAsync(Func<Task> act) => ErrorText.OfAsync(act, (_files.Folder, "FOLDER"));

    private Task<(List<object?[]> Rows, SourcePosition Reached)> NextAsync(FileIncrement increment, SourcePosition? from) =>
        FilesFolder.ReadAsync(new CsvExtractor(new() { Path = "in/*.csv", Incremental = increment }, _files.Store), Orders, from);
}
