using Apache.Arrow;
using Etl.Contracts;
using Etl.DuckDb;
using Etl.Runtime.Definition;
using Etl.Runtime.Diagnostics;

namespace Etl.Runtime.Compilation;

/// <summary>
/// What a load's contract promises, against what the load gives: a pipeline that reads by the contract is typed by nothing else. Each difference is told at the contract's column.
/// Columns that are loaded and not promised are nobody's business.
/// </summary>
/// <param name="stage">The load.</param>
/// <param name="file">Its contract.</param>
/// <param name="rows">What comes to the loader, after the contract's own rules.</param>
/// <param name="plan">What it does with them.</param>
/// <param name="bag">Receives the differences.</param>
internal sealed class ContractPromises(ResolvedStage stage, ContractFile file, RowSchema rows, LoadPlan plan, DiagnosticBag bag)
{
    private readonly RowSchema _offered = new(new Schema([.. rows.Arrow.FieldsList.Where(f => f.Name != RowSchema.OpColumn), .. plan.AddedColumns], null));

    public void Check()
    {
        foreach (var column in file.Contract.Columns)
        {
            CheckColumn(column.Field);
        }

        var key = file.Contract.PrimaryKey;
        foreach (var unique in file.Contract.Columns.Where(c => c.Unique).Select(c => (IReadOnlyList<string>)[c.Field.Name]).Prepend(key).Where(k => k.Count > 0 && k.All(c => _offered.Index(c) >= 0)))
        {
            CheckKey(unique);
        }
    }

    private void CheckColumn(Field promised)
    {
        if (_offered.Index(promised.Name) is var at && at < 0)
        {
            bag.AddError(
                file.Places[promised.Name], "ETL3150", $"the contract promises the column '{promised.Name}', which '{stage.Id}' does not load",
                $"{Suggest.Sentence(promised.Name, _offered.Names)}Columns are: {string.Join(", ", _offered.Names)}.");
            return;
        }

        var loaded = _offered.Arrow.FieldsList[at];
        var (type, wanted) = (DuckType.Of(loaded.DataType).ToString().ToLowerInvariant(), DuckType.Of(promised.DataType).ToString().ToLowerInvariant());
        if (type != wanted && !ConversionRules.Widens(loaded.DataType, promised.DataType))
        {
            bag.AddError(
                file.Places[promised.Name], "ETL3153", $"the contract promises '{promised.Name}' as {wanted}, and '{stage.Id}' loads {type}: {(ConversionRules.Loses(loaded.DataType, promised.DataType) ? "lossy" : "impossible")}",
                $"Cast it above the load, or promise {type}.");
        }

        if (!promised.IsNullable && loaded.IsNullable && !RefusesNull(promised.Name))
        {
            bag.AddError(
                file.Places[promised.Name], "ETL3154", $"the contract promises a value in each row of '{promised.Name}', which can be NULL where '{stage.Id}' loads it",
                $"Refuse such rows: a `check` with not_null: [{promised.Name}] above it, or a rule {{ metric: nullValues, mustBe: 0 }} of the contract. Otherwise promise less.");
        }
    }

    private void CheckKey(IReadOnlyList<string> key)
    {
        var (place, names) = (file.Places[key[0]], string.Join(", ", key));
        if (plan.Mode == LoadMode.Upsert && plan.Key.All(k => key.Contains(k, StringComparer.OrdinalIgnoreCase)))
        {
            return;
        }

        if (plan.Mode is LoadMode.Append or LoadMode.Changes or LoadMode.ReplacePartitions)
        {
            bag.AddWarning(
                place, "ETL3156", $"the contract promises that ({names}) is unique, and '{stage.Id}' adds rows to those of earlier runs: a row that is read again when it has changed is there twice",
                $"Load it with mode: upsert, key: [{names}]. Where no row ever changes the promise holds.");
        }
        else if (rows.HasOp)
        {
            bag.AddWarning(
                place, "ETL3156", $"the contract promises that ({names}) is unique, which nothing tells of rows among which '{stage.Id}' gets deletions: a value may go from one row to another",
                "The promise holds where the source keeps it and all deletions arrive.");
        }

        if (!rows.HasOp && !rows.IsUniqueBy([.. key]) && !file.Rules.Any(r => IsProof(r, key)))
        {
            bag.AddError(
                place, "ETL3155", $"the contract promises that ({names}) is unique, which is not known of the rows that '{stage.Id}' loads",
                $"Add a `deduplicate` with key: [{names}] or a `check` with unique: [{names}] above it, or a rule {{ metric: duplicateValues, mustBe: 0 }} to the contract. Otherwise promise less.");
        }
    }

    // The load publishes no such row; who accepts a critical one for a run by --accept says so.
    private bool RefusesNull(string column) => file.Rules.Any(r =>
        Refuses(r) && (r.Metric == QualityMetric.NullValues || (r.Metric == QualityMetric.MissingValues && r.Values.Any(v => v.IsEmpty))) && Names(r).Contains(column, StringComparer.OrdinalIgnoreCase));

    private static bool IsProof(QualityRule rule, IReadOnlyList<string> key) =>
        Refuses(rule) && rule.Metric == QualityMetric.DuplicateValues && Names(rule).All(c => key.Contains(c, StringComparer.OrdinalIgnoreCase));

    private static bool Refuses(QualityRule rule) => rule.Limit.AllowsNone && rule.Severity != QualitySeverity.Warning;

    private static IEnumerable<string> Names(QualityRule rule) => rule.Columns.Select(c => c.Name);
}
