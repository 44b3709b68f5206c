using Apache.Arrow.Types;
using Etl.Contracts;
using Etl.DuckDb;
using Etl.Runtime.Compilation.Lineage;
using Etl.Runtime.Diagnostics;

namespace Etl.Runtime.Compilation;

/// <summary>A column on its way into a target.</summary>
/// <param name="Column">Its name.</param>
/// <param name="Type">The type of the rows that come, as SQL writes it.</param>
/// <param name="StoredAs">The target's own type.</param>
/// <param name="Verdict">The worse of what the graph does and what the loader does.</param>
/// <param name="Note">What to know, or what is lost; null for nothing.</param>
/// <param name="Accepted">Lossy, and the load says <c>accept_loss</c>.</param>
public sealed record ConversionEntry(string Column, string Type, string StoredAs, ConversionVerdict Verdict, string? Note, bool Accepted);

/// <summary>
/// The pass "conversions": what becomes of values between sources and each target. The loader says what storing does; the graph shows where exact
/// decimals become floating-point numbers, as <c>avg</c> makes of them.
/// </summary>
internal static class ConversionLedger
{
    /// <summary>By load stage, for loaders that say what they do; what is lost without consent is told to the bag.</summary>
    public static IReadOnlyDictionary<string, IReadOnlyList<ConversionEntry>> Of(CompiledPipeline pipeline, DiagnosticBag bag)
    {
        var loads = pipeline.Nodes.OfType<LoadNode>().Where(l => l.Plan.Conversions.Count > 0).ToList();
        var lineage = loads.Exists(l => MayLoseDecimals(l, pipeline)) ? PipelineLineage.Of(pipeline).Loads.ToDictionary(l => l.Load.Id) : [];
        return loads.ToDictionary(l => l.Id, l => (IReadOnlyList<ConversionEntry>)Entries(l, lineage.GetValueOrDefault(l.Id), pipeline, bag));
    }

    // Lineage is only asked for where it could say something.
    private static bool MayLoseDecimals(LoadNode load, CompiledPipeline pipeline) =>
        load.Schema.Arrow.FieldsList.Any(f => f.DataType is FloatType or DoubleType) && pipeline.SourcesOf(load).Any(s => s.Schema.Arrow.FieldsList.Any(f => f.DataType is Decimal128Type));

    private static List<ConversionEntry> Entries(LoadNode load, LoadLineage? lineage, CompiledPipeline pipeline, DiagnosticBag bag)
    {
        foreach (var (column, i) in load.Plan.AcceptedLosses.Select((c, i) => (c, i)).Where(c => load.Schema.Index(c.c) < 0))
        {
            bag.AddError(Place(load, i), "ETL3010", $"there is no column '{column}' here", $"Columns are: {string.Join(", ", load.Schema.Names)}.");
        }

        var entries = new List<ConversionEntry>();
        foreach (var conversion in load.Plan.Conversions)
        {
            var field = load.Schema.Require(conversion.Column);
            var accepted = load.Plan.AcceptedLosses.Contains(conversion.Column, StringComparer.OrdinalIgnoreCase);
            var decimals = field.DataType is FloatType or DoubleType ? DecimalsOf(lineage, field.Name, pipeline) : [];
            var type = DuckType.Of(field.DataType).ToString().ToLowerInvariant();
            var isLossy = conversion.Verdict == ConversionVerdict.Lossy || decimals.Count > 0;
            var note = decimals.Count == 0 ? conversion.Note : $"a floating-point number made of exact decimals, {string.Join(", ", decimals)}";
            entries.Add(new ConversionEntry(field.Name, type, conversion.StoredAs, isLossy ? ConversionVerdict.Lossy : conversion.Verdict, note, isLossy && accepted));
            if (conversion.Verdict == ConversionVerdict.Lossy && !accepted)
            {
                bag.AddError(load.Stage.ComponentSpan, "ETL3120", $"'{load.Id}' stores {field.Name}, {type}, as {conversion.StoredAs}, and values can be lost{(conversion.Note is null ? "" : $": {conversion.Note}")}", Consent(field.Name));
            }
            else if (decimals.Count > 0 && !accepted)
            {
                bag.AddWarning(load.Stage.ComponentSpan, "ETL3121", $"'{load.Id}' gets {field.Name} as {note}: digits can be lost", $"Cast the result, as in cast(avg(x) as decimal(18,4)). {Consent(field.Name)}");
            }
            else if (accepted && !isLossy)
            {
                bag.AddWarning(load.Stage.ComponentSpan, "ETL3122", $"accept_loss of '{load.Id}' names {field.Name}, which loses nothing", "Remove it, so that a loss that comes later is told.");
            }
        }

        return entries;
    }

    private static List<SourceColumn> DecimalsOf(LoadLineage? lineage, string column, CompiledPipeline pipeline) =>
    [
        .. (lineage?.Columns.FirstOrDefault(c => c.Column == column) is { Opaque: false } known ? known.From : [])
            .Where(e => e.IsDirect && pipeline.Rows.Schemas[e.From.Stage].Require(e.From.Column).DataType is Decimal128Type).Select(e => e.From).Distinct(),
    ];

    private static SourceSpan Place(LoadNode load, int index) => Options.OptionBinder.SpanOf(load.Stage.With, FormattableString.Invariant($"accept_loss[{index}]"), null);

    private static string Consent(string column) => $"If that is meant, say so in the load: accept_loss: [{column}].";
}
