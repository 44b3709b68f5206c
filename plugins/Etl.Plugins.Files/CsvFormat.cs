using System.Linq.Expressions;
using System.Text;
using Etl.Contracts;
using FluentValidation;

namespace Etl.Plugins.Files;

/// <summary>How a CSV file is written: RFC 4180 with these settings, UTF-8.</summary>
internal interface ICsvFormat
{
    /// <summary>Between fields.</summary>
    string Delimiter { get; }

    /// <summary>Around fields.</summary>
    string Quote { get; }

    /// <summary>The first line names the columns.</summary>
    bool Header { get; }

    /// <summary>NULL.</summary>
    string NullText { get; }
}

/// <summary>The settings as bytes.</summary>
/// <param name="Delimiter">Between fields.</param>
/// <param name="Quote">Around fields.</param>
/// <param name="NullText">UTF-8.</param>
internal readonly record struct CsvFormat(byte Delimiter, byte Quote, byte[] NullText)
{
    public const string DelimiterText = "The character between fields: one ASCII character.";
    public const string DelimiterExample = "\";\"";
    public const string QuoteText = "The character around fields that hold special ones; doubled within: one ASCII character.";
    public const string HeaderText = "The first line names the columns.";
    public const string NullTextText = "What stands for NULL when it is not quoted; in quotes it is text.";
    public const string NullTextExample = "\"\\\\N\"";

    public static CsvFormat Of(ICsvFormat options) => new((byte)options.Delimiter[0], (byte)options.Quote[0], Encoding.UTF8.GetBytes(options.NullText));

    /// <summary>One ASCII character each, all different.</summary>
    public static void AddRules<T>(OptionsRules<T> rules, Expression<Func<T, string>> delimiter, Expression<Func<T, string>> quote, Expression<Func<T, string>> nullText) where T : ICsvFormat
    {
        rules.RuleFor(delimiter).Must(IsOne).WithMessage("must be one ASCII character that is no line break.");
        rules.RuleFor(quote).Must(IsOne).WithMessage("must be one ASCII character that is no line break.");
        rules.RuleFor(quote).Must((o, value) => value != o.Delimiter).WithMessage("must differ from delimiter.");
        rules.RuleFor(nullText).Must((o, text) => text.AsSpan().IndexOfAny('\r', '\n') < 0
            && !text.Contains(o.Delimiter, StringComparison.Ordinal) && !text.Contains(o.Quote, StringComparison.Ordinal))
            .WithMessage("must hold neither delimiter nor quote nor a line break.");
    }

    private static bool IsOne(string text) => text.Length == 1 && text[0] is < '\x7F' and not ('\r' or '\n' or '\0');
}
