using Etl.Contracts;
using NUnit.Framework;

namespace Etl.Plugins.Tests;

/// <summary>An error as a person reads it: its code and message, what to do, and the option that it is about, which gives the position.</summary>
internal static class ErrorText
{
    /// <summary>What is told when <paramref name="act"/> fails; what differs from run to run has its name's place.</summary>
    public static async Task<string> OfAsync(Func<Task> act, params (string Value, string Name)[] varying)
    {
        try
        {
            await act();
        }
        catch (EtlException error)
        {
            var text = $"{error.Code}: {error.Message}{(error.Hint is null ? "" : $"\n  {error.Hint}")}{(error.OptionPath is null ? "" : $"\n  at {error.OptionPath}")}";
            return varying.Aggregate(text, (told, v) => told.Replace(v.Value, v.Name, StringComparison.Ordinal));
        }

        throw new AssertionException("an error was expected");
    }
}
