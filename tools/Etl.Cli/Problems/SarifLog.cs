using System.Reflection;
using System.Text.Json.Nodes;
using Etl.Runtime.Diagnostics;

namespace Etl.Cli.Problems;

/// <summary>
/// The Static Analysis Results Interchange Format 2.1.0 (OASIS): what GitHub's code scanning, Azure DevOps and editors read. Each code that
/// occurs is a rule, with its page as help.
/// </summary>
internal static class SarifLog
{
    private const string Root = "%SRCROOT%";

    public static string Write(ValidationResult result, RepositoryPaths paths)
    {
        var codes = result.Diagnostics.Select(d => d.Code).Distinct().Order(StringComparer.Ordinal).ToList();
        var fingerprint = new Fingerprint(paths);
        var run = new JsonObject
        {
            ["tool"] = new JsonObject
            {
                ["driver"] = new JsonObject
                {
                    ["name"] = "etl",
                    ["semanticVersion"] = typeof(SarifLog).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()!.InformationalVersion,
                    ["rules"] = new JsonArray([.. codes.Select(Rule)]),
                },
            },
            // A column counts UTF-16 code units.
            ["columnKind"] = "utf16CodeUnits",
            ["results"] = new JsonArray([.. result.Diagnostics.Select(d => Result(d, codes.IndexOf(d.Code), paths, fingerprint))]),
        };
        return JsonOutput.Write(new JsonObject
        {
            ["$schema"] = "https://json.schemastore.org/sarif-2.1.0.json",
            ["version"] = "2.1.0",
            ["runs"] = new JsonArray(run),
        }) + "\n";
    }

    private static JsonObject Rule(string code)
    {
        var rule = new JsonObject { ["id"] = code };
        if (DiagnosticCatalog.Find(code) is { } page)
        {
            rule["shortDescription"] = new JsonObject { ["text"] = page.Title };
            rule["help"] = new JsonObject { ["text"] = page.Text, ["markdown"] = page.Text };
        }

        return rule;
    }

    private static JsonObject Result(Diagnostic d, int rule, RepositoryPaths paths, Fingerprint fingerprint) => new JsonObject
    {
        ["ruleId"] = d.Code,
        ["ruleIndex"] = rule,
        ["level"] = d.Severity == Severity.Error ? "error" : "warning",
        ["message"] = new JsonObject { ["text"] = ProblemFormat.Sentence(d) },
        ["locations"] = new JsonArray(new JsonObject
        {
            ["physicalLocation"] = new JsonObject
            {
                ["artifactLocation"] = Location(paths.Of(d.Span.File)),
                ["region"] = new JsonObject { ["startLine"] = d.Span.Line, ["startColumn"] = d.Span.Column },
            },
        }),
        ["partialFingerprints"] = new JsonObject { ["etl/v1"] = fingerprint.Of(d) },
    };

    private static JsonObject Location(string path) => path.StartsWith('/')
        ? new JsonObject { ["uri"] = new Uri(path).AbsoluteUri }
        : new JsonObject { ["uri"] = string.Join('/', path.Split('/').Select(Uri.EscapeDataString)), ["uriBaseId"] = Root };
}
