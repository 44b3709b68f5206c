using System.Globalization;
using System.Text;

namespace Etl.Plugins.Gcs;

/// <summary>A request of the XML API, before it is signed.</summary>
/// <param name="Method">The verb.</param>
/// <param name="Path">Of the bucket or the object, escaped, from '/' on.</param>
internal sealed record GcsRequest(HttpMethod Method, string Path)
{
    /// <summary>Names and values, not escaped.</summary>
    public IReadOnlyList<(string Name, string Value)> Query { get; init; } = [];

    /// <summary>Beside those that a signature needs.</summary>
    public IReadOnlyList<(string Name, string Value)> Headers { get; init; } = [];

    /// <summary>What is sent; null for nothing.</summary>
    public ReadOnlyMemory<byte>? Body { get; init; }

    /// <summary>The query in the one order and spelling that is signed, and sent so.</summary>
    public string CanonicalQuery => string.Join('&', Query.Select(q => $"{Escape(q.Name)}={Escape(q.Value)}").Order(StringComparer.Ordinal));

    /// <summary>All but letters, digits and <c>- _ . ~</c> as %XX, and what <paramref name="kept"/> holds.</summary>
    public static string Escape(string text, string kept = "")
    {
        var escaped = new StringBuilder();
        foreach (var b in Encoding.UTF8.GetBytes(text))
        {
            var c = (char)b;
            _ = char.IsAsciiLetterOrDigit(c) || "-_.~".Contains(c, StringComparison.Ordinal) || kept.Contains(c, StringComparison.Ordinal) ? escaped.Append(c) : escaped.Append(CultureInfo.InvariantCulture, $"%{b:X2}");
        }

        return escaped.ToString();
    }
}
