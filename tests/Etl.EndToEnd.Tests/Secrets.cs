using System.Text;
using NUnit.Framework;

namespace Etl.EndToEnd.Tests;

/// <summary>
/// Each password that a test gives the program is a canary, in every test: it may be in nothing that the program prints, and in no file that it leaves in
/// its project.
/// </summary>
internal static class Secrets
{
    // Shorter ones may be in a file by chance.
    private const int Shortest = 8;

    /// <summary>The passwords in an environment.</summary>
    public static IReadOnlyList<string> Of(IReadOnlyDictionary<string, string> environment) =>
        [.. environment.Where(e => e.Key.Contains("PASSWORD", StringComparison.Ordinal) && e.Value.Length >= Shortest).Select(e => e.Value)];

    /// <summary>Fails for a text that holds one of them, as it is or encoded.</summary>
    public static void AssertAbsent(string where, string text, IEnumerable<string> secrets) => AssertAbsent(where, Encoding.UTF8.GetBytes(text), secrets);

    /// <summary>The same for a file's content.</summary>
    public static void AssertAbsent(string where, ReadOnlySpan<byte> content, IEnumerable<string> secrets)
    {
        foreach (var form in secrets.SelectMany(Forms))
        {
            Assert.That(content.IndexOf(Encoding.UTF8.GetBytes(form)), Is.EqualTo(-1), $"{where} holds a password, as '{form}'");
        }
    }

    /// <summary>How a secret may be written.</summary>
    public static IEnumerable<string> Forms(string secret)
    {
        var bytes = Encoding.UTF8.GetBytes(secret);
        return new[] { secret, Uri.EscapeDataString(secret), Convert.ToBase64String(bytes).TrimEnd('='), Convert.ToHexStringLower(bytes), Convert.ToHexString(bytes) }.Distinct();
    }
}
