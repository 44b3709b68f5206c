using Apache.Arrow;
using Apache.Arrow.Types;
using Etl.Contracts;
using Etl.DuckDb;

namespace Etl.Runtime.Compilation.Online;

/// <summary>A source's columns against its contract's, by name.</summary>
internal static class SourceDrift
{
    /// <summary>Declared columns in order, then the key, then new columns.</summary>
    /// <param name="source">What reads it.</param>
    /// <param name="live">What is there.</param>
    /// <param name="contract">What is declared.</param>
    /// <param name="read">What is read of it: what is not may be missing.</param>
    public static IReadOnlyList<Drift> Of(ILiveSchema source, TableDescription live, DataContract contract, RowSchema read)
    {
        // What is let pass now, and cannot be told apart from what was declared wrong.
        var policy = source.OnDrift == OnDrift.Fail ? DriftFate.Fails : source.OnDrift == OnDrift.Ignore ? DriftFate.Passes : DriftFate.Warns;
        var isWhole = contract.Columns.All(c => read.Index(c.Field.Name) >= 0);
        return
        [
            .. contract.Columns.SelectMany(c => Column(source, live, c.Field, read.Index(c.Field.Name) >= 0, policy)),
            .. Key(live, contract, policy),
            .. live.Columns.Where(c => contract.Schema.Index(c.Name) < 0).Select(c => New(c, isWhole ? source.OnDrift : OnDrift.Warn, policy)),
        ];
    }

    private static IEnumerable<Drift> Column(ILiveSchema source, TableDescription table, Field declared, bool isRead, DriftFate policy)
    {
        if (table.Columns.FirstOrDefault(c => c.Name.Equals(declared.Name, StringComparison.OrdinalIgnoreCase)) is not { } live)
        {
            yield return isRead
                ? new("ETL3140", DriftFate.Fails, declared.Name, "is not there")
                : new("ETL3141", policy, declared.Name, "is not there; it is not read");
            yield break;
        }

        if (Type(source, live, declared) is { } type)
        {
            yield return isRead || type.Fate != DriftFate.Fails ? type : type with { Code = "ETL3141", Fate = policy };
        }

        if (!declared.IsNullable && live.Field.IsNullable && live.Field.DataType is not NullType)
        {
            yield return table.NullsAreDeclared && isRead
                ? new("ETL3140", DriftFate.Fails, declared.Name, "can be NULL, and the contract says required")
                : new("ETL3141", policy, declared.Name, "can be NULL, and the contract says required: the first NULL ends a run");
        }
    }

    // In the words of the conversion ledger, for the way from what is there to what is declared.
    private static Drift? Type(ILiveSchema source, ColumnDescription live, Field declared)
    {
        var (from, to) = (live.Field.DataType, declared.DataType);
        var said = DuckType.Of(to).ToString();
        if (from is NullType || DuckType.Of(from).ToString() == said || live.PhysicalType.Equals(said, StringComparison.OrdinalIgnoreCase))
        {
            return null;
        }

        var differs = $"is {live.PhysicalType}, and the contract says {said.ToLowerInvariant()}";
        return ConversionRules.Widens(from, to) ? new("ETL3141", DriftFate.Passes, declared.Name, $"{differs}: widening")
            : source.ReadsByValue(live, declared) ? new("ETL3141", DriftFate.Passes, declared.Name, $"{differs}: exact or an error, value by value")
            : new("ETL3140", DriftFate.Fails, declared.Name, $"{differs}: {(ConversionRules.Loses(from, to) ? "lossy" : "impossible")}");
    }

    // A view has no key, and no column of it says NOT NULL.
    private static IEnumerable<Drift> Key(TableDescription live, DataContract contract, DriftFate policy)
    {
        var declared = contract.PrimaryKey;
        var mayHaveKey = live.PrimaryKey.Count > 0 || live.Columns.Any(c => !c.Field.IsNullable && c.Field.DataType is not NullType);
        if (declared.Count > 0 && mayHaveKey && !live.PrimaryKey.ToHashSet(StringComparer.OrdinalIgnoreCase).SetEquals(declared))
        {
            yield return new("ETL3141", policy, null, $"the primary key is {(live.PrimaryKey.Count == 0 ? "gone" : $"({string.Join(", ", live.PrimaryKey)})")}, and the contract says ({string.Join(", ", declared)})");
        }
    }

    private static Drift New(ColumnDescription column, OnDrift onDrift, DriftFate policy) =>
        new("ETL3141", policy, column.Name, $"is new{(column.PhysicalType.Length == 0 ? "" : $" ({column.PhysicalType})")}{onDrift switch
        {
            OnDrift.Fail => "",
            OnDrift.Evolve => "; it is read, and added to targets",
            _ => "; it is not read",
        }}");
}
