namespace Etl.Contracts;

/// <summary>What becomes of a run whose source has gained columns.</summary>
public enum OnDrift
{
    /// <summary>They are left out, and the report says so.</summary>
    Warn,

    /// <summary>ETL4123, before a row is read.</summary>
    Fail,

    /// <summary>They are left out.</summary>
    Ignore,

    /// <summary>They are read, as columns that may be NULL, and added to targets whose loads take all columns; see <see cref="ILiveSchema"/>.</summary>
    Evolve,
}

/// <summary>The columns of a source that its contract does not have.</summary>
public static class ColumnDrift
{
    /// <summary>What the report should say of them (<see cref="IExtraction.Warnings"/>). ETL4123 under <see cref="OnDrift.Fail"/>.</summary>
    /// <param name="onDrift">The policy.</param>
    /// <param name="contract">The contract; without one nothing drifts.</param>
    /// <param name="live">Names of the columns that are there.</param>
    /// <param name="source">The source, for people.</param>
    public static IReadOnlyList<string> Check(OnDrift onDrift, DataContract? contract, IEnumerable<string> live, string source)
    {
        if (contract is null || onDrift == OnDrift.Ignore)
        {
            return [];
        }

        var unknown = live.Where(c => contract.Schema.Index(c) < 0).Select(c => $"'{c}'").ToList();
        if (unknown.Count == 0)
        {
            return [];
        }

        var what = $"{source} has columns that its contract does not: {string.Join(", ", unknown)}";
        // With Evolve the engine has asked before: what is left came since, or is none of the columns that are to be read.
        return onDrift is OnDrift.Warn or OnDrift.Evolve
            ? [$"{what}; they are not read"]
            : throw new EtlException("ETL4123", what, "Import the contract again (etl contract import) to read them, or let them be left out: on_drift: warn.") { OptionPath = "on_drift" };
    }
}
