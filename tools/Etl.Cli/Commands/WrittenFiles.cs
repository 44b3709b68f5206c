using Etl.Contracts;

namespace Etl.Cli.Commands;

/// <summary>What <c>etl new</c> and <c>etl contract import</c> say they did.</summary>
internal static class WrittenFiles
{
    /// <summary>Prints the files. ETL4603: none, because no table matched.</summary>
    public static int Write(Invocation call, IReadOnlyList<WrittenFile> files, string pattern)
    {
        if (files.Count == 0)
        {
            throw new EtlException("ETL4603", $"no table matches '{pattern}'", "Without a dot a pattern is about the connection's schema; 'schema.*' says it all.");
        }

        if (call.Json)
        {
            call.PrintJson(new { Version = 1, Files = files });
            return ExitCode.Done;
        }

        foreach (var f in files)
        {
            call.Print($"{(f.Written ? "wrote" : "kept ")} {f.Path}{(f.Note is null ? "" : $": {f.Note}")}\n");
        }

        if (files.Any(f => !f.Written))
        {
            call.Print("Files that were there are kept; --overwrite replaces them.\n");
        }

        return ExitCode.Done;
    }
}
