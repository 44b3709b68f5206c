using System.CommandLine;
using Etl.Contracts;
using Etl.Runtime.Profiling;

namespace Etl.Cli.Commands;

/// <summary><c>etl profile SOURCE</c>: what a table or a file holds, and the rules that follow.</summary>
internal static class ProfileCommand
{
    private static readonly Argument<string> Source = new("source")
    {
        Description = "A table, or a path where the connection keeps objects; without a connection a file (CSV, JSON, Parquet; * for several) or the folder of a Delta table.", HelpName = "SOURCE",
    };

    private static readonly Option<string?> Connection = new("--connection") { Description = "Where it is, a name in connections.yaml; a path of this machine when absent.", HelpName = "NAME" };
    private static readonly Option<string?> As = new("--as") { Description = "How it is read, where its name does not tell: csv, json, parquet, delta.", HelpName = "FORMAT" };
    private static readonly Option<string?> Contract = new("--contract") { Description = "Its contract: then types are not looked for, and values of columns with a classification are not shown.", HelpName = "FILE" };
    private static readonly Option<string[]> Columns = new("--columns") { Description = "Only these columns, with commas between.", HelpName = "NAME,..." };
    private static readonly Option<long?> Rows = new("--rows") { Description = "Stop after so many rows, the first that come.", HelpName = "N" };
    private static readonly Option<string[]> With = new("--with") { Description = "An option of the extractor, such as delimiter=;. May be given several times.", HelpName = "NAME=VALUE" };
    private static readonly Option<string?> Propose = new("--propose") { Description = "Print, instead of the profile, YAML with the rules that all rows fulfil: a contract with quality entries, or a check stage.", HelpName = "contract|checks" };
    private static readonly Option<FileInfo?> OutFile = new("--out") { Description = "Write the proposal to this file, which must not be there.", HelpName = "FILE" };

    public static Command Create(CliHost host)
    {
        Rows.Validators.Add(r => RequirePositive(r));
        var command = new Command("profile", "Shows what a table or a file holds: types, nulls, distinct values, ranges, patterns, keys; proposes rules.")
        {
            Source, Connection, As, Contract, Columns, Rows, With, Propose, OutFile, SharedOptions.Environment, SharedOptions.Plugins,
        };
        host.Handle(command, async call =>
        {
            var request = Request(call);
            var propose = call.Parse.GetValue(Propose);
            var file = call.Parse.GetValue(OutFile);
            if (propose is not (null or "contract" or "checks"))
            {
                throw Invocation.Usage($"--propose is '{propose}'; it must be one of: contract, checks");
            }

            if (file is not null && propose is null)
            {
                throw Invocation.Usage("--out is given without --propose", "For example: etl profile orders.csv --propose contract --out schemas/contracts/orders.yaml");
            }

            // Before all the reading.
            if (file is { Exists: true })
            {
                throw new EtlException("ETL6025", $"'{file}' is there already, and may have been worked on", "Name another file, or remove it.");
            }

            var profile = await call.App.ProfileAsync(call.Scope, request, call.Cancel);
            if (propose is not null)
            {
                await WriteAsync(call, propose == "contract" ? ProposedContract.Write(profile, request.Connection is { } name ? $"{name}.{profile.Name}" : profile.Name) : ProposedChecks.Write(profile), file);
            }
            else if (call.Json)
            {
                call.PrintJson(Document(profile));
            }
            else
            {
                call.Print(SourceProfileText.Render(profile));
            }

            return ExitCode.Done;
        });
        return command;
    }

    private static ProfileRequest Request(Invocation call)
    {
        var with = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var text in call.Parse.GetValue(With) ?? [])
        {
            var equals = text.IndexOf('=', StringComparison.Ordinal);
            if (equals <= 0 || !with.TryAdd(text[..equals], text[(equals + 1)..]))
            {
                throw Invocation.Usage(equals <= 0 ? $"--with '{text}' is not NAME=VALUE" : $"--with {text[..equals]} is given twice", "For example: --with delimiter=;");
            }
        }

        return new ProfileRequest(call.Parse.GetRequiredValue(Source))
        {
            Connection = call.Parse.GetValue(Connection),
            Format = call.Parse.GetValue(As),
            Contract = call.Parse.GetValue(Contract),
            Columns = [.. (call.Parse.GetValue(Columns) ?? []).SelectMany(c => c.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))],
            Rows = call.Parse.GetValue(Rows),
            With = with,
        };
    }

    private static void RequirePositive(System.CommandLine.Parsing.OptionResult result)
    {
        if (result.Tokens is [var token] && !(long.TryParse(token.Value, System.Globalization.NumberStyles.None, System.Globalization.CultureInfo.InvariantCulture, out var rows) && rows > 0))
        {
            result.AddError($"--rows is '{token.Value}'; it must be a number above zero.");
        }
    }

    private static async Task WriteAsync(Invocation call, string text, FileInfo? file)
    {
        if (file is null)
        {
            call.Print(text);
            return;
        }

        file.Directory?.Create();
        await File.WriteAllTextAsync(file.FullName, call.App.Redact(text), call.Cancel);
        call.Print($"{Path.GetRelativePath(Environment.CurrentDirectory, file.FullName)}  written\n");
    }

    private static object Document(SourceProfile profile) => new
    {
        Version = 1,
        profile.Source,
        profile.Kind,
        profile.Rows,
        profile.Sampled,
        profile.TypesAreFound,
        profile.Unreadable,
        Columns = profile.Columns.Select(c => new
        {
            c.Name,
            Type = c.PhysicalType,
            c.Classification,
            c.Nulls,
            NullShare = profile.Rows == 0 ? 0 : Math.Round((double)c.Nulls / profile.Rows, 6),
            c.Distinct,
            c.DistinctIsExact,
            c.Min,
            c.Max,
            c.Mean,
            c.MinLength,
            c.MaxLength,
            c.Values,
            c.Patterns,
            PatternCount = c.Patterns.Count > 0 ? c.PatternCount : (long?)null,
            c.Regex,
        }),
        profile.CandidateKeys,
    };
}
