using System.Text.RegularExpressions;
using Etl.Contracts;

namespace Etl.Plugins.Tests;

/// <summary>An error as people read it, for tests that pin it whole.</summary>
internal static partial class WholeText
{
    /// <summary><c>OPTION+OFFSET: ETLnnnn: what is wrong. What to do.</c></summary>
    public static string Of(EtlException error)
    {
        var at = (error.OptionPath, error.OptionOffset) switch
        {
            (null, _) => "",
            (var path, null) => $"{path}: ",
            var (path, offset) => FormattableString.Invariant($"{path}+{offset}: "),
        };
        return $"{at}{error.Code}: {error.Message}.{(error.Hint is null ? "" : $" {error.Hint}")}";
    }

    /// <summary>With N for each number: of transactions and processes, which are others in each run.</summary>
    public static string Unnumbered(string text) => Numbers().Replace(text, "N");

    /// <summary>Of what this throws.</summary>
    public static async Task<string> OfAsync(Func<Task> act)
    {
        try
        {
            await act();
        }
        catch (EtlException error)
        {
            return Of(error);
        }

        return "nothing was thrown";
    }

    [GeneratedRegex(@"\b[0-9]+\b")]
    private static partial Regex Numbers();
}
