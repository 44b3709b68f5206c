using System.Runtime.Versioning;
using System.Text;
using Etl.Contracts;
using Etl.Plugins.Files;
using NUnit.Framework;
using static Etl.Plugins.Tests.TypedRows;

namespace Etl.Plugins.Tests;

public sealed class FileStoreTests
{
    private string _folder = null!;
    private FileStore _store = null!;

    [SetUp]
    public void Make()
    {
        _folder = Directory.CreateTempSubdirectory("etl-files-").FullName;
        _store = new(new FileStoreOptions { Root = "lake" }, new(_folder, Path.Combine(_folder, ".etl"), 256L << 20, TimeProvider.System));
    }

    [TearDown]
    public async Task Drop()
    {
        await _store.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }

    [Test]
    public async Task An_object_is_put_replaced_listed_and_deleted()
    {
        await PutAsync("a/b.txt", "one");
        await PutAsync("a/b.txt", "two");
        await PutAsync("a/B.txt", "");
        await PutAsync("a-c", "x");
        Assert.That(await TextAsync("a/b.txt"), Is.EqualTo("two"));
        Assert.That(await _store.SizeAsync("a/b.txt", default), Is.EqualTo(3));
        Assert.That(await ListAsync(""), Is.EqualTo(new[] { "a-c", "a/B.txt", "a/b.txt" }), "in ordinal order, and nothing temporary");
        Assert.That(await ListAsync("a/b"), Is.EqualTo(new[] { "a/b.txt" }));
        Assert.That(await ListAsync("nowhere/x"), Is.Empty);
        await _store.DeleteAsync("a/b.txt", default);
        await _store.DeleteAsync("a/b.txt", default);
        Assert.That(await _store.GetAsync("a/b.txt", default), Is.Null);
        Assert.That(await _store.GetAsync("no/such", default), Is.Null);
        Assert.That(await _store.SizeAsync("a/b.txt", default), Is.Null);
    }

    [TestCase("")]
    [TestCase("/etc/passwd")]
    [TestCase("../x")]
    [TestCase("a/../../x")]
    [TestCase("a/..")]
    [TestCase("./a")]
    [TestCase("a//b")]
    [TestCase("a/")]
    [TestCase("a\\b")]
    [TestCase("C:x")]
    [TestCase("a\0b")]
    [TestCase(".etl-tmp-1")]
    [TestCase("link/x")]
    [TestCase("inside/x")]
    [TestCase("dangling")]
    [TestCase("a/file-link")]
    public void A_key_that_could_lead_out_of_the_root_is_refused(string key)
    {
        var root = Directory.CreateDirectory(Path.Combine(_folder, "lake", "a")).Parent!.FullName;
        File.WriteAllText(Path.Combine(_folder, "secret"), "s");
        Directory.CreateSymbolicLink(Path.Combine(root, "link"), _folder);
        Directory.CreateSymbolicLink(Path.Combine(root, "inside"), Path.Combine(root, "a"));
        File.CreateSymbolicLink(Path.Combine(root, "dangling"), Path.Combine(_folder, "not-there"));
        File.CreateSymbolicLink(Path.Combine(root, "a", "file-link"), Path.Combine(_folder, "secret"));
        Assert.That(Thrown<EtlException>(() => PutAsync(key, "x")).Code, Is.EqualTo("ETL4530"));
        Assert.That(Thrown<EtlException>(async () => await _store.PutIfAbsentAsync(key, default, default)).Code, Is.EqualTo("ETL4530"));
        Assert.That(Thrown<EtlException>(async () => await _store.GetAsync(key, default)).Code, Is.EqualTo("ETL4530"));
        Assert.That(Thrown<EtlException>(async () => await _store.DeleteAsync(key, default)).Code, Is.EqualTo("ETL4530"));
        Assert.That(File.Exists(Path.Combine(_folder, "not-there")), Is.False);
        Assert.That(File.ReadAllText(Path.Combine(_folder, "secret")), Is.EqualTo("s"));
    }

    [Test]
    public async Task Of_sixteen_that_put_if_absent_one_wins_and_its_content_is_whole()
    {
        for (var round = 0; round < 30; round++)
        {
            var key = $"log/{round:D20}.json";
            using var start = new Barrier(16);
            var won = new int[16];
            var threads = Enumerable.Range(0, 16).Select(i => new Thread(() =>
            {
                var content = Encoding.UTF8.GetBytes(new string((char)('a' + i), 10_000));
                start.SignalAndWait();
                won[i] = _store.PutIfAbsentAsync(key, content, default).AsTask().GetAwaiter().GetResult() ? 1 : 0;
            })).ToList();
            threads.ForEach(t => t.Start());
            threads.ForEach(t => t.Join());
            Assert.That(won.Sum(), Is.EqualTo(1));
            Assert.That(await TextAsync(key), Is.EqualTo(new string((char)('a' + System.Array.IndexOf(won, 1)), 10_000)));
        }

        Assert.That(Directory.GetFiles(Path.Combine(_folder, "lake", "log")), Has.Length.EqualTo(30), "no temporary file is left");
    }

    [Test]
    public async Task A_put_that_fails_leaves_what_was_there()
    {
        await PutAsync("a", "old");
        Thrown<IOException>(async () => await _store.PutAsync("a", new BrokenStream(), default));
        Assert.That(await TextAsync("a"), Is.EqualTo("old"));
        Assert.That(Directory.GetFiles(Path.Combine(_folder, "lake")), Has.Length.EqualTo(1));
    }

    [Test]
    [Platform(Exclude = "Win")]
    [UnsupportedOSPlatform("windows")]
    public async Task Files_and_folders_are_the_owners_only()
    {
        await PutAsync("x/y", "1");
        await _store.PutIfAbsentAsync("x/z", new byte[1], default);
        Assert.That(File.GetUnixFileMode(Path.Combine(_folder, "lake/x")), Is.EqualTo(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute));
        Assert.That(File.GetUnixFileMode(Path.Combine(_folder, "lake/x/y")), Is.EqualTo(UnixFileMode.UserRead | UnixFileMode.UserWrite));
        Assert.That(File.GetUnixFileMode(Path.Combine(_folder, "lake/x/z")), Is.EqualTo(UnixFileMode.UserRead | UnixFileMode.UserWrite));
    }

    private async Task PutAsync(string key, string text)
    {
        using var stream = new MemoryStream(Encoding.UTF8.GetBytes(text));
        await _store.PutAsync(key, stream, default);
    }

    private async Task<string> TextAsync(string key)
    {
        using var reader = new StreamReader((await _store.GetAsync(key, default))!);
        return await reader.ReadToEndAsync();
    }

    private async Task<List<string>> ListAsync(string prefix)
    {
        var keys = new List<string>();
        await foreach (var (key, _, _) in _store.ListAsync(prefix, default))
        {
            keys.Add(key);
        }

        return keys;
    }

    private sealed class BrokenStream : MemoryStream
    {
        public override Task CopyToAsync(Stream destination, int bufferSize, CancellationToken cancellationToken) => throw new IOException("gone");
    }
}
