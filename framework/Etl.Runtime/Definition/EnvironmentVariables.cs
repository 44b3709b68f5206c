using Etl.Runtime.Diagnostics;

namespace Etl.Runtime.Definition;

/// <summary>What <c>${NAME}</c> is looked up in: the process's environment first, then the project's <c>.env</c> file.</summary>
public sealed class EnvironmentVariables(Func<string, string?> process, IReadOnlyDictionary<string, string> file)
{
    private const long LargestFile = 1 << 20;

    /// <summary>The value of a variable; null when it is not set.</summary>
    public string? Find(string name) => process(name) ?? file.GetValueOrDefault(name);

    /// <summary>The process's environment over <c>.env</c> in a folder, which may be absent.</summary>
    public static EnvironmentVariables Read(string folder, DiagnosticBag bag, Func<string, string?>? process = null)
    {
        var path = Path.Combine(folder, ".env");
        var values = new Dictionary<string, string>(StringComparer.Ordinal);
        if (File.Exists(path))
        {
            ReadFile(path, values, bag);
        }

        return new EnvironmentVariables(process ?? Environment.GetEnvironmentVariable, values);
    }

    // NAME=value, NAME='as it is', NAME="with \n, \" and \\"; an export before it, blank lines and # lines. Values are never shown.
    private static void ReadFile(string path, Dictionary<string, string> values, DiagnosticBag bag)
    {
        if (new FileInfo(path).Length > LargestFile)
        {
            bag.AddError(SourceSpan.Start(path), "ETL1036", ".env is larger than 1 MiB", "It holds lines of NAME=value.");
            return;
        }

        var number = 0;
        foreach (var line in File.ReadLines(path))
        {
            number++;
            var text = line.Trim();
            if (text.Length == 0 || text[0] == '#')
            {
                continue;
            }

            text = text.StartsWith("export ", StringComparison.Ordinal) ? text[7..].TrimStart() : text;
            var equals = text.IndexOf('=', StringComparison.Ordinal);
            if (equals <= 0 || !Interpolation.IsVariableName(text.AsSpan(0, equals).TrimEnd()) || Unquote(text[(equals + 1)..].Trim()) is not { } value)
            {
                bag.AddError(
                    new SourceSpan(path, number, 1), "ETL1036", "this line of .env is not NAME=value",
                    "A name has letters, digits and _; a value with spaces at its ends or with # stands in quotes, which are closed.");
                continue;
            }

            values[text[..equals].TrimEnd()] = value;
        }
    }

    private static string? Unquote(string text)
    {
        if (text.Length == 0 || text[0] is not ('\'' or '"'))
        {
            var comment = text.IndexOf(" #", StringComparison.Ordinal);
            return comment < 0 ? text : text[..comment].TrimEnd();
        }

        if (text[0] == '\'')
        {
            return text.Length > 1 && text.IndexOf('\'', 1) == text.Length - 1 ? text[1..^1] : null;
        }

        var value = new System.Text.StringBuilder();
        for (var i = 1; i < text.Length; i++)
        {
            switch (text[i])
            {
                case '"':
                    return i == text.Length - 1 ? value.ToString() : null;
                case '\\' when i + 1 < text.Length:
                    i++;
                    value.Append(text[i] switch { 'n' => '\n', 't' => '\t', 'r' => '\r', var c => c });
                    break;
                default:
                    value.Append(text[i]);
                    break;
            }
        }

        return null;
    }
}
