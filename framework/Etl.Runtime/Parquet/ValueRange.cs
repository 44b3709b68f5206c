namespace Etl.Parquet;

/// <summary>
/// What statistics tell of a column in a piece of data: none of its values is less or greater than these, which need not be there themselves. NULLs and NaN may be there beside.
/// Values are <see cref="Int128"/> for integers, dates (days), times (microseconds), booleans (0, 1) and decimals (unscaled), <see cref="double"/> for floats, bytes for text; null where
/// nothing is known.
/// </summary>
internal readonly record struct ValueRange(object? Min, object? Max)
{
    /// <summary>Of a column of which nothing is known.</summary>
    public static readonly ValueRange Unknown = new(null, null);

    /// <summary>Of a column that is known to hold NULLs only.</summary>
    public static readonly ValueRange Empty = new(null, null) { HasValues = false };

    /// <summary>Whether there may be a value that is not NULL.</summary>
    public bool HasValues { get; private init; } = true;
}
