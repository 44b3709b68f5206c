using System.Globalization;
using System.Text;
using Etl.Runtime.Reports;

namespace Etl.Runtime.Profiling;

/// <summary>A profile for people.</summary>
public static class SourceProfileText
{
    private const int MostValues = 5;
    private const int LongestValue = 40;

    /// <summary>The text.</summary>
    public static string Render(SourceProfile profile)
    {
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $"{profile.Source} ({profile.Kind}): {(profile.Sampled ? "the first " : "")}{Number(profile.Rows)} rows, {profile.Columns.Count} columns\n");
        AddNotes(text, profile);
        text.Append('\n');
        AddColumns(text, profile);
        if (profile.CandidateKeys.Count > 0)
        {
            text.Append("\ncandidate keys\n");
            profile.CandidateKeys.ToList().ForEach(k => text.Append("  ").Append(string.Join(", ", k.Columns)).Append(k.IsDeclared ? "  (the source says so)\n" : "\n"));
        }

        // Where most values are there once, none is frequent.
        AddFrequencies(text, "most frequent values", profile, [.. profile.Columns.Where(c => c.Values.Count > 0 && c.Distinct * 2 <= profile.Rows - c.Nulls)], c => c.Values, c => c.Distinct);
        AddFrequencies(text, "patterns (A capital, a letter, 9 digit, + more of the same)", profile, [.. profile.Columns.Where(c => c.Patterns.Count > 0)], c => c.Patterns, c => c.PatternCount);
        return text.ToString();
    }

    private static void AddNotes(StringBuilder text, SourceProfile profile)
    {
        if (profile.Sampled)
        {
            text.Append("These are the rows that came first, which is no choice by chance: what follows need not hold for the others.\n");
        }

        if (profile.TypesAreFound)
        {
            text.Append("The types are those that all values have.\n");
        }

        if (profile.Columns.Any(c => !c.DistinctIsExact))
        {
            text.Append("~ is an estimate, within some percent.\n");
        }

        foreach (var column in profile.Columns.Where(c => c.IsSensitive))
        {
            text.Append(CultureInfo.InvariantCulture, $"Values of {column.Name} are not shown: the contract calls it {column.Classification}.\n");
        }

        if (profile.Unreadable.Count > 0)
        {
            text.Append(CultureInfo.InvariantCulture, $"Not read, as their types are not: {string.Join(", ", profile.Unreadable)}.\n");
        }
    }

    private static void AddColumns(StringBuilder text, SourceProfile profile)
    {
        var table = new TextTable("column", "type", ">nulls", ">distinct", "min", "max", ">mean", "length");
        foreach (var c in profile.Columns)
        {
            table.Add(
                c.Name, c.PhysicalType, Share(c.Nulls, profile.Rows), $"{(c.DistinctIsExact ? "" : "~")}{Number(c.Distinct)}", Shown(c.Min), Shown(c.Max), c.Mean ?? "",
                c.MinLength is { } least ? least == c.MaxLength ? Number(least) : $"{Number(least)} to {Number(c.MaxLength!.Value)}" : "");
        }

        table.AppendTo(text);
    }

    private static void AddFrequencies(
        StringBuilder text, string title, SourceProfile profile, IReadOnlyList<ColumnProfile> columns, Func<ColumnProfile, IReadOnlyList<Frequency>> of, Func<ColumnProfile, long> count)
    {
        if (columns.Count == 0)
        {
            return;
        }

        text.Append('\n').Append(title).Append('\n');
        var width = columns.Max(c => c.Name.Length);
        foreach (var column in columns)
        {
            var shown = of(column).Take(MostValues).ToList();
            var others = count(column) - shown.Count;
            text.Append("  ").Append(column.Name.PadRight(width)).Append("  ")
                .AppendJoin(", ", shown.Select(f => $"{Shown(f.Value)} {Share(f.Count, profile.Rows)}"))
                .Append(others > 0 ? $", and {Number(others)} more\n" : "\n");
        }
    }

    private static string Share(long count, long rows)
    {
        var percent = 100.0 * count / Math.Max(1, rows);
        return count == 0 ? "0"
            : count == rows ? $"{Number(count)} (all)"
            : string.Create(CultureInfo.InvariantCulture, $"{Number(count)} ({(percent < 0.1 ? "<0.1" : percent.ToString("0.#", CultureInfo.InvariantCulture))}%)");
    }

    private static string Number(long number) => number.ToString("N0", CultureInfo.InvariantCulture);

    // Values hold what they hold: a line stays a line.
    private static string Shown(string? value)
    {
        if (value is null)
        {
            return "";
        }

        var text = new string([.. value.Take(LongestValue).Select(c => char.IsControl(c) ? '␣' : c)]);
        return value.Length == 0 ? "''" : text.Trim().Length != value.Length && value.Length <= LongestValue ? $"'{text}'" : value.Length > LongestValue ? text + "…" : text;
    }
}
