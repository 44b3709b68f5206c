using System.CommandLine;
using System.Globalization;
using Etl.Contracts;
using Etl.Runtime.Testing;

namespace Etl.Cli.Commands;

/// <summary><c>etl test [PATH...]</c>: runs the tests that pipelines hold.</summary>
internal static class TestCommand
{
    private static readonly Argument<string[]> Paths = new("paths")
    {
        Description = "Pipelines, or folders with pipelines; this folder when absent.", Arity = ArgumentArity.ZeroOrMore, HelpName = "PATH",
    };

    private static readonly Option<string?> Filter = new("--filter") { Description = "Only tests whose name contains this text.", HelpName = "TEXT" };

    private static readonly Option<string> Format = SharedOptions.Choice("--format", "How results are written.", "text", "json", "junit");

    private static readonly Option<bool> Generate = new("--generate") { Description = "Prints tests at the edges of the types and rules of one pipeline, to choose from; runs none." };

    public static Command Create(CliHost host)
    {
        var command = new Command("test", "Runs the tests that pipelines hold, without connecting to anything.")
        {
            Paths, Filter, Format, Generate, SharedOptions.Parameters, SharedOptions.Environment, SharedOptions.Plugins,
        };
        host.Handle(command, async call =>
        {
            var paths = call.Parse.GetValue(Paths) is { Length: > 0 } given ? given : ["."];
            var filter = call.Parse.GetValue(Filter);
            var parameters = SharedOptions.ParametersOf(call.Parse);
            if (call.Parse.GetValue(Generate))
            {
                return await GenerateAsync(call, paths, filter, parameters);
            }

            if (parameters.Count > 0)
            {
                throw Invocation.Usage("--param goes with --generate", "A test has its own `params`.");
            }

            var files = await call.App.TestAsync(call.Scope, paths, filter, call.Cancel);
            if (filter is not null && !files.Any(f => f.Tests.Count > 0 || IsWrong(f)))
            {
                throw new EtlException("ETL4640", $"no test has '{filter}' in its name", "Without --filter all run, and their names are shown.");
            }

            Write(call, files, call.Json ? "json" : call.Parse.GetValue(Format)!);
            return files.Any(IsWrong) ? ExitCode.InvalidInput : files.Any(f => f.Tests.Any(t => !t.Passed)) ? ExitCode.Failed : ExitCode.Done;
        });
        return command;
    }

    private static async Task<int> GenerateAsync(Invocation call, string[] paths, string? filter, IReadOnlyDictionary<string, string> parameters)
    {
        if (paths is not [var pipeline] || filter is not null)
        {
            throw Invocation.Usage("--generate takes one pipeline, and no --filter", "For example: etl test orders.yaml --generate");
        }

        call.Print(await call.App.ProposeTestsAsync(call.Scope, pipeline, parameters, call.Cancel));
        return ExitCode.Done;
    }

    private static void Write(Invocation call, IReadOnlyList<TestFileResult> files, string format)
    {
        if (format == "json")
        {
            call.PrintJson(new { Version = 1, Files = files.Select(Document) });
            return;
        }

        if (format == "junit")
        {
            call.Print(JUnit.Write(files));
        }
        else
        {
            WriteText(call, files);
        }

        foreach (var problem in files.SelectMany(f => f.Problems))
        {
            call.Host.Error.WriteLine(call.App.Redact(problem.ToString()));
        }
    }

    private static void WriteText(Invocation call, IReadOnlyList<TestFileResult> files)
    {
        foreach (var file in files.Where(f => f.Tests.Count > 0))
        {
            call.Print($"{file.File}\n");
            foreach (var test in file.Tests)
            {
                call.Print(string.Create(CultureInfo.InvariantCulture, $"  {(test.Passed ? "ok  " : "FAIL")}  {test.Test.Name}  ({test.Elapsed.TotalMilliseconds:0} ms)\n"));
                foreach (var difference in test.Differences)
                {
                    call.Print($"        {difference}\n");
                }
            }
        }

        var tests = files.SelectMany(f => f.Tests).ToList();
        var wrong = files.Count(IsWrong);
        call.Print($"{ErrorOutput.Count(tests.Count, "test")}: {tests.Count(t => t.Passed)} passed, {tests.Count(t => !t.Passed)} failed{(wrong == 0 ? "" : $"; {ErrorOutput.Count(wrong, "pipeline")} not tested")}\n");
    }

    private static bool IsWrong(TestFileResult file) => file.Problems.Count > 0;

    private static object Document(TestFileResult file) => new
    {
        file.File,
        file.Pipeline,
        Tests = file.Tests.Select(t => new
        {
            t.Test.Name,
            t.Test.Span.Line,
            t.Passed,
            Seconds = Math.Round(t.Elapsed.TotalSeconds, 3),
            Differences = t.Differences.Select(d => new { d.Span.Line, d.Span.Column, d.Message }),
        }),
        Problems = file.Problems.Select(Problem.Of),
    };
}
