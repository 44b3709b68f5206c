namespace Etl.Contracts;

/// <summary>An extractor that can read a range of its rows again, whatever changed: <c>etl run --from A --to B</c>.</summary>
public interface IBackfillExtractor : IExtractor
{
    /// <summary>The column that the pipeline declares for it (<c>backfill: { column }</c>); null when it declares none.</summary>
    string? BackfillColumn { get; }

    /// <summary>
    /// As <see cref="IExtractor.OpenAsync"/>, for all rows in which the column is at least <paramref name="from"/> and less than <paramref name="to"/>, given as texts of
    /// the column's type as <see cref="IKeyedExtractor.OpenKeysAsync"/> gives them. <see cref="IExtraction.Reached"/> means nothing here.
    /// </summary>
    ValueTask<IExtraction> OpenRangeAsync(ExtractRequest request, string from, string to, CancellationToken cancel);
}
