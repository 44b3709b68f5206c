using System.Runtime.InteropServices;
using System.Text;
using Etl.Model.Tests;
using Etl.Model.Tests.Fuzz;
using SharpFuzz;
using SharpFuzz.Common;

// Etl.Fuzz list                     names the parsers
// Etl.Fuzz seeds PARSER FOLDER      writes the texts to start from, and a dictionary as FOLDER.dict
// Etl.Fuzz PARSER                   reads standard input as afl-fuzz wants it; without afl-fuzz, once
if (args is ["list"])
{
    Console.WriteLine(string.Join('\n', Parser.All.Keys));
    return;
}

unsafe
{
    // What is instrumented notes its way from its first call on, before afl-fuzz's own memory is there.
    Trace.SharedMem = (byte*)NativeMemory.AllocZeroed(1 << 16);
}

var plugins = new LoadedPlugins();
plugins.Load();
await using (var parser = await Parser.All[args[args.Length == 3 ? 1 : 0]]())
{
    if (args is ["seeds", _, var folder])
    {
        Directory.CreateDirectory(folder);
        foreach (var (i, text) in parser.Corpus.Index())
        {
            File.WriteAllText(Path.Combine(folder, $"{i:000}"), text);
        }

        File.WriteAllLines($"{folder}.dict", parser.Tokens.Select(t => $"\"{string.Concat(Encoding.UTF8.GetBytes(t).Select(b => $"\\x{b:x2}"))}\""));
    }
    else
    {
        // In a process of its own, which a stack that overflows may end.
        Fuzzer.OutOfProcess.Run(stream =>
        {
            using var reader = new StreamReader(stream, Encoding.UTF8);
            parser.Read(reader.ReadToEnd());
        });
    }
}

plugins.Unload();
