using System.Security.Cryptography;
using System.Text;
using Etl.Runtime.Diagnostics;

namespace Etl.Cli.Problems;

/// <summary>
/// Names a problem so that a host knows it again in the next commit. Without the line, which moves with each edit above it; problems that
/// are alike in all else are numbered.
/// </summary>
internal sealed class Fingerprint(RepositoryPaths paths)
{
    private readonly Dictionary<string, int> _seen = [];

    /// <summary>Unique among the problems asked for so far: lower case hex.</summary>
    public string Of(Diagnostic d)
    {
        var alike = $"{paths.Of(d.Span.File)}\n{d.Code}\n{d.Message}";
        var number = _seen[alike] = _seen.GetValueOrDefault(alike) + 1;
        return Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(FormattableString.Invariant($"{alike}\n{number}"))).AsSpan(0, 16));
    }
}
