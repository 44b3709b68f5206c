using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;

namespace Etl.Benchmarks;

/// <summary>Runs a program to its end and measures it: the wall clock, the processor time of all that it started, its peak of memory.</summary>
internal static partial class ChildProcess
{
    private const int Children = -1;

    /// <summary>Runs it; one that ends with an error ends the benchmark.</summary>
    public static (Measurement Measurement, string Out) Run(string folder, IReadOnlyDictionary<string, string> environment, string program, params string[] arguments)
    {
        var start = new ProcessStartInfo(program, arguments) { WorkingDirectory = folder, RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (var (name, value) in environment)
        {
            start.Environment[name] = value;
        }

        var cpu = CpuOfChildren();
        var clock = Stopwatch.StartNew();
        using var process = Process.Start(start)!;
        var output = process.StandardOutput.ReadToEndAsync();
        var errors = process.StandardError.ReadToEndAsync();
        long peak = 0;
        var resident = new List<long>();
        while (!process.WaitForExit(20))
        {
            peak = Math.Max(peak, Memory(process.Id, "VmHWM:"));
            if (clock.Elapsed.TotalSeconds >= resident.Count)
            {
                resident.Add(Memory(process.Id, "VmRSS:"));
            }
        }

        var seconds = clock.Elapsed.TotalSeconds;
        process.WaitForExit();
        return process.ExitCode == 0
            ? (new Measurement(seconds, CpuOfChildren() - cpu, peak) { Resident = resident }, output.Result)
            : throw new InvalidOperationException($"{program} {string.Join(' ', arguments)} ended with {process.ExitCode}:\n{output.Result}{errors.Result}");
    }

    // The kernel keeps the greatest value itself, so looking now and then loses only the last moments.
    private static long Memory(int process, string name)
    {
        try
        {
            var line = File.ReadLines($"/proc/{process}/status").FirstOrDefault(l => l.StartsWith(name, StringComparison.Ordinal));
            return line is null ? 0 : long.Parse(line.AsSpan(6, line.Length - 9), NumberStyles.AllowLeadingWhite | NumberStyles.AllowTrailingWhite, CultureInfo.InvariantCulture) << 10;
        }
        catch (IOException)
        {
            // It has ended in between.
            return 0;
        }
    }

    // Exact, unlike a look at a process before it ends; it counts what has ended and was waited for.
    private static double CpuOfChildren()
    {
        Span<long> usage = stackalloc long[18];
        return getrusage(Children, ref MemoryMarshal.GetReference(usage)) == 0
            ? usage[0] + usage[2] + ((usage[1] + usage[3]) / 1e6)
            : throw new InvalidOperationException("getrusage failed; processor times are read on Linux only");
    }

    [LibraryImport("libc")]
    private static partial int getrusage(int who, ref long usage);
}
