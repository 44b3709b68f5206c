using System.Diagnostics;
using NUnit.Framework;

namespace Etl.Runtime.Tests.Cli;

/// <summary>The built program as a process of its own.</summary>
public sealed class EtlProcessTests
{
    private DirectoryInfo folder = null!;

    [SetUp]
    public void Create() => folder = Directory.CreateTempSubdirectory("etl-cli-");

    [TearDown]
    public void Delete() => folder.Delete(recursive: true);

    [Test]
    public async Task Help_is_on_standard_output()
    {
        var (code, output, error) = await EtlAsync("--help");

        Assert.That((code, error), Is.EqualTo((0, "")));
        Assert.That(output, Does.Contain("  run <PIPELINE> ").And.Contain("  dead-letters "));
    }

    [Test]
    public async Task A_group_without_a_command_shows_its_help_on_standard_error()
    {
        var (code, output, error) = await EtlAsync("runs");

        Assert.That((code, output), Is.EqualTo((2, "")));
        Assert.That(error, Does.Contain("  list ").And.Contain("  show <RUN> "));
    }

    [Test]
    public async Task Wrong_usage_is_exit_code_2()
    {
        var (code, output, error) = await EtlAsync("plan");

        Assert.That((code, output), Is.EqualTo((2, "")));
        Assert.That(error, Is.EqualTo("error ETL4600: Required argument 'PIPELINE' missing for command: 'plan'\n  `etl plan --help` shows what there is.\n"));
    }

    [Test]
    public async Task Runs_of_a_project_without_runs_are_none_and_leave_no_trace()
    {
        var (code, output, error) = await EtlAsync("runs", "list");

        Assert.That((code, output, error), Is.EqualTo((0, "no runs\n", "")));
        Assert.That(folder.GetFileSystemInfos(), Is.Empty);
    }

    [Test]
    public async Task No_text_that_is_printed_does_anything_to_a_terminal()
    {
        var (code, _, error) = await EtlAsync("runs", "show", "\u001b]0;owned\u0007\u001b[2J\r\u009b");

        Assert.That(code, Is.EqualTo(2));
        Assert.That(error, Does.Contain("\\x1b]0;owned\\x07\\x1b[2J\\x0d\\x9b"));
        Assert.That(error.Where(char.IsControl).Distinct(), Is.EqualTo(new[] { '\n' }));
    }

    [Test]
    public async Task An_error_is_also_a_document_when_that_was_asked_for()
    {
        var (code, output, error) = await EtlAsync("runs", "show", "abc", "--output", "json");

        Assert.That(code, Is.EqualTo(2));
        Assert.That(output, Is.EqualTo(
            """
            {
              "version": 1,
              "error": {
                "code": "ETL4603",
                "message": "the ledger knows no run 'abc'",
                "hint": "`etl runs list` shows them."
              }
            }

            """.ReplaceLineEndings("\n")));
        Assert.That(error, Is.EqualTo("error ETL4603: the ledger knows no run 'abc'\n  `etl runs list` shows them.\n"));
    }

    private async Task<(int Code, string Output, string Error)> EtlAsync(params string[] arguments)
    {
        var start = new ProcessStartInfo("dotnet", [Path.Combine(TestContext.CurrentContext.TestDirectory, "etl.dll"), .. arguments])
        {
            RedirectStandardOutput = true, RedirectStandardError = true, WorkingDirectory = folder.FullName,
        };
        using var process = Process.Start(start)!;
        var (output, error) = (process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
        await process.WaitForExitAsync();
        return (process.ExitCode, (await output).ReplaceLineEndings("\n"), (await error).ReplaceLineEndings("\n"));
    }
}
