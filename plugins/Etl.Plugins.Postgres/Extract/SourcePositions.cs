using Etl.Contracts;

namespace Etl.Plugins.Postgres.Extract;

/// <summary>Whether a stored position may be used.</summary>
internal static class SourcePositions
{
    /// <summary>Refuses a position of another kind (ETL4462) or of another source (ETL4460).</summary>
    public static void Require(SourcePosition? stored, string kind, string identity, string source)
    {
        if (stored is null)
        {
            return;
        }

        if (stored.Kind != kind)
        {
            throw new EtlException("ETL4462", $"the stored position is of kind {stored.Kind}; this extraction reads {kind}", "Run with --full-refresh.");
        }

        if (stored.Identity != identity)
        {
            throw new EtlException("ETL4460", $"{source} is not the source that the stored position is of: it was {stored.Identity}, it is {identity} (server/database/table)", "The table was made anew, or the connection leads to another server. If that is meant, run with --full-refresh.");
        }
    }
}
