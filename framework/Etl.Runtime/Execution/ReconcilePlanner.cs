using System.Globalization;
using Etl.Contracts;
using Etl.Runtime.Compilation;
using Etl.Runtime.Reports;

namespace Etl.Runtime.Execution;

/// <summary>Compares targets with their sources as they are, and repairs what differs.</summary>
/// <param name="Repairs">Whether differences are repaired, or only counted.</param>
/// <param name="Stage">The load to compare; null for all.</param>
public sealed record Reconciliation(bool Repairs, string? Stage);

/// <summary>From targets to the rounds that hold them against everything that their sources have; positions stay.</summary>
internal static class ReconcilePlanner
{
    /// <summary>The rounds; ETL4226, ETL4233 to ETL4235 and ETL4237 for a target that cannot be compared.</summary>
    public static IReadOnlyList<RoundPlan> Plan(CompiledPipeline pipeline, IReadOnlyList<LoadHold> holds, Func<LoadHold, string> position, Reconciliation reconciliation) =>
        [.. holds.GroupBy(position).Select(group =>
        {
            var loads = group.ToList();
            var read = pipeline;
            foreach (var of in loads.Select(l => Compared(pipeline, l)).GroupBy(c => c.Source))
            {
                read = read.With(of.Key with { Extractor = new WholeRead(of.Key.Extractor, cancel => [.. of.Select(c => new KeyTap(c.Session, of.Key.Schema, c.Columns, c.Key, cancel))]) });
            }

            return new RoundPlan(read, loads)
            {
                Moves = false,
                Rehearses = !reconciliation.Repairs,
                MakesEmptyEpoch = () => true,
                // All rows come again, those that were refused too.
                Closed = _ => [new DeadLetterClosing(DeadLetterState.Superseded, null, null, 0)],
                Note = "reconciled with the source",
            };
        })];

    /// <summary>ETL4236, where targets are not what their sources say.</summary>
    public static QualityException? Differs(IEnumerable<LoadReport> loads)
    {
        var told = loads.Where(l => l.Inserted + l.Updated + l.Deleted > 0)
            .Select(l => string.Create(CultureInfo.InvariantCulture, $"{l.Target}: {l.Inserted:N0} missing, {l.Updated:N0} different, {l.Deleted:N0} extra")).ToList();
        return told.Count == 0 ? null : new QualityException("ETL4236", $"not what the source has: {string.Join("; ", told)}", "`etl reconcile PIPELINE --repair` makes it so.");
    }

    private static (ExtractNode Source, IReconcilingLoadSession Session, IReadOnlyList<string> Columns, IReadOnlyList<string> Key) Compared(CompiledPipeline pipeline, LoadHold hold)
    {
        try
        {
            var load = hold.Node;
            if (load.Plan.Mode != LoadMode.Upsert)
            {
                throw new EtlException("ETL4233", $"'{load.Id}' does not upsert: which of its rows is which of the source's, only a key tells", "Use mode: upsert, name another load with --stage, or run with --full-refresh.");
            }

            if (hold.Session is not IReconcilingLoadSession session)
            {
                throw new EtlException("ETL4234", $"{load.Plan.Target} cannot be compared with its source", "Tables of PostgreSQL, DuckDB, SQLite and the lake can: name such a load with --stage. --full-refresh loads any target anew.");
            }

            if (session.Checkpoint is null)
            {
                throw new EtlException("ETL4235", $"'{load.Id}' was never loaded, and a first run reads everything", "Run the pipeline.");
            }

            var source = (ExtractNode)pipeline.Node(pipeline.MainPath(load)[^1].Id);
            return ReplayPlanner.IsRowLocal(pipeline, load)
                ? (source, session, ReplayPlanner.SourceColumns(pipeline, load, source), load.Plan.Key)
                : throw new EtlException("ETL4237", $"a stage above '{load.Id}' looks at several rows at once: a key that '{source.Id}' lacks may be there all the same", "Name another load with --stage, or run with --full-refresh.");
        }
        catch (EtlException e)
        {
            e.Data[Round.StageOf] = hold.Node.Id;
            throw;
        }
    }
}
