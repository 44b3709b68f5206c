using Apache.Arrow.Types;
using Etl.Contracts;
using Etl.DuckDb;

namespace Etl.Runtime.Profiling;

/// <summary>Counts what one column holds.</summary>
/// <param name="stored">Its values as they came.</param>
/// <param name="types">Finds the type where the source has none.</param>
internal sealed class ColumnProfiler(ColumnValues stored, TypeFinder? types)
{
    // Above, a count of different values is an estimate, and frequent ones are looked for only where there are few.
    private const long CountedUpTo = 1_000_000;
    private const long FewDifferent = 100_000;
    private const int MostValues = 12;

    // HyperLogLog errs by a few percent: a column that may be a key is counted.
    private const double MaybeUnique = 0.8;

    public ColumnProfile Profile(ContractColumn declared)
    {
        var (values, physical) = types?.Find(declared.PhysicalType) ?? (stored, declared.PhysicalType ?? "");
        var profile = new ColumnProfile
        {
            Name = declared.Field.Name,
            Type = values.type,
            PhysicalType = string.IsNullOrEmpty(physical) ? DuckType.Of(values.type).ToString().ToLowerInvariant() : physical,
            IsRequired = !declared.Field.IsNullable,
            Classification = declared.Classification,
            Nulls = 0,
            Distinct = 0,
            DistinctIsExact = true,
        };
        return Counted(profile, values);
    }

    private static ColumnProfile Counted(ColumnProfile profile, ColumnValues values)
    {
        var v = values.sql;
        var (isOrdered, isNumber) = (profile.Type is not (ListType or BinaryType), profile.Type is IntegerType or Decimal128Type or FloatType or DoubleType);
        var length = profile.Type switch { StringType => $"length({v})", ListType => $"len({v})", BinaryType => $"octet_length({v})", _ => "NULL" };
        var found = values.Aggregate(
            $"count(*) - count({v})", $"approx_count_distinct({v})",
            isOrdered ? $"CAST(min({v}) AS VARCHAR)" : "NULL", isOrdered ? $"CAST(max({v}) AS VARCHAR)" : "NULL",
            // By its sixth digit a mean says what it has to say.
            isNumber ? $"CAST(round(avg({v}), 6) AS VARCHAR)" : "NULL", $"min({length})", $"max({length})");
        var (nulls, estimate) = (Numbers.Parse(found[0]!), Numbers.Parse(found[1]!));
        profile = profile with
        {
            Nulls = nulls,
            Distinct = estimate,
            DistinctIsExact = false,
            MinLength = Numbers.ParseOrNull(found[5]),
            MaxLength = Numbers.ParseOrNull(found[6]),
        };
        if (values.rows <= CountedUpTo || estimate <= FewDifferent || (nulls == 0 && estimate >= MaybeUnique * values.rows))
        {
            values = values.Grouped("etl_values", v);
            var (frequent, distinct) = values.MostFrequent(MostValues);
            profile = profile with { Distinct = distinct, DistinctIsExact = true, Values = isOrdered && !profile.IsSensitive ? frequent : [] };
        }

        return profile.IsSensitive ? profile : WithForms(profile with { Min = found[2], Max = found[3], Mean = found[4] }, values);
    }

    private static ColumnProfile WithForms(ColumnProfile profile, ColumnValues values) =>
        profile.Type is StringType && profile.PhysicalType is not ("json" or "jsonb") && profile.Nulls < values.rows ? ValuePatterns.Find(profile, values) : profile;
}
