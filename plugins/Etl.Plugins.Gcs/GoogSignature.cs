using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace Etl.Plugins.Gcs;

/// <summary>Google's V4 signature with an HMAC key, in headers: https://cloud.google.com/storage/docs/authentication/signatures.</summary>
internal sealed class GoogSignature(string accessKey, string secretKey)
{
    private const string Algorithm = "GOOG4-HMAC-SHA256";

    /// <summary>The headers that a request goes out with: those of its own, when and what it is, and the signature over all of them.</summary>
    public IEnumerable<(string Name, string Value)> Sign(GcsRequest request, string host, DateTimeOffset now)
    {
        var time = now.UtcDateTime.ToString("yyyyMMdd'T'HHmmss'Z'", CultureInfo.InvariantCulture);
        var scope = $"{time[..8]}/auto/storage/goog4_request";
        var digest = Convert.ToHexStringLower(SHA256.HashData((request.Body ?? default).Span));
        (string Name, string Value)[] headers = [.. request.Headers, ("x-goog-date", time), ("x-goog-content-sha256", digest)];
        var signed = headers.Append(("host", host)).OrderBy(h => h.Item1, StringComparer.Ordinal).ToList();
        var names = string.Join(';', signed.Select(h => h.Item1));
        var canonical = $"{request.Method.Method}\n{request.Path}\n{request.CanonicalQuery}\n{string.Concat(signed.Select(h => $"{h.Item1}:{h.Item2}\n"))}\n{names}\n{digest}";
        var toSign = $"{Algorithm}\n{time}\n{scope}\n{Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(canonical)))}";
        var key = scope.Split('/').Aggregate(Encoding.UTF8.GetBytes("GOOG4" + secretKey), Mac);
        return headers.Append(("Authorization", $"{Algorithm} Credential={accessKey}/{scope}, SignedHeaders={names}, Signature={Convert.ToHexStringLower(Mac(key, toSign))}"));
    }

    private static byte[] Mac(byte[] key, string text) => HMACSHA256.HashData(key, Encoding.UTF8.GetBytes(text));
}
