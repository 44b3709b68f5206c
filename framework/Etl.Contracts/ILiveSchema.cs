using Apache.Arrow;

namespace Etl.Contracts;

/// <summary>
/// An extractor that can tell the schema of its source as it is now, without reading a row: what <c>etl plan --online</c> compares with the contract. Optional; a
/// source without it is not compared.
/// </summary>
public interface ILiveSchema
{
    /// <summary>What a run does about columns that the contract does not have.</summary>
    OnDrift OnDrift { get; }

    /// <summary>
    /// The source as it is now; null when it is not there. A column whose values have no type before they are read is of <see cref="Apache.Arrow.Types.NullType"/>; no columns
    /// at all: nothing can be told. An exception: it could not be asked.
    /// </summary>
    ValueTask<TableDescription?> DescribeLiveAsync(CancellationToken cancel);

    /// <summary>Whether a column of another type is read as the declared one all the same, value by value; where this says no, the type must be the same or a narrower one.</summary>
    bool ReadsByValue(ColumnDescription live, Field declared) => false;
}

/// <summary>
/// A loader that can tell what it would change in its target as it is now, without taking or changing anything: for <c>etl plan --online</c>. Optional; a target
/// without it is not compared.
/// </summary>
public interface ILiveTarget
{
    /// <summary>How rows of this schema go into the target as it is now. An exception: it could not be asked.</summary>
    ValueTask<TargetFit> FitAsync(RowSchema rows, CancellationToken cancel);
}

/// <summary>How rows fit a live target.</summary>
/// <param name="Exists">Whether the target is there.</param>
/// <param name="Statements">What a publish would issue to make it fit.</param>
/// <param name="Misfit">What a run would end with, when it does not fit and may not be changed; null when it fits.</param>
public sealed record TargetFit(bool Exists, IReadOnlyList<string> Statements, EtlException? Misfit = null);
