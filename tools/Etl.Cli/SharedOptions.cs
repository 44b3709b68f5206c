using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using Etl.Contracts;

namespace Etl.Cli;

/// <summary>Options that several commands have, with one name and one meaning.</summary>
internal static class SharedOptions
{
    public static Option<string> Output { get; } = Global(Choice("--output", "What standard output holds.", "text", "json"));

    public static Option<bool> Trace { get; } = Global(new Option<bool>("--trace") { Description = "Log in detail, and show where an unknown error comes from." });

    public static Option<string?> Environment { get; } = new("--env") { Description = "Lay connections.NAME.yaml over connections.yaml.", HelpName = "NAME" };

    public static Option<string[]> Plugins { get; } = new("--plugins") { Description = "A folder of plugins, searched before all others; may be given several times.", HelpName = "DIR" };

    public static Option<string[]> Parameters { get; } = new("--param") { Description = "The value of a parameter of the pipeline; may be given several times.", HelpName = "NAME=VALUE" };

    public static Option<DateOnly?> Date { get; } = new("--date")
    {
        Description = "The logical date of the run, yyyy-MM-dd; today in the project's time zone when absent.",
        HelpName = "DATE",
        CustomParser = ParseDate,
    };

    /// <summary>An option with listed values; the first is the default.</summary>
    public static Option<string> Choice(string name, string description, params string[] values)
    {
        var option = new Option<string>(name)
        {
            Description = description, HelpName = string.Join('|', values), DefaultValueFactory = _ => values[0],
        };
        option.Validators.Add(result =>
        {
            if (result.Tokens is [var token] && !values.Contains(token.Value))
            {
                result.AddError($"{name} is '{token.Value}'; it must be one of: {string.Join(", ", values)}.");
            }
        });
        return option;
    }

    public static Scope Scope(ParseResult parse) => new(
        Declared(parse, Environment) ? parse.GetValue(Environment) ?? "default" : "default",
        Declared(parse, Plugins) ? parse.GetValue(Plugins) ?? [] : []);

    /// <summary><c>--param k=v</c> by name. ETL4602: one without a sign of equality, or twice.</summary>
    public static IReadOnlyDictionary<string, string> ParametersOf(ParseResult parse)
    {
        var values = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var text in parse.GetValue(Parameters) ?? [])
        {
            var equals = text.IndexOf('=', StringComparison.Ordinal);
            if (equals <= 0)
            {
                throw new EtlException("ETL4602", $"--param '{text}' is not NAME=VALUE", "For example: --param vat=0.21");
            }

            if (!values.TryAdd(text[..equals], text[(equals + 1)..]))
            {
                throw new EtlException("ETL4602", $"--param {text[..equals]} is given twice", "Give it once.");
            }
        }

        return values;
    }

    /// <summary>An amount with a unit, <c>512MB</c>.</summary>
    public static ByteSize? ParseBytes(ArgumentResult result)
    {
        var text = result.Tokens[0].Value;
        var digits = text.TakeWhile(char.IsAsciiDigit).Count();
        var shift = text[digits..].ToUpperInvariant() switch { "KB" => 10, "MB" => 20, "GB" => 30, _ => 0 };
        if (shift > 0 && long.TryParse(text.AsSpan(0, digits), NumberStyles.None, CultureInfo.InvariantCulture, out var amount) && amount > 0 && amount <= long.MaxValue >> shift)
        {
            return new ByteSize(amount << shift);
        }

        result.AddError($"'{text}' is not an amount of memory such as 512MB.");
        return null;
    }

    private static DateOnly? ParseDate(ArgumentResult result)
    {
        var text = result.Tokens[0].Value;
        if (DateOnly.TryParseExact(text, "yyyy-MM-dd", CultureInfo.InvariantCulture, DateTimeStyles.None, out var date))
        {
            return date;
        }

        result.AddError($"'{text}' is not a date such as 2026-11-24.");
        return null;
    }

    // Every command has it.
    private static Option<T> Global<T>(Option<T> option)
    {
        option.Recursive = true;
        return option;
    }

    // Not every command has them, and the parser throws for one that its command does not know.
    private static bool Declared(ParseResult parse, Option option) => parse.CommandResult.Command.Options.Contains(option);
}
