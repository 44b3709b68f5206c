using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Etl.Contracts;
using Etl.Runtime.Sql;

namespace Etl.Runtime.Compilation;

/// <summary>Something that was done with a part of a source's rows and is right for all of them only.</summary>
/// <param name="Stage">Where.</param>
/// <param name="Extract">The source, which gives only what changed.</param>
/// <param name="Use">What was done.</param>
/// <param name="Key">Of <see cref="InputUse.OneOfKey"/>: the key, as its columns are called now; null once they are not there any more.</param>
internal sealed record PartialUse(string Stage, string Extract, InputUse Use, IReadOnlyList<string>? Key);

/// <summary>What stages do with sources that give only what changed. Of a pipeline that reads all sources whole nothing is asked.</summary>
internal sealed partial class GraphTyper
{
    // By stage: the extracts above it that give only what changed.
    private readonly Dictionary<string, IReadOnlyList<string>> _increments = [];
    private readonly Dictionary<string, IReadOnlyList<PartialUse>> _partial = [];

    // A transformer in code does not say; it is taken to see each row by itself.
    private void AddPartial(ResolvedStage stage, RelationalStep? step, JsonObject? tree)
    {
        var from = stage.Definition.From.Select(f => f.Stage).ToList();
        _increments[stage.Id] = [.. from.SelectMany(f => _increments[f]).Distinct()];
        _partial[stage.Id] = _increments[stage.Id].Count == 0 ? [] :
        [
            .. from.SelectMany(f => _partial[f]).Select(p => p with { Key = KeyAfter(stage.Id, step, from[0], p.Key) }),
            .. WholeInputsOf(step, tree, from).SelectMany(w => _increments[from.Find(f => QueryPromises.Same(f, w.Relation))!].Select(e => new PartialUse(stage.Id, e, w.Use, w.Key))),
        ];
    }

    private IEnumerable<WholeInput> WholeInputsOf(RelationalStep? step, JsonObject? tree, List<string> from)
    {
        var inputs = from.Distinct().ToDictionary(f => f, f => _schemas[f]);
        return step switch
        {
            SetStep => WholeInputs.Of(tree, inputs),
            DeduplicateStep one => inputs[from[0]].IsUniqueBy([.. one.Key]) ? [] : [new WholeInput(from[0], InputUse.OneOfKey, one.Key)],
            RowLocalStep local => OfExpressions([.. (local.Columns ?? []).Select(c => c.Expression.Text), .. local.Refusals.Where(r => !r.Windowed).Select(r => r.When.Text)], inputs),
            LookupStep meeting when MeetsOthers(meeting, from) => [new WholeInput(from[1], InputUse.Lookup), .. OfExpressions(TextsOf(meeting), inputs)],
            // A row that finds no partner is left out, and comes when its partner does.
            LookupStep { OnNoMatch: RefusalAction.Exclude, OnSeveral: not SeveralMatches.First } inner => OfExpressions(TextsOf(inner), inputs),
            LookupStep lookup => [new WholeInput(from[1], InputUse.Lookup), .. OfExpressions(TextsOf(lookup), inputs)],
            _ => [],
        };
    }

    // Rows of one source that changes: by a key of both they meet themselves, by anything else others, which need not have changed when they did.
    private bool MeetsOthers(LookupStep join, List<string> from)
    {
        return _increments[from[0]].Intersect(_increments[from[1]]).Any() && !(join.SecondKey.Count > 0 && from.TrueForAll(f => _schemas[f].IsUniqueBy([.. join.SecondKey])) && join.SecondKey.All(IsEqual));

        bool IsEqual(string column) => join.On.Text.Contains($"{SqlText.Quote(from[0], column)} = {SqlText.Quote(from[1], column)}", StringComparison.Ordinal)
            || Regex.IsMatch(join.On.Text, $@"(?<!\w){Regex.Escape(from[0])}\s*\.\s*{Regex.Escape(column)}(?!\w)", RegexOptions.IgnoreCase | RegexOptions.CultureInvariant);
    }

    private static List<string> TextsOf(LookupStep lookup) => [lookup.On.Text, .. lookup.Columns.Select(c => c.Expression.Text)];

    // Few have a window or a query in them, and these words.
    private static IReadOnlyList<WholeInput> OfExpressions(IEnumerable<string> texts, Dictionary<string, RowSchema> inputs)
    {
        var suspects = texts.Where(t => t.Contains("over", StringComparison.OrdinalIgnoreCase) || t.Contains("from", StringComparison.OrdinalIgnoreCase)).ToList();
        return suspects.Count == 0 ? [] : WholeInputs.Of(SqlSyntax.Parse($"SELECT {string.Join(", ", suspects)} FROM {string.Join(", ", inputs.Keys.Select(SqlText.Quote))}"), inputs);
    }

    private List<string>? KeyAfter(string stage, RelationalStep? step, string input, IReadOnlyList<string>? key)
    {
        var (columns, qualifier) = step switch
        {
            RowLocalStep local => (local.Columns, ""),
            LookupStep lookup => (lookup.Columns, SqlText.Quote(input) + "."),
            _ => (null, ""),
        };
        var now = columns is null ? key?.Where(k => _schemas[stage].Index(k) >= 0).ToList()
            : key?.Select(k => columns.FirstOrDefault(c => QueryPromises.Same(Referenced(c, _schemas[input], qualifier), k))?.Name).OfType<string>().ToList();
        return now?.Count == key?.Count ? now : null;
    }
}
