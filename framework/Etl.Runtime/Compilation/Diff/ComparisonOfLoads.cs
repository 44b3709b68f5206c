using Etl.Contracts;
using Etl.Runtime.Compilation.Lineage;

namespace Etl.Runtime.Compilation.Diff;

/// <summary>What changed between two versions of one load.</summary>
internal sealed class ComparisonOfLoads(LoadVersion before, LoadVersion after)
{
    private readonly List<Change> _changes = [];

    // Whether the next run writes the rows again that are there.
    private bool RewritesRows => after.Mode == LoadMode.Replace || (after.Mode == LoadMode.Upsert && !after.IsIncremental);

    /// <summary>In no order, and without what reads them.</summary>
    public IReadOnlyList<Change> Changes(CheckpointFate checkpoint)
    {
        if (before.Dataset != after.Dataset)
        {
            Add(Impact.Breaking, null, "target_changed", $"writes {after.Dataset} instead of {before.Dataset}");
            if (checkpoint == CheckpointFate.Survives && !RewritesRows)
            {
                Add(Impact.Backfill, null, "target_starts_empty", "the checkpoint stands in the database and goes on, so the new table gets only what is new");
            }
        }

        if (before.Mode != after.Mode)
        {
            Add(after.Mode == LoadMode.Replace ? Impact.Compatible : Impact.Backfill, null, "mode_changed", $"mode {Word(after.Mode)} instead of {Word(before.Mode)}");
        }

        if (!before.Key.SequenceEqual(after.Key, StringComparer.OrdinalIgnoreCase) && before.Key.Count > 0)
        {
            Add(Impact.Breaking, null, "key_changed", $"key ({string.Join(", ", after.Key)}) instead of ({string.Join(", ", before.Key)})");
        }

        CompareColumns();
        if (before.Lineage.RowsFormula != after.Lineage.RowsFormula)
        {
            var stays = after.Mode == LoadMode.Replace ? "the next run replaces them" : "rows that are there stay, and rows that were left out stay out";
            Add(after.Mode == LoadMode.Replace ? Impact.Compatible : Impact.Backfill, null, "rows_changed", $"which rows there are is decided in another way; {stays}");
        }

        return _changes;
    }

    private void CompareColumns()
    {
        var removed = before.Columns.Where(c => after.Column(c.Name) is null).ToList();
        var added = after.Columns.Where(c => before.Column(c.Name) is null).ToList();
        foreach (var old in removed)
        {
            if (Renamed(old, removed, added) is { } now)
            {
                added.Remove(now);
                Add(Impact.Breaking, old.Name, "column_renamed", $"renamed to {now.Name}: in both versions it is {Value(now)}");
                CompareColumn(old, now);
            }
            else
            {
                Add(Impact.Breaking, old.Name, "column_removed", $"removed; it was {old.TypeText}, {Origin(old)}");
            }
        }

        foreach (var column in added)
        {
            Add(RewritesRows ? Impact.Compatible : Impact.Backfill, column.Name, "column_added", $"added: {column.TypeText}, {Origin(column)}{(RewritesRows ? "" : "; rows loaded before have NULL")}");
        }

        foreach (var (old, now) in before.Columns.Select(c => (c, after.Column(c.Name))).Where(c => c.Item2 is not null))
        {
            CompareColumn(old, now!);
        }
    }

    // Made in the same way from the same source, by one column only before and after: then it is the same column.
    private static ColumnVersion? Renamed(ColumnVersion old, IReadOnlyList<ColumnVersion> removed, IReadOnlyList<ColumnVersion> added) =>
        !old.Lineage.Opaque && removed.Count(c => c.Lineage.Formula == old.Lineage.Formula) == 1
        && added.Where(c => c.Lineage.Formula == old.Lineage.Formula).ToList() is [var only] ? only : null;

    private void CompareColumn(ColumnVersion old, ColumnVersion now)
    {
        if (old.TypeText != now.TypeText)
        {
            var widens = ConversionRules.Widens(old.Type, now.Type);
            Add(widens ? Impact.Compatible : Impact.Breaking, now.Name, "type_changed", $"{now.TypeText} instead of {old.TypeText}{(widens ? ", which holds every value" : "")}");
        }

        if (old.Nullable != now.Nullable)
        {
            Add(now.Nullable ? Impact.Breaking : Impact.Compatible, now.Name, "nullability_changed", now.Nullable ? "can be NULL, and could not before" : "cannot be NULL any more");
        }

        if (old.Lineage.Formula != now.Lineage.Formula)
        {
            var how = Origin(old) == Origin(now) ? $"computed in another way, still {Origin(now)}" : $"{Origin(now)}; before, {Origin(old)}";
            Add(RewritesRows ? Impact.Compatible : Impact.Backfill, now.Name, "computation_changed", $"{how}; {(RewritesRows ? "the next run writes all rows anew" : "rows loaded before keep their value")}");
        }
    }

    private void Add(Impact impact, string? column, string kind, string text) => _changes.Add(new Change(impact, column, kind, text, []));

    private static string Value(ColumnVersion column) =>
        column.Lineage.From is [{ Influence: Influence.Identity } only] ? only.From.ToString() : Origin(column);

    private static string Origin(ColumnVersion column)
    {
        var lineage = column.Lineage;
        var from = lineage.From.Select(e => e.From).Distinct().ToList();
        return LineageText.Word(lineage) + (from.Count == 0 || lineage.Opaque ? "" : $" from {string.Join(", ", from)}") + (lineage.ComputedBy.Count == 0 ? "" : $" in {string.Join(", ", lineage.ComputedBy)}");
    }

    private static string Word(LoadMode mode) => System.Text.Json.JsonNamingPolicy.SnakeCaseLower.ConvertName(mode.ToString());
}
