using Etl.Contracts;

namespace Etl.Runtime.Tests;

/// <summary>An error as people read it, for tests that pin it whole.</summary>
internal static class WholeText
{
    /// <summary><c>OPTION: ETLnnnn: what is wrong. What to do.</c></summary>
    public static string Of(EtlException error) =>
        $"{(error.OptionPath is null ? "" : $"{error.OptionPath}: ")}{error.Code}: {error.Message}.{(error.Hint is null ? "" : $" {error.Hint}")}";

    /// <summary>Of what this throws.</summary>
    public static string Of(Action act)
    {
        try
        {
            act();
        }
        catch (EtlException error)
        {
            return Of(error);
        }

        return "nothing was thrown";
    }
}
