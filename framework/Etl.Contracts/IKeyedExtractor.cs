namespace Etl.Contracts;

/// <summary>An extractor that can look rows up by their key: what a replay of dead letters needs.</summary>
public interface IKeyedExtractor : IExtractor
{
    /// <summary>
    /// As <see cref="IExtractor.OpenAsync"/>, for the rows that have one of these keys now, and are not beyond <see cref="ExtractRequest.From"/>: what is
    /// beyond it was changed since and belongs to the increments. <see cref="IExtraction.Reached"/> means nothing here.
    /// </summary>
    /// <param name="request">What to read; a null position leaves nothing out.</param>
    /// <param name="keys">
    /// At most a few thousand, none twice: a text for each column of <see cref="RowSchema.Key"/> of the request's schema, in that order. Numbers are
    /// digits, others <c>true</c>, <c>2026-01-31</c>, <c>2026-01-31 12:00:00.5</c> (with <c>+00</c> for a time in UTC), texts as they are.
    /// </param>
    /// <param name="cancel">Cancels.</param>
    ValueTask<IExtraction> OpenKeysAsync(ExtractRequest request, IReadOnlyList<IReadOnlyList<string>> keys, CancellationToken cancel);
}
