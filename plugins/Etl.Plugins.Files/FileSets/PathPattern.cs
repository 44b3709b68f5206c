using System.Text.RegularExpressions;

namespace Etl.Plugins.FileSets;

/// <summary>A path with '*' (within a name) and '**' (any folders, hidden ones aside), matched against keys.</summary>
internal sealed class PathPattern
{
    private readonly Regex? _regex;

    public PathPattern(string path)
    {
        var star = path.IndexOf('*', StringComparison.Ordinal);
        (Path, Prefix) = (path, star < 0 ? path : path[..star]);
        if (star < 0)
        {
            return;
        }

        var parts = path.Split('/');
        var expression = string.Concat(parts[..^1].Select(p => p == "**" ? "(?:[^/_.][^/]*/)*" : Name(p) + "/"))
            + (parts[^1] == "**" ? "(?:[^/_.][^/]*/)*[^/_.][^/]*" : Name(parts[^1]));
        _regex = new Regex($"^{expression}$", RegexOptions.CultureInvariant | RegexOptions.NonBacktracking | RegexOptions.Singleline);
    }

    /// <summary>As written.</summary>
    public string Path { get; }

    /// <summary>Every key that matches starts with it.</summary>
    public string Prefix { get; }

    /// <summary>Whether it can match more than one key.</summary>
    public bool HasWildcard => _regex is not null;

    public bool IsMatch(string key) => _regex?.IsMatch(key) ?? key == Path;

    /// <summary>What is wrong with a path; null if nothing is.</summary>
    public static string? FindFault(string path) =>
        path.Length == 0 || path.StartsWith('/') || path.EndsWith('/') ? "must be a relative path of files, without '/' at its ends."
        : path.Split('/').Any(p => p != "**" && p.Contains("**", StringComparison.Ordinal)) ? "must have '**' by itself between '/'."
        : null;

    private static string Name(string part) => Regex.Escape(part).Replace("\\*", "[^/]*", StringComparison.Ordinal);
}
