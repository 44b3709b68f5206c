using System.Text;
using Etl.Contracts;
using FluentValidation;

namespace Etl.Plugins.Files;

/// <summary>How a CSV file is written: RFC 4180 with these settings, UTF-8.</summary>
public abstract record CsvFormatOptions
{
    /// <summary>Between fields.</summary>
    [Option("The character between fields: one ASCII character.", Example = "\";\"")]
    public string Delimiter { get; init; } = ",";

    /// <summary>Around fields.</summary>
    [Option("The character around fields that hold special ones; doubled within: one ASCII character.")]
    public string Quote { get; init; } = "\"";

    /// <summary>The first line.</summary>
    [Option("The first line names the columns.")]
    public bool Header { get; init; } = true;

    /// <summary>NULL.</summary>
    [Option("What stands for NULL when it is not quoted; in quotes it is text.", Example = "\"\\\\N\"")]
    public string NullText { get; init; } = "";
}

/// <summary>Settings that do not contradict each other.</summary>
public abstract class CsvFormatRules<T> : OptionsRules<T> where T : CsvFormatOptions
{
    /// <summary>One ASCII character each, all different.</summary>
    protected CsvFormatRules()
    {
        RuleFor(o => o.Delimiter).Must(IsOne).WithMessage("must be one ASCII character that is no line break.");
        RuleFor(o => o.Quote).Must(IsOne).WithMessage("must be one ASCII character that is no line break.");
        RuleFor(o => o.Quote).Must((o, quote) => quote != o.Delimiter).WithMessage("must differ from delimiter.");
        RuleFor(o => o.NullText).Must((o, text) => text.AsSpan().IndexOfAny('\r', '\n') < 0
            && !text.Contains(o.Delimiter, StringComparison.Ordinal) && !text.Contains(o.Quote, StringComparison.Ordinal))
            .WithMessage("must hold neither delimiter nor quote nor a line break.");
    }

    private static bool IsOne(string text) => text.Length == 1 && text[0] is < '\x7F' and not ('\r' or '\n' or '\0');
}

/// <summary>The settings as bytes.</summary>
/// <param name="Delimiter">Between fields.</param>
/// <param name="Quote">Around fields.</param>
/// <param name="NullText">UTF-8.</param>
internal readonly record struct CsvFormat(byte Delimiter, byte Quote, byte[] NullText)
{
    public static CsvFormat Of(CsvFormatOptions options) => new((byte)options.Delimiter[0], (byte)options.Quote[0], Encoding.UTF8.GetBytes(options.NullText));
}
