using Etl.Contracts;
using NUnit.Framework;

namespace Etl.Plugins.Tests;

/// <summary>An error as a person reads it: its code and message, what to do, and the option with the character in it that it is about, which give the position.</summary>
internal static class ErrorText
{
    /// <summary>What is told when <paramref name="act"/> fails; what differs from run to run has its name's place.</summary>
    public static async Task<string> OfAsync(Func<Task> act, params (string Value, string Name)[] varying)
    {
        var error = await ThrownAsync(act);
        var at = error.OptionPath is null ? "" : FormattableString.Invariant($"\n  at {error.OptionPath}{error.OptionOffset:+0}");
        var text = $"{error.Code}: {error.Message}{(error.Hint is null ? "" : $"\n  {error.Hint}")}{at}";
        return varying.Aggregate(text, (told, v) => told.Replace(v.Value, v.Name, StringComparison.Ordinal));
    }

    /// <summary>The error that <paramref name="act"/> fails with.</summary>
    public static async Task<EtlException> ThrownAsync(Func<Task> act)
    {
        try
        {
            await act();
        }
        catch (EtlException error)
        {
            return error;
        }

        throw new AssertionException("an error was expected");
    }
}
