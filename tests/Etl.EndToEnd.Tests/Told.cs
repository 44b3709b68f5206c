using System.Text.RegularExpressions;

namespace Etl.EndToEnd.Tests;

/// <summary>What a command tells is wrong, whole: from the place and the code to what to do about it. Folders and runs have other names each time.</summary>
internal static partial class Told
{
    public static string By(CliResult result, ProjectFolder project)
    {
        var told = Problem().Match(result.Out + result.Error);
        return told.Success
            ? Run().Replace(told.Value.Trim().Replace(project.Folder, "PROJECT", StringComparison.Ordinal), "RUN")
            : $"nothing is told: {result}";
    }

    // Up to an empty line, or the line that counts the problems.
    [GeneratedRegex(@"^[^{\n]*\b(?:error|warning) ETL[0-9]{4}.*(?:\n(?!\d+ (?:pipelines?|errors?)[:,]).+)*", RegexOptions.Multiline)]
    private static partial Regex Problem();

    [GeneratedRegex("[0-9]{8}T[0-9]{6}-[0-9a-f]{6}")]
    private static partial Regex Run();
}
