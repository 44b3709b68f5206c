using Etl.Contracts;
using Etl.Runtime.Compilation;
using Etl.Runtime.Compilation.Lineage;
using Etl.Runtime.Diagnostics;
using Etl.Runtime.Plugins;

namespace Etl.Runtime.Execution;

/// <summary>
/// <c>on_drift: evolve</c>: where a source has gained columns, the pipeline is compiled again as if its contract had them, as columns that may be NULL. What follows is
/// what follows a change of the contract: types flow, a stage that lists its columns leaves the new ones out, and a target gets them by its load's own schema policy. What the targets had before must be computed as before.
/// </summary>
internal sealed class Evolution(ComponentFactory factory, Redactor redactor)
{
    private sealed record Gain(ExtractNode Source, IReadOnlyList<ColumnDescription> Columns);

    /// <summary>
    /// The pipeline to run instead, to be disposed by the caller, with what the report should say of it; null when no source has gained a column that is read. ETL4123: the
    /// pipeline cannot take one along.
    /// </summary>
    public async Task<(CompiledPipeline Pipeline, IReadOnlyList<string> Told)?> OfAsync(CompiledPipeline pipeline, StageActivity activity, CancellationToken cancel)
    {
        var gains = new List<Gain>();
        foreach (var node in pipeline.Nodes.OfType<ExtractNode>())
        {
            if (node is { Extractor: ILiveSchema { OnDrift: OnDrift.Evolve } source, Contract: not null } && await GainOfAsync(node, source, activity, cancel) is { Columns.Count: > 0 } gain)
            {
                gains.Add(gain);
            }
        }

        if (gains.Count == 0)
        {
            return null;
        }

        var contracts = gains.ToDictionary(g => g.Source.Id, g => g.Source.Contract!.Plus(g.Columns.Select(c => new ContractColumn(new(c.Name, c.Field.DataType, true), c.PhysicalType, null, false, null))));
        var bag = new DiagnosticBag(pipeline.Project.Settings.Checks);
        var evolved = await Compiler.CompileAsync(pipeline.Project, pipeline.Definition, factory, redactor, connects: true, bag, contracts)
            ?? throw Refused(gains[0].Source, $"{Names(gains.SelectMany(g => g.Columns))} cannot be taken along: {bag.Sorted.First(d => d.Severity == Severity.Error)}");
        var read = gains.SelectMany(g => g.Columns.Where(c => evolved.Node(g.Source.Id).Schema.Index(c.Name) >= 0).Select(c => (g.Source, Column: c))).ToList();
        var isTaken = false;
        try
        {
            // None: the extract lists what it reads.
            if (read.Count == 0)
            {
                return null;
            }

            var lineage = PipelineLineage.Of(evolved);
            if (Disturbed(PipelineLineage.Of(pipeline), lineage) is { } what)
            {
                throw Refused(gains[0].Source, $"with {Names(read.Select(r => r.Column))} the pipeline would compute {what} otherwise");
            }

            evolved.Gained = read.Select(r => (r.Source.Id, r.Column.Name)).ToHashSet();
            isTaken = true;
            return (evolved, [.. read.Select(r => Told(lineage, r.Source, r.Column))]);
        }
        finally
        {
            if (!isTaken)
            {
                await evolved.DisposeAsync();
            }
        }
    }

    private static async Task<Gain?> GainOfAsync(ExtractNode node, ILiveSchema source, StageActivity activity, CancellationToken cancel)
    {
        try
        {
            // A source that is not there is told when it is opened.
            var live = await activity.DoAsync(node.Id, "describe", () => source.DescribeLiveAsync(cancel).AsTask());
            var columns = live?.Columns.Where(c => node.Contract!.Schema.Index(c.Name) < 0).ToList() ?? [];
            var unusable = columns.Find(c => c.Name.StartsWith("_etl_", StringComparison.OrdinalIgnoreCase) || columns.Select(o => o.Name).Append(RowSchema.OpColumn).Count(n => n.Equals(c.Name, StringComparison.OrdinalIgnoreCase)) > 1);
            return unusable is null ? new Gain(node, columns) : throw Refused(node, $"'{unusable.Name}' has a name that is taken");
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            e.Data[Round.StageOf] = node.Id;
            throw;
        }
    }

    // A name in an expression may mean the new column now, and a stage may work on all columns that come in: whatever was there must be made as before.
    private static string? Disturbed(PipelineLineage before, PipelineLineage after)
    {
        foreach (var (old, now) in before.Loads.Zip(after.Loads))
        {
            if (old.RowsFormula != now.RowsFormula)
            {
                return $"which rows {old.Load.Id} gets";
            }

            if (old.Columns.FirstOrDefault(c => now.Columns.FirstOrDefault(n => n.Column == c.Column)?.Formula != c.Formula) is { } column)
            {
                return $"'{column.Column}' of {old.Load.Id}";
            }
        }

        return null;
    }

    private static string Told(PipelineLineage evolved, ExtractNode source, ColumnDescription column)
    {
        var loads = evolved.Downstream(column.Name, source.Id).Where(d => d.Column is not null).Select(d => d.Load.Load.Id).Distinct().ToList();
        var takers = loads.Count > 0 ? $"loaded by {string.Join(", ", loads)}, where rows of earlier runs have NULL in it until --full-refresh" : "and no load takes it";
        return $"{source.Id}: '{column.Name}' ({column.PhysicalType}) is new at the source, and on_drift: evolve: it is read, {takers}. Bring it into the contract: etl contract import --connection {source.Stage.Connection} --tables {source.Contract!.Name}";
    }

    private static EtlException Refused(ExtractNode source, string why)
    {
        var error = new EtlException("ETL4123", $"the source of {source.Id} has columns that its contract does not: {why}", "Nothing was read. Leave new columns out (on_drift: warn), or bring the column into the contract and change the pipeline for it.");
        error.Data[Round.StageOf] = source.Id;
        return error;
    }

    private static string Names(IEnumerable<ColumnDescription> columns) => string.Join(", ", columns.Select(c => $"'{c.Name}'"));
}
