using Etl.Contracts;
using Etl.Runtime.Diagnostics;
using Etl.Runtime.Sql;

namespace Etl.Runtime.Compilation;

/// <summary>The pass "check": combinations that would lose or double rows, found before anything is read.</summary>
internal static class PlanChecks
{
    public static void Check(IReadOnlyList<PlanNode> nodes, StageRows rows, DiagnosticBag bag)
    {
        var byId = nodes.ToDictionary(n => n.Id);
        foreach (var load in nodes.OfType<LoadNode>())
        {
            var upstream = Upstream(load, byId).ToList();
            CheckKey(load, upstream, bag);
            CheckIncrement(load, upstream, rows.Partial[load.Stage.From[0].Stage], bag);
            CheckDeletesExcluded(load, nodes, bag);
        }

        CheckTargets(nodes, bag);
    }

    private static void CheckKey(LoadNode load, List<PlanNode> upstream, DiagnosticBag bag)
    {
        if (load.Plan.Mode != LoadMode.Upsert)
        {
            return;
        }

        var span = load.Stage.With["key"]?.Span ?? load.Stage.ComponentSpan;
        foreach (var column in load.Plan.Key)
        {
            if (load.Schema.Index(column) is var i && i >= 0 && load.Schema.Arrow.FieldsList[i].IsNullable)
            {
                bag.AddError(span, "ETL3041", $"the key column '{column}' of '{load.Id}' can be NULL here", $"Refuse such rows above: a `check` with not_null: [{column}], or declare the column required in the contract.");
            }
        }

        if (!load.Schema.IsUniqueBy(load.Plan.Key))
        {
            var known = string.Join(" and ", load.Schema.Keys.Select(k => $"({string.Join(", ", k)})"));
            var key = string.Join(", ", load.Plan.Key);
            var files = upstream.OfType<ExtractNode>().Where(e => !e.Extractor.Capabilities.KeepsKeys).Select(e => e.Id).ToList();
            bag.AddError(
                span, "ETL3042",
                $"'{load.Id}' upserts by ({key}), which is not known to be unique here{(known.Length == 0 ? "" : $"; unique: {known}")}",
                $"Add a `deduplicate` with key: [{key}] above it, or " + (files.Count == 0
                    ? "declare the primary key in the contract."
                    : $"a `check` with unique: [{key}]: nothing keeps a key unique in what '{string.Join("', '", files)}' reads, whatever its contract says."));
        }
    }

    private static void CheckIncrement(LoadNode load, List<PlanNode> upstream, IReadOnlyList<PartialUse> partial, DiagnosticBag bag)
    {
        var sources = upstream.OfType<ExtractNode>().ToList();
        var incremental = sources.Where(s => s.Extractor.Capabilities.Incremental).ToList();
        if (load.Plan.Mode == LoadMode.Append && incremental.Count < sources.Count)
        {
            var again = sources.Except(incremental).Select(s => s.Id);
            bag.AddError(load.Stage.ComponentSpan, "ETL3040", $"'{load.Id}' appends what '{string.Join("', '", again)}' reads in full each time: every run would add all rows again", "Make the extract incremental, or use mode: upsert or replace.");
        }

        if (load.Plan.Mode == LoadMode.Append && incremental.FirstOrDefault(s => s.Extractor.Capabilities.MayRepeat) is { } repeating)
        {
            bag.AddError(load.Stage.ComponentSpan, "ETL3060", $"'{load.Id}' appends what '{repeating.Id}' may read again: rows would be there twice", "Use mode: upsert, or have each row read once: without an overlap, and without null_cursor: include.");
        }

        if (load.Plan.Mode == LoadMode.Append && load.Schema.HasOp)
        {
            bag.AddError(load.Stage.ComponentSpan, "ETL3048", $"'{load.Id}' appends rows some of which are deletions", "Use mode: upsert, or remove deleted_when.");
        }

        if (load.Plan.Mode is LoadMode.Replace or LoadMode.ReplacePartitions && incremental.Count > 0)
        {
            bag.AddError(load.Stage.ComponentSpan, "ETL3043", $"'{load.Id}' replaces, but '{string.Join("', '", incremental.Select(s => s.Id))}' reads only what changed: the rest would be gone", "Remove `incremental` from the extract, or use mode: upsert.");
        }

        var wrong = partial.Where(p => !IsMended(p, load.Plan)).DistinctBy(p => (p.Stage, p.Extract)).ToList();
        foreach (var use in wrong.Where(p => p.Use != InputUse.Lookup))
        {
            bag.AddError(load.Stage.ComponentSpan, "ETL3044", $"'{load.Id}' takes {Described(use)} over '{use.Extract}', which reads only what changed: {Consequence(use)}", use.Use switch
            {
                InputUse.OneOfKey when use.Key is { } key => $"Upsert by ({string.Join(", ", key)}), or remove `incremental` from the extract.",
                InputUse.Distinct => "Use mode: upsert, or remove `incremental` from the extract.",
                InputUse.Window => "Remove `incremental` from the extract; to keep one row of each key, use `deduplicate`.",
                _ => "Remove `incremental` from the extract.",
            });
        }

        if (incremental.Count > 1)
        {
            bag.AddError(load.Stage.ComponentSpan, "ETL3045", $"'{load.Id}' joins '{string.Join("' with '", incremental.Select(s => s.Id))}', each of which reads only what changed: rows whose partner did not change would find no match", "Read one of them in full: remove its `incremental`.");
        }
        else if (wrong.Find(p => p.Use == InputUse.Lookup) is { } lookup)
        {
            bag.AddError(load.Stage.ComponentSpan, "ETL3045", $"'{load.Id}' takes what '{lookup.Stage}' looks up in '{lookup.Extract}', which reads only what changed: rows whose partner did not change would find no match", $"Read '{lookup.Extract}' in full: remove its `incremental`.");
        }
        else if (incremental.Count == 1 && sources.Count > 1)
        {
            bag.AddWarning(load.Stage.ComponentSpan, "ETL3049", $"a change in '{string.Join("', '", sources.Except(incremental).Select(s => s.Id))}' does not reach rows of '{load.Id}' that were loaded before", "Run with --full-refresh after such a change.");
        }
    }

