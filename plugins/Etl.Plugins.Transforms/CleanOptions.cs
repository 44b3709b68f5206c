using Etl.Contracts;
using FluentValidation;

namespace Etl.Plugins.Transforms;

/// <summary>Options of <see cref="Clean"/>, in the order in which they are applied to a column, however they are written.</summary>
public sealed record CleanOptions
{
    /// <summary>Ends.</summary>
    [Option("Columns to strip of white space at both ends, Unicode's included.", Example = "[email, status]", Identifier = true)]
    public IReadOnlyList<string> Trim { get; init; } = [];

    /// <summary>Runs of white space.</summary>
    [Option("Columns in which each run of white space becomes one space.", Example = "[name]", Identifier = true)]
    public IReadOnlyList<string> CollapseWhitespace { get; init; } = [];

    /// <summary>Lower case.</summary>
    [Option("Columns to put in lower case.", Example = "[email]", Identifier = true)]
    public IReadOnlyList<string> Lower { get; init; } = [];

    /// <summary>Upper case.</summary>
    [Option("Columns to put in upper case.", Example = "[country]", Identifier = true)]
    public IReadOnlyList<string> Upper { get; init; } = [];

    /// <summary>Empty texts.</summary>
    [Option("Columns in which an empty text becomes NULL.", Example = "[note]", Identifier = true)]
    public IReadOnlyList<string> EmptyToNull { get; init; } = [];

    /// <summary>Addresses.</summary>
    [Option("Columns with e-mail addresses: trimmed, in lower case; what has not the form of one is invalid.", Example = "[email]", Identifier = true)]
    public IReadOnlyList<string> Emails { get; init; } = [];

    /// <summary>Telephone numbers.</summary>
    [Option("Columns with international telephone numbers, put in the form +31201234567; a number without country code is invalid.", Example = "[phone]", Identifier = true)]
    public IReadOnlyList<string> Phones { get; init; } = [];

    /// <summary>Dates.</summary>
    [Option("Text column to the formats (strptime) that its dates may have, tried in order; the column becomes a date. One that is a date already stays.",
        Example = "{ born_on: [\"%Y-%m-%d\", \"%d/%m/%Y\"] }")]
    public IReadOnlyDictionary<string, IReadOnlyList<string>> Dates { get; init; } = new Dictionary<string, IReadOnlyList<string>>();

    /// <summary>What becomes of invalid values.</summary>
    [Option("What becomes of a row with an invalid value in emails, phones or dates; null keeps the row, with NULL in place of the value.")]
    public CastFailure OnInvalid { get; init; } = CastFailure.DeadLetter;

    /// <summary>Defaults.</summary>
    [Option("Column to the value that replaces NULL; it must fit the column's type.", Example = "{ currency: EUR }")]
    public IReadOnlyDictionary<string, string> Fill { get; init; } = new Dictionary<string, string>();

    /// <summary>Rows to leave out.</summary>
    [Option("Columns that must have a value; a row without is left out, and counted.", Example = "[order_id]", Identifier = true)]
    public IReadOnlyList<string> DropNulls { get; init; } = [];

    /// <summary>Rows to refuse.</summary>
    [Option("Columns that must have a value; a row without is kept as a dead letter.", Example = "[customer_id]", Identifier = true)]
    public IReadOnlyList<string> RefuseNulls { get; init; } = [];

    /// <summary>Values to hide in part.</summary>
    [Option("Text column to what of it stays readable; each other character becomes the mask.", Example = "{ card: { keep_last: 4 } }")]
    public IReadOnlyDictionary<string, MaskOptions> Mask { get; init; } = new Dictionary<string, MaskOptions>();

    /// <summary>Values to replace by a digest.</summary>
    [Option("Column to how it is hashed: it becomes text, a digest in lower case hex.", Example = "{ email: { salt: email_salt } }")]
    public IReadOnlyDictionary<string, HashOptions> Hash { get; init; } = new Dictionary<string, HashOptions>();
}

/// <summary>How a text is masked. A text that is not longer than what would be kept is masked whole.</summary>
public sealed record MaskOptions
{
    /// <summary>Readable at the start.</summary>
    [Option("Characters that stay readable at the start.", Min = 0, Max = 100)]
    public int KeepFirst { get; init; }

    /// <summary>Readable at the end.</summary>
    [Option("Characters that stay readable at the end.", Min = 0, Max = 100)]
    public int KeepLast { get; init; }

    /// <summary>The mask.</summary>
    [Option("The character that stands for a hidden one.")]
    public string With { get; init; } = "*";
}

/// <summary>How a value is hashed.</summary>
public sealed record HashOptions
{
    /// <summary>The digest.</summary>
    [Option("The digest: of the salt, if any, followed by the value as text (UTF-8).")]
    public HashAlgorithm Algorithm { get; init; } = HashAlgorithm.Sha256;

    /// <summary>The salt.</summary>
    [Option("The name of the pipeline's parameter that holds the salt. Without one, values that can be guessed (telephone numbers, addresses) can be found again by trying.", Example = "email_salt")]
    public string? Salt { get; init; }
}

/// <summary>Digests.</summary>
public enum HashAlgorithm
{
    /// <summary>SHA-256: 64 characters.</summary>
    Sha256,
}

/// <summary>Rules of <see cref="CleanOptions"/>.</summary>
public sealed class CleanRules : OptionsRules<CleanOptions>
{
    /// <summary>A column is not asked for two things that undo each other.</summary>
    public CleanRules()
    {
        RuleForEach(o => o.Upper).Must((o, c) => !Has(o.Lower, c)).WithMessage("is also in lower: choose one.");
        RuleForEach(o => o.Emails).Must((o, c) => !Has(o.Upper, c)).WithMessage("is also in upper: addresses are put in lower case.");
        RuleForEach(o => o.Phones).Must((o, c) => !Has(o.Emails, c)).WithMessage("is also in emails: choose one.");
        RuleForEach(o => o.RefuseNulls).Must((o, c) => !Has(o.DropNulls, c)).WithMessage("is also in drop_nulls: choose one.");
        RuleFor(o => o.Dates).Must((o, dates) => !dates.Keys.Any(c => Has(o.Emails, c) || Has(o.Phones, c))).WithMessage("names a column that is also in emails or phones.");
        RuleFor(o => o.Dates).Must(dates => dates.Values.All(formats => formats.Count > 0)).WithMessage("names a column without a format.");
        RuleFor(o => o.Hash).Must((o, hash) => !hash.Keys.Any(c => Has(o.Mask.Keys, c))).WithMessage("names a column that is also in mask.");
        RuleFor(o => o.Mask).Must(mask => mask.Values.All(m => m.With.EnumerateRunes().Count() == 1)).WithMessage("has a `with` that is not one character.");
    }

    private static bool Has(IEnumerable<string> columns, string column) => columns.Contains(column, StringComparer.OrdinalIgnoreCase);
}
