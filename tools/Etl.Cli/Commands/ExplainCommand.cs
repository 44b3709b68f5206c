using System.CommandLine;
using Etl.Contracts;

namespace Etl.Cli.Commands;

/// <summary><c>etl explain ETL2001</c>: the page of a diagnostic.</summary>
internal static class ExplainCommand
{
    private static readonly Argument<string> Code = new("code") { Description = "Such as ETL2001.", HelpName = "CODE" };

    public static Command Create(CliHost host)
    {
        var command = new Command("explain", "Tells what an error is about, and what to do.") { Code, SharedOptions.Plugins };
        host.Handle(command, async call =>
        {
            var code = Normalised(call.Parse.GetRequiredValue(Code));
            var page = await call.App.ExplainAsync(call.Scope, code, call.Cancel)
                ?? throw new EtlException("ETL4603", $"there is no page for '{code}'", "Codes are ETL and four digits, as in an error.");
            if (call.Json)
            {
                call.PrintJson(new { Version = 1, page.Code, page.Title, page.Text });
            }
            else
            {
                call.Print($"{page.Code}: {page.Title}\n\n{page.Text.TrimEnd()}\n");
            }

            return ExitCode.Done;
        });
        return command;
    }

    // 2001 and etl2001 are what people type.
    private static string Normalised(string code) =>
        code.Length == 4 && code.All(char.IsAsciiDigit) ? $"ETL{code}" : code.ToUpperInvariant();
}
