using System.Globalization;
using System.Text.RegularExpressions;
using NUnit.Framework;

namespace Etl.EndToEnd.Tests;

/// <summary>Text that is pinned whole in <c>tests/golden/</c>; rewritten by a run with <c>ETL_GOLDEN=write</c>.</summary>
internal static partial class Golden
{
    public static void Check(string name, string actual, ProjectFolder project)
    {
        var path = Path.Combine(ShippedCli.Repository, "tests", "golden", name);
        var text = Stable(actual, project);
        if (Environment.GetEnvironmentVariable("ETL_GOLDEN") == "write")
        {
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            File.WriteAllText(path, text);
        }

        Assert.That(File.Exists(path), Is.True, $"{path} is missing; write it with ETL_GOLDEN=write and read what it says");
        Assert.That(text, Is.EqualTo(File.ReadAllText(path)), $"{name} differs; if the change is meant, rewrite it with ETL_GOLDEN=write");
    }

    // Folders, run ids, times and durations differ from run to run.
    private static string Stable(string text, ProjectFolder project)
    {
        text = text.Replace(project.Folder, "PROJECT", StringComparison.Ordinal);
        text = RunId().Replace(text, "RUN");
        text = Time().Replace(text, m => IsNow(m.Value) ? "TIME" : m.Value);
        text = JsonSeconds().Replace(text, "\"seconds\": SECONDS");
        text = Hash().Replace(text, "HASH");
        text = Duration().Replace(text, "SECONDS s");
        text = Rate().Replace(text, "");
        // Columns are as wide as what they hold, which the folder's name is part of.
        return Padding().Replace(text, "  ");
    }

    // What a test has as data is of other days.
    private static bool IsNow(string time) =>
        DateTime.TryParse(time, CultureInfo.InvariantCulture, DateTimeStyles.AdjustToUniversal | DateTimeStyles.AssumeUniversal, out var told)
        && (TimeProvider.System.GetUtcNow() - told).Duration() < TimeSpan.FromDays(2);

    // Rows a second, which only what takes a while is told by.
    [GeneratedRegex(@"(?<=SECONDS s +[0-9.]+ [KMG]?B) +[0-9,]+(?=\n)| +rows/s(?=\n)|(?<=SECONDS s) +[0-9,]+(?=\n)")]
    private static partial Regex Rate();

    [GeneratedRegex(@"(?<=\S) {2,}")]
    private static partial Regex Padding();

    [GeneratedRegex("[0-9]{8}T[0-9]{6}-[0-9a-f]{6}")]
    private static partial Regex RunId();

    [GeneratedRegex("20[0-9]{2}-[0-9]{2}-[0-9]{2}[T ][0-9:.]+Z?")]
    private static partial Regex Time();

    [GeneratedRegex("\"seconds\": [0-9.eE-]+")]
    private static partial Regex JsonSeconds();

    [GeneratedRegex(@"[0-9]+\.[0-9]+ s")]
    private static partial Regex Duration();

    [GeneratedRegex("sha256:[0-9a-f]{64}")]
    private static partial Regex Hash();
}
