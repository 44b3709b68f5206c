using System.Globalization;
using Etl.Benchmarks;

switch (args)
{
    case ["--peer", "dictionary", var connection, var target, var upsert]:
        await DictionaryRows.RunAsync(connection, target, upsert);
        return 0;
    case ["--kernels", var pattern]:
        Kernels.Run(pattern);
        return 0;
}

var options = Arguments.Parse(args);
var root = Repository.Root;
var tools = Path.Combine(root, "tools");
var folder = Directory.CreateDirectory(options.Folder ?? Path.Combine(Path.GetTempPath(), "etl-benchmarks-" + Guid.NewGuid().ToString("N")[..8])).FullName;
// The server's own user must get into it.
if (!OperatingSystem.IsWindows())
{
    File.SetUnixFileMode(folder, (UnixFileMode)0b111_001_001);
}

Say($"rows {options.Rows}, pairs {options.Pairs}, in {folder}");
var cli = Cli.Publish(tools);
using var server = Server.Start(tools, Path.Combine(folder, "postgres"));
try
{
    server.Execute(Orders.Create(options.Rows));
    server.Execute("VACUUM (ANALYZE, FREEZE) orders, tenth");
    var project = new Project(Path.Combine(folder, "project"), cli, server);
    using var store = new StoreBenchmarks(tools, folder, server, project);
    var benchmarks = new ServerBenchmarks(server, project).All.Concat(new MemoryBenchmarks(folder, server, options.Rows).All).Concat(store.All).Concat(new PeerBenchmarks(tools, server, project).All);
    var results = new List<Result>();
    foreach (var benchmark in benchmarks.Where(b => options.Only.Count == 0 || options.Only.Contains(b.Name)))
    {
        if (benchmark.IsInstalled?.Invoke() == false)
        {
            Say($"  {benchmark.Name}: left out, it is not installed (tools/Etl.Benchmarks/peers/install.sh)");
            continue;
        }

        results.Add(benchmark.Run(options.Pairs, Say));
    }

    var startUp = options.Only.Count == 0 || options.Only.Contains("startup") ? StartUp.Measure(project) : [];
    var page = Page.Write(results, startUp, options, server.Query("SHOW server_version"));
    if (options.Out is { } path)
    {
        File.WriteAllText(path, page);
    }

    Console.Write(page);
}
finally
{
    foreach (var left in Directory.GetFileSystemEntries(folder).Where(f => Path.GetFileName(f) != "postgres"))
    {
        if (Directory.Exists(left))
        {
            Directory.Delete(left, recursive: true);
        }
        else
        {
            File.Delete(left);
        }
    }
}

return 0;

static void Say(string text) => Console.Error.WriteLine(TimeProvider.System.GetLocalNow().ToString("HH:mm:ss ", CultureInfo.InvariantCulture) + text);
