using System.ComponentModel;
using System.Diagnostics;
using System.Formats.Tar;
using Etl.Contracts;

namespace Etl.Cli;

/// <summary>The files of a git revision, in a temporary folder; the repository and its work tree are not touched.</summary>
internal sealed class GitRevision : IDisposable
{
    // What the compiler reads is smaller; data that somebody committed stays out.
    private const long LargestFile = 4 << 20;

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("etl-diff-");

    private GitRevision() { }

    /// <summary>Where they are.</summary>
    public string Folder => _folder.FullName;

    /// <summary>The root of the repository that a folder belongs to. ETL4660: there is none.</summary>
    public static async Task<string> RootAsync(string folder, CancellationToken cancel)
    {
        var (exitCode, output, _) = await RunAsync(folder, ["rev-parse", "--show-toplevel"], ReadTextAsync, cancel);
        return exitCode == 0 ? Path.GetFullPath(output.TrimEnd()) : throw NoRepository(folder, null);
    }

    /// <summary>Takes a revision out of a repository. ETL4661: there is no such revision.</summary>
    public static async Task<GitRevision> CheckOutAsync(string root, string reference, CancellationToken cancel)
    {
        var (known, commit, _) = await RunAsync(root, ["rev-parse", "--verify", "--quiet", "--end-of-options", reference + "^{commit}"], ReadTextAsync, cancel);
        if (known != 0)
        {
            throw new EtlException("ETL4661", $"there is no revision '{reference}'", "Name a branch, a tag or a commit; a shallow clone fetches the base first: git fetch origin BRANCH.");
        }

        var revision = new GitRevision();
        try
        {
            var (exitCode, _, error) = await RunAsync(root, ["archive", "--format=tar", commit.TrimEnd()], revision.ExtractAsync, cancel);
            return exitCode == 0 ? revision : throw new EtlException("ETL4661", $"git cannot give the files of '{reference}': {error.TrimEnd()}", "Look at the repository with `git fsck`; a partial clone has to be able to fetch what it lacks.");
        }
        catch
        {
            revision.Dispose();
            throw;
        }
    }

    public void Dispose() => _folder.Delete(recursive: true);

    private async Task<string> ExtractAsync(Stream tar, CancellationToken cancel)
    {
        await using var reader = new TarReader(tar, leaveOpen: true);
        while (await reader.GetNextEntryAsync(cancellationToken: cancel) is { } entry)
        {
            var path = Path.GetFullPath(Path.Combine(Folder, entry.Name));
            // Links could lead out of the folder.
            if (entry.EntryType is TarEntryType.RegularFile or TarEntryType.V7RegularFile && entry.Length <= LargestFile && path.StartsWith(Folder + Path.DirectorySeparatorChar, StringComparison.Ordinal))
            {
                Directory.CreateDirectory(Path.GetDirectoryName(path)!);
                await entry.ExtractToFileAsync(path, overwrite: true, cancel);
            }
        }

        return "";
    }

    private static async Task<string> ReadTextAsync(Stream output, CancellationToken cancel)
    {
        using var reader = new StreamReader(output, leaveOpen: true);
        return await reader.ReadToEndAsync(cancel);
    }

    private static async Task<(int ExitCode, string Output, string Error)> RunAsync(
        string folder, string[] arguments, Func<Stream, CancellationToken, Task<string>> read, CancellationToken cancel)
    {
        Process git;
        try
        {
            git = Process.Start(new ProcessStartInfo("git", arguments) { WorkingDirectory = folder, RedirectStandardOutput = true, RedirectStandardError = true })!;
        }
        catch (Win32Exception e)
        {
            throw NoRepository(folder, e);
        }

        using (git)
        {
            var error = git.StandardError.ReadToEndAsync(cancel);
            var output = await read(git.StandardOutput.BaseStream, cancel);
            // An archive ends in padding that its reader leaves; git waits until it is taken.
            await git.StandardOutput.BaseStream.CopyToAsync(Stream.Null, cancel);
            await git.WaitForExitAsync(cancel);
            return (git.ExitCode, output, await error);
        }
    }

    private static EtlException NoRepository(string folder, Exception? inner) =>
        new("ETL4660", inner is null ? $"'{folder}' is not in a git repository" : "git cannot be started", "`etl diff` compares with a revision of the repository that holds the pipelines.", inner);
}
