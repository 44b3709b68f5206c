using Etl.Contracts;

namespace Etl.Runtime.Ledger;

/// <summary>What is said of a ledger whose tables this version does not know.</summary>
internal static class LedgerVersion
{
    public static EtlException TooNew(string ledger, int version, int known) => new(
        "ETL4610", $"the ledger {ledger} has version {version}; this version knows up to {known}", "Run with the version that wrote it, or a newer one.");
}