    // A row that is one of several takes the place of that of an earlier part where both have the key of the upsert. A log of changes is of parts.
    private static bool IsMended(PartialUse use, LoadPlan load) => use.Use is InputUse.Distinct or InputUse.OneOfKey && (load.Mode == LoadMode.Changes
        || (load.Mode == LoadMode.Upsert && (use.Use == InputUse.Distinct || (use.Key is { } key && key.ToHashSet(StringComparer.OrdinalIgnoreCase).SetEquals(load.Key)))));

    private static string Described(PartialUse use) => use.Use switch
    {
        InputUse.Aggregate => $"the aggregate '{use.Stage}'",
        InputUse.Window => $"the window functions of '{use.Stage}'",
        InputUse.Limit => $"the limited number of rows of '{use.Stage}'",
        InputUse.OneOfKey when use.Key is { } key => $"the one row that '{use.Stage}' keeps of each ({string.Join(", ", key)})",
        InputUse.OneOfKey => $"the one row that '{use.Stage}' keeps of several",
        InputUse.Distinct => $"the distinct rows of '{use.Stage}'",
        _ => $"the query '{use.Stage}', which may need all rows,",
    };

    private static string Consequence(PartialUse use) => use.Use switch
    {
        InputUse.Aggregate => "totals of a part would replace totals of the whole",
        InputUse.OneOfKey or InputUse.Distinct => "each run would keep its own",
        _ => "what comes of a part would replace what comes of the whole",
    };

    // Rows that stop passing become deletions for all loads behind the refusing query, or for none.
    private static void CheckDeletesExcluded(LoadNode load, IReadOnlyList<PlanNode> nodes, DiagnosticBag bag)
    {
        if (!load.Plan.DeletesExcluded)
        {
            var refuses = nodes.OfType<SegmentNode>().Where(s => s.Segment.Verdicts.Any(v => v.Fate != Fate.Deduplicated));
            if (load.Plan.Mode == LoadMode.Upsert && load.Stage.With["on_excluded"] is null && nodes.OfType<ExtractNode>().Any(e => e.Extractor.Capabilities.Incremental) && refuses.Any(s => Reaches(s.Id, load, nodes)))
            {
                bag.AddWarning(load.Stage.ComponentSpan, "ETL3047", $"a row of '{load.Id}' whose newest version is excluded or refused stays there as it was", "Say `on_excluded: delete` to remove it, or `on_excluded: keep` if it is to stay.");
            }

            return;
        }

        // Only what the last query refuses becomes a deletion: before it the rows have other columns.
        var earlier = nodes.OfType<SegmentNode>().Where(s => s.Id != load.Inputs[0] && s.Segment.Verdicts.Any(v => v.Fate != Fate.Deduplicated) && Reaches(s.Id, load, nodes)).SelectMany(s => s.Segment.Verdicts).Where(v => v.Fate != Fate.Deduplicated).ToList();
        if (earlier.Count > 0 && nodes.OfType<ExtractNode>().Any(e => e.Extractor.Capabilities.Incremental))
        {
            bag.AddWarning(load.Stage.ComponentSpan, "ETL3047", $"a row of '{load.Id}' whose newest version '{string.Join("', '", earlier.Select(v => v.Stage).Distinct())}' refuses stays there as it was", "Refuse rows in the last stages before the load, where they become deletions, or say `on_excluded: keep` if they are to stay.");
        }

        var siblings = nodes.OfType<LoadNode>().Where(l => l.Inputs[0] == load.Inputs[0] && !l.Plan.DeletesExcluded).ToList();
        if (siblings.Count > 0 || nodes.OfType<SegmentNode>().Any(s => s.Inputs.Any(i => i == load.Inputs[0])))
        {
            bag.AddError(load.Stage.ComponentSpan, "ETL3046", $"'{load.Id}' deletes rows that stop passing, and other stages read the same rows without it", "Give all loads of these rows the same on_excluded.");
        }
    }

    private static void CheckTargets(IReadOnlyList<PlanNode> nodes, DiagnosticBag bag)
    {
        foreach (var group in nodes.OfType<LoadNode>().GroupBy(l => (l.Stage.Connection, l.Plan.Target)).Where(g => g.Count() > 1))
        {
            bag.AddError(group.Last().Stage.ComponentSpan, "ETL3056", $"'{group.First().Id}' and '{group.Last().Id}' load the same target, {group.Key.Target}", "Load it once.");
        }
    }

    private static bool Reaches(string node, PlanNode from, IReadOnlyList<PlanNode> nodes) =>
        from.Inputs.Any(i => i == node || Reaches(node, nodes.First(n => n.Id == i), nodes));

    private static IEnumerable<PlanNode> Upstream(PlanNode node, Dictionary<string, PlanNode> nodes) =>
        node.Inputs.SelectMany(i => Upstream(nodes[i], nodes).Append(nodes[i])).Distinct();
}
