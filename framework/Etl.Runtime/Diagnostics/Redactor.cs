using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace Etl.Runtime.Diagnostics;

/// <summary>
/// Takes secrets out of any text that leaves the process: one instance for a run, asked by every log, error, plan and report.
/// Safe for several threads.
/// </summary>
public sealed class Redactor
{
    /// <summary>What stands where a secret was.</summary>
    public const string Mask = "***";

    // Shorter ones would mask ordinary words and, worse, tell by their absence what the secret is.
    private const int ShortestSecret = 3;

    private readonly Lock gate = new();
    private readonly HashSet<string> secrets = new(StringComparer.Ordinal);
    private string[] forms = [];

    /// <summary>From now on this value, and its URL-encoded, Base64 and JSON-escaped forms, are masked. Very short ones are not.</summary>
    public void Register(string secret)
    {
        lock (gate)
        {
            if (secret.Length < ShortestSecret || !secrets.Add(secret))
            {
                return;
            }

            // Longest first: a secret that contains another one must not leave its rest behind.
            forms = [.. secrets.SelectMany(Forms).Distinct(StringComparer.Ordinal).OrderByDescending(f => f.Length).ThenBy(f => f, StringComparer.Ordinal)];
        }
    }

    /// <summary>The text with each secret replaced by <see cref="Mask"/>.</summary>
    public string Redact(string text)
    {
        foreach (var form in Volatile.Read(ref forms))
        {
            text = text.Replace(form, Mask, StringComparison.Ordinal);
        }

        return text;
    }

    private static IEnumerable<string> Forms(string secret)
    {
        yield return secret;
        yield return Uri.EscapeDataString(secret);
        yield return Uri.EscapeDataString(secret).Replace("%20", "+", StringComparison.Ordinal);
        yield return UrlEncoder.Default.Encode(secret);
        yield return JsonEncodedText.Encode(secret).ToString();
        yield return JsonEncodedText.Encode(secret, JavaScriptEncoder.UnsafeRelaxedJsonEscaping).ToString();
        var bytes = Encoding.UTF8.GetBytes(secret);
        yield return Convert.ToHexString(bytes);
        yield return Convert.ToHexStringLower(bytes);

        // Within a longer text (user:password) Base64 starts at any of three phases: the part that depends on the secret alone.
        for (var phase = 0; phase < 3; phase++)
        {
            var inner = Base64Inside(bytes, phase);
            if (inner.Length >= 2 * ShortestSecret)
            {
                yield return inner;
                yield return inner.Replace('+', '-').Replace('/', '_');
            }
        }

        var whole = Convert.ToBase64String(bytes);
        yield return whole;
        yield return whole.Replace('+', '-').Replace('/', '_');
    }

    private static string Base64Inside(byte[] secret, int phase)
    {
        var encoded = Convert.ToBase64String([.. new byte[phase], .. secret]);
        var first = (phase * 8 + 5) / 6;
        var last = (phase + secret.Length) * 8 / 6;
        return last > first ? encoded[first..last] : "";
    }
}
