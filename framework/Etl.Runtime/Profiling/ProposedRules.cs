using System.Globalization;
using Apache.Arrow.Types;
using Etl.Contracts;

namespace Etl.Runtime.Profiling;

/// <summary>Limits of a column, in the form of its type.</summary>
internal sealed record ProposedRange(string? Min, string? Max);

/// <summary>
/// Rules that hold for all rows that were seen and are likely to hold for the next ones: where a rule would only repeat the data, it is wider than the data (a range ends at a
/// round number) or is not proposed at all (values of a column that has many).
/// </summary>
internal sealed class ProposedRules
{
    // Of fewer rows nothing follows.
    private const long FewestRows = 10;
    private const long FewestRowsOfPair = 100;
    private const int RowsForEachValue = 3;
    private const long LongestKey = 64;

    private ProposedRules(SourceProfile profile)
    {
        Profile = profile;
        NotNull = [.. profile.Columns.Where(c => c.Nulls == 0).Select(c => c.Name)];
        Unique = [.. profile.CandidateKeys.Where(k => !k.IsDeclared && IsKey(k)).Select(k => k.Columns)];
        // One pair is a find, several are chance.
        Unique = [.. Unique.Where(k => k.Count == 1).Concat(Unique.Where(k => k.Count > 1).Take(1))];
        foreach (var column in profile.Columns.Where(c => !c.IsSensitive && profile.Rows - c.Nulls >= FewestRows))
        {
            if (IsEnumeration(column))
            {
                Accepted.Add(column.Name, [.. column.Values.Select(v => v.Value).Order(StringComparer.Ordinal)]);
            }
            else if (column.Regex is { } regex && SaysSomething(regex))
            {
                Matches.Add(column.Name, regex);
            }

            if (RangeOf(column) is { } range)
            {
                Ranges.Add(column.Name, range);
            }
        }
    }

    public SourceProfile Profile { get; }

    public IReadOnlyList<string> NotNull { get; }

    /// <summary>Each of columns that are unique together; the source's own key is none of them.</summary>
    public IReadOnlyList<IReadOnlyList<string>> Unique { get; }

    public Dictionary<string, IReadOnlyList<string>> Accepted { get; } = [];

    public Dictionary<string, ProposedRange> Ranges { get; } = [];

    public Dictionary<string, string> Matches { get; } = [];

    /// <summary>The rules of a profile. ETL6024: it saw no row.</summary>
    public static ProposedRules Of(SourceProfile profile) => profile.Rows > 0
        ? new ProposedRules(profile)
        : throw new EtlException("ETL6024", $"'{profile.Source}' has no rows, and of none nothing follows", "Profile it when it has some, or another file of its kind.");

    /// <summary>How the proposal came about, as lines of comment.</summary>
    public IEnumerable<string> Remarks()
    {
        yield return $"# Proposed by `etl profile` from {(Profile.Sampled ? "the first " : "")}{Profile.Rows.ToString("N0", CultureInfo.InvariantCulture)} rows of {Profile.Source.ReplaceLineEndings(" ")}.";
        yield return "# All of them fulfil it. Read each rule before you rely on it: rows that were not seen may be others, and rightly so.";
    }

    private bool IsKey(CandidateKey key) => Profile.Rows >= (key.Columns.Count == 1 ? FewestRows : FewestRowsOfPair)
        && key.Columns.Select(Column).All(c => c.MaxLength is null or <= LongestKey)
        && (key.Columns.Count > 1 || Column(key.Columns[0]).Type is not (Date32Type or TimestampType));

    private ColumnProfile Column(string name) => Profile.Columns.First(c => c.Name == name);

    private bool IsEnumeration(ColumnProfile column) =>
        column is { Type: StringType, DistinctIsExact: true } && column.Values.Count == column.Distinct && column.PhysicalType is not ("json" or "jsonb")
        && column.Distinct * RowsForEachValue <= Profile.Rows - column.Nulls && column.Values.All(v => v.Value.Length > 0 && !v.Value.Any(char.IsControl));

    // Runs of letters are words, and every word is of them.
    private static bool SaysSomething(string regex) => regex.Replace("[A-Z]+", "", StringComparison.Ordinal).Replace("[a-z]+", "", StringComparison.Ordinal)
        .Replace("[A-Z]", "", StringComparison.Ordinal).Replace("[a-z]", "", StringComparison.Ordinal).Any(c => !"^$(|) ".Contains(c, StringComparison.Ordinal));

    private ProposedRange? RangeOf(ColumnProfile column)
    {
        if (column.Min is not { } min || column.Max is not { } max)
        {
            return null;
        }

        if (column.Type is Date32Type or TimestampType)
        {
            // Time goes on, so that there is no end; years beyond four digits and infinity have another form.
            var hasYear = min.Length >= 10 && min[4] == '-' && min[..4].All(char.IsAsciiDigit) && !min.EndsWith("(BC)", StringComparison.Ordinal);
            return hasYear ? new ProposedRange(min[..4] + (column.Type switch { Date32Type => "-01-01", TimestampType { Timezone: null } => "-01-01 00:00:00", _ => "-01-01 00:00:00Z" }), null) : null;
        }

        if (column.Type is not (IntegerType or Decimal128Type or FloatType or DoubleType) || !TryNumber(min, out var least) || !TryNumber(max, out var greatest))
        {
            return null;
        }

        // A number that counts rows goes on as rows do.
        var isKey = Profile.CandidateKeys.Any(k => k.Columns is [var only] && only == column.Name);
        return new ProposedRange(least >= 0 ? "0" : "-" + RoundUp(-least), isKey ? null : greatest > 0 ? RoundUp(greatest) : "0");
    }

    private static bool TryNumber(string text, out double number) => double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out number) && double.IsFinite(number) && Math.Abs(number) < 1e30;

    // The next of 1, 2, 5, 10, 20, 50... as text, since a double has no tenth. A little above: the number may have been rounded when it was read.
    private static string RoundUp(double number)
    {
        var exponent = (int)Math.Floor(Math.Log10(number)) - 1;
        while (true)
        {
            foreach (var digit in (int[])[1, 2, 5])
            {
                if (digit * Math.Pow(10, exponent) >= number * (1 - 1e-15))
                {
                    return exponent >= 0
                        ? digit.ToString(CultureInfo.InvariantCulture) + new string('0', exponent)
                        : $"0.{new string('0', -exponent - 1)}{digit.ToString(CultureInfo.InvariantCulture)}";
                }
            }

            exponent++;
        }
    }
}
