using System.Globalization;
using Apache.Arrow.Types;
using Etl.Contracts;
using Etl.Runtime.Compilation;

namespace Etl.Runtime.Execution;

/// <summary>What to read again: rows whose declared column is at least <paramref name="From"/> and less than <paramref name="To"/>, as written.</summary>
public sealed record BackfillRange(string From, string To);

/// <summary>From a range to the rounds that read it again and upsert it; positions stay.</summary>
internal static class BackfillPlanner
{
    /// <summary>The rounds; ETL4230 to ETL4232, ETL4606 and ETL4615 where a range cannot be loaded by itself.</summary>
    public static IReadOnlyList<RoundPlan> Plan(CompiledPipeline pipeline, IReadOnlyList<LoadHold> holds, Func<LoadHold, string> position, BackfillRange range) =>
        [.. holds.GroupBy(position).Select(group =>
        {
            var loads = group.ToList();
            var read = pipeline;
            foreach (var source in loads.Select(l => Source(pipeline, l)).DistinctBy(s => s.Id))
            {
                var extractor = (IBackfillExtractor)source.Extractor;
                var type = source.Contract!.Schema.Require(extractor.BackfillColumn!).DataType;
                var (from, to) = (Text(range.From, type), Text(range.To, type));
                read = read.With(source with { Extractor = new Range(extractor, from, to) });
            }

            return new RoundPlan(read, loads) { Moves = false, Note = $"backfill from {range.From} to {range.To}" };
        })];

    private static ExtractNode Source(CompiledPipeline pipeline, LoadHold hold)
    {
        try
        {
            var (load, source) = (hold.Node, (ExtractNode)pipeline.Node(pipeline.MainPath(hold.Node)[^1].Id));
            if (source.Extractor is not IBackfillExtractor { BackfillColumn: not null })
            {
                throw new EtlException("ETL4606", $"'{source.Id}' declares no column by which a range of it is read again", "Declare it: with: { backfill: { column: created_at } }; `table` has it. Or run with --full-refresh.");
            }

            if (load.Plan.Mode != LoadMode.Upsert)
            {
                throw new EtlException("ETL4230", $"'{load.Id}' does not upsert: rows that are read again would be there twice, or all others be gone", "Use mode: upsert, or run with --full-refresh.");
            }

            if (!source.Schema.IsUniqueBy([.. ReplayPlanner.SourceColumns(pipeline, load, source)]))
            {
                throw new EtlException("ETL4231", $"several rows of '{source.Id}' can be of one key of '{load.Id}': those within the range could replace newer ones outside it", "Run with --full-refresh.");
            }

            ReplayPlanner.RequireRowLocal(pipeline, load);
            return hold.Session.Checkpoint is null
                ? throw new EtlException("ETL4232", $"'{load.Id}' was never loaded, and a first run reads everything", "Run without --from and --to.")
                : source;
        }
        catch (EtlException e)
        {
            e.Data[Round.StageOf] = hold.Node.Id;
            throw;
        }
    }

    private static string Text(string written, IArrowType type) => type switch
    {
        IntegerType when long.TryParse(written, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var n) => n.ToString(CultureInfo.InvariantCulture),
        Date32Type when DateOnly.TryParseExact(written, "yyyy-MM-dd", CultureInfo.InvariantCulture, DateTimeStyles.None, out var date) => date.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture),
        TimestampType t when DateTimeOffset.TryParse(written, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var time) =>
            time.UtcDateTime.ToString("yyyy-MM-dd HH:mm:ss.FFFFFF", CultureInfo.InvariantCulture) + (t.Timezone is null ? "" : "+00"),
        StringType => written,
        _ => throw new EtlException("ETL4615", $"'{written}' is no value of the backfill's column, which is of type {type.Name}", "Write 2026-01-31 for a date, 2026-01-31T12:00:00Z for a time (UTC where no zone is given), digits for a whole number."),
    };

    private sealed class Range(IBackfillExtractor extractor, string from, string to) : IExtractor
    {
        public ExtractorCapabilities Capabilities => extractor.Capabilities;

        public RowSchema DescribeOutput(DataContract? contract) => extractor.DescribeOutput(contract);

        public ValueTask<IExtraction> OpenAsync(ExtractRequest request, CancellationToken cancel) => extractor.OpenRangeAsync(request with { From = null }, from, to, cancel);
    }
}
