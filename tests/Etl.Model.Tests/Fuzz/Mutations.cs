using System.Globalization;
using CsCheck;

namespace Etl.Model.Tests.Fuzz;

/// <summary>Texts that are nearly right: some from a corpus, cut, doubled, shuffled and spiked with what parsers stumble over.</summary>
internal static class Mutations
{
    private static readonly string[] Anywhere =
    [
        "\0", "\t", "\r", "\n", " ", "\"", "'", "\\", "\\u0000", "\\ud800", "\uFEFF", "\uFFFD", "\u202E", "😀", "{", "}", "[", "]", ",", ":", "-", "null", "true", "0", "-1", "1e400", "9223372036854775808",
        "99999999999999999999999999999999999999999", "NaN", "{}", "[]", "\"\"",
    ];

    /// <summary>One to six changes of one of these texts.</summary>
    public static Gen<string> Of(IReadOnlyList<string> corpus, params string[] tokens)
    {
        string[] spikes = [.. Anywhere, .. tokens];
        var change = Gen.Select(Gen.Int[0, 5], Gen.Double[0, 1], Gen.Double[0, 1], Gen.Int[0, spikes.Length - 1], Gen.Int[1, 8], (kind, at, to, token, times) => (kind, at, to, token, times));
        return Gen.Select(Gen.Int[0, corpus.Count - 1], change.Array[1, 6], (text, changes) => changes.Aggregate(corpus[text], (t, c) => Apply(t, c.kind, c.at, c.to, spikes[c.token], c.times)));
    }

    /// <summary>Seconds that each parser is tried for: ETL_FUZZ_SECONDS, or a minute.</summary>
    public static int Seconds { get; } = int.Parse(Environment.GetEnvironmentVariable("ETL_FUZZ_SECONDS") ?? "60", CultureInfo.InvariantCulture);

    private static string Apply(string text, int kind, double at, double to, string token, int times)
    {
        var from = (int)(at * text.Length);
        // Short ranges mostly: the rest of the text is to stay what it was.
        var length = Math.Min(text.Length - from, 1 + (int)(Math.Pow(to, 4) * 200));
        return kind switch
        {
            0 => text.Remove(from, length),
            1 => text.Insert(from, text.Substring(from, length)),
            2 => text.Insert((int)(to * text.Length), text.Substring(from, Math.Min(length, text.Length - from))),
            3 => text.Insert(from, string.Concat(Enumerable.Repeat(token, times * times * times))),
            4 => text.Remove(from, length).Insert(from, token),
            _ => Lines(text, at, to),
        };
    }

    private static string Lines(string text, double at, double to)
    {
        var lines = text.Split('\n');
        var (one, two) = ((int)(at * lines.Length * 0.999), (int)(to * lines.Length * 0.999));
        (lines[one], lines[two]) = (lines[two], lines[one]);
        return string.Join('\n', lines);
    }
}
