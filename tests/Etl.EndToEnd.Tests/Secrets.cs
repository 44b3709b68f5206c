using System.Text;
using System.Text.Json;
using NUnit.Framework;

namespace Etl.EndToEnd.Tests;

/// <summary>
/// Each password, secret and token that a test gives the program is a canary, in every test: it may be in nothing that the program prints, and in no file that it leaves in
/// its project.
/// </summary>
internal static class Secrets
{
    // Shorter ones may be in a file by chance.
    private const int Shortest = 8;

    private static readonly string[] Names = ["PASSWORD", "SECRET", "TOKEN"];

    /// <summary>The secrets in an environment, by the names of its variables.</summary>
    public static IReadOnlyList<string> Of(IReadOnlyDictionary<string, string> environment) =>
        [.. environment.Where(e => Names.Any(n => e.Key.Contains(n, StringComparison.OrdinalIgnoreCase)) && e.Value.Length >= Shortest).Select(e => e.Value)];

    /// <summary>Fails for a text that holds one of them, as it is or encoded.</summary>
    public static void AssertAbsent(string where, string text, IEnumerable<string> secrets) => AssertAbsent(where, Encoding.UTF8.GetBytes(text), secrets);

    /// <summary>The same for a file's content.</summary>
    public static void AssertAbsent(string where, ReadOnlySpan<byte> content, IEnumerable<string> secrets)
    {
        foreach (var form in secrets.SelectMany(Forms))
        {
            Assert.That(content.IndexOf(Encoding.UTF8.GetBytes(form)), Is.EqualTo(-1), $"{where} holds a secret, as '{form}'");
        }
    }

    /// <summary>How a secret may be written.</summary>
    public static IEnumerable<string> Forms(string secret)
    {
        var bytes = Encoding.UTF8.GetBytes(secret);
        return new[] { secret, Uri.EscapeDataString(secret), JsonSerializer.Serialize(secret).Trim('"'), Convert.ToHexStringLower(bytes), Convert.ToHexString(bytes) }
            .Concat(Enumerable.Range(0, 3).Select(phase => InsideBase64(bytes, phase))).Distinct();
    }

    // Three bytes are four letters: within a longer text a secret has three spellings, whose first and last letters are of what stands beside it too.
    private static string InsideBase64(byte[] secret, int phase)
    {
        var letters = Convert.ToBase64String([.. new byte[phase], .. secret]).TrimEnd('=');
        var first = phase == 0 ? 0 : phase + 1;
        var ofOthers = (phase + secret.Length) % 3 == 0 ? 0 : 1;
        return letters[first..(letters.Length - ofOthers)];
    }
}
