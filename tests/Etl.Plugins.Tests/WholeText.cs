using System.Text.RegularExpressions;
using Etl.Contracts;
using NUnit.Framework;

namespace Etl.Plugins.Tests;

/// <summary>As <see cref="ErrorText"/>, in one line.</summary>
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
    public static async Task<string> OfAsync(Func<Task> act) => Of(await ErrorText.ThrownAsync(act));

    /// <summary>Of what this throws.</summary>
    public static string Of(Action act) => Of(Assert.Catch<EtlException>(act)!);

    [GeneratedRegex(@"\b[0-9]+\b")]
    private static partial Regex Numbers();
}
