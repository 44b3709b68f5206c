using System.Text.Json.Nodes;
using Apache.Arrow;
using Apache.Arrow.Types;
using Etl.Contracts;
using Etl.DuckDb;

namespace Etl.Plugins.DuckDb;

/// <summary>What <c>table</c> and <c>query</c> have in common: a relation, read whole or beyond a position of (cursor, key).</summary>
/// <param name="Connection">The file.</param>
/// <param name="Kind">The kind of the positions.</param>
/// <param name="Name">For errors and the fingerprint: the table or the query.</param>
/// <param name="From">What stands behind FROM.</param>
/// <param name="Columns">Columns to read; null for the contract's.</param>
/// <param name="Incremental">How to read what is new; null to read everything.</param>
internal sealed record DuckDbReading(DuckDbConnection Connection, string Kind, string Name, string From, IReadOnlyList<string>? Columns, IncrementalOptions? Incremental)
{
    public ExtractorCapabilities Capabilities => new(
        Kind, Incremental is not null, Incremental is null
            ? "exact: one snapshot of everything"
            : $"exact for rows whose '{Incremental.Cursor}' grows in the order of commits, which one writer gives (a DuckDB file has one writing process); a row that a slower transaction of that process commits later, below the position, is missed",
        Incremental is null ? Name : $"{Name}|{Incremental.Cursor}|{string.Join(',', Incremental.Key ?? [])}")
    {
        MayRepeat = Incremental?.NullCursor == NullCursor.Include,
    };

    /// <summary>What to do about columns that the contract does not have; a query names its own.</summary>
    public OnDrift OnDrift { get; init; } = OnDrift.Ignore;

    public string Identity => $"duckdb:{Connection.Display}";

    public RowSchema DescribeOutput(DataContract? contract)
    {
        if (contract is null)
        {
            throw new EtlException("ETL3001", $"the columns of {Name} are not declared", $"Write its contract: etl contract import --connection NAME --table {Name}");
        }

        var declared = contract.Schema;
        var fields = Columns is null ? declared.Arrow.FieldsList : [.. Columns.Select((c, i) => declared.Require(c, $"columns[{i}]"))];
        var key = Key(contract);
        if (Incremental is not null)
        {
            declared.Require(Incremental.Cursor, "incremental.cursor");
            for (var i = 0; i < Incremental.Key?.Count; i++)
            {
                declared.Require(Incremental.Key[i], $"incremental.key[{i}]");
            }

            if (key.Count == 0)
            {
                throw new EtlException("ETL4412", "an incremental read needs a key", "Name the columns that identify a row, or give the contract a primary key.") { OptionPath = "incremental.key" };
            }
        }

        return contract.RowsOf(Incremental?.DeletedWhen is null ? fields : [.. fields, new Field(RowSchema.OpColumn, StringType.Default, false)], key);
    }

    /// <summary>Columns that order rows of one cursor value.</summary>
    public IReadOnlyList<string> Key(DataContract? contract) => Incremental?.Key ?? contract?.PrimaryKey ?? [];

    /// <summary>A snapshot of what is new, or of the rows that a condition over the live columns chooses.</summary>
    public async ValueTask<IExtraction> OpenAsync(ExtractRequest request, Func<IReadOnlyList<DuckColumn>, string>? rows, CancellationToken cancel)
    {
        if (request.From is { } from && (from.Kind != Kind || from.Identity != Identity))
        {
            throw new EtlException("ETL4413", $"the target's position is of {from.Kind} in {from.Identity}, and this is {Kind} in {Identity}", "Point the connection back at that source, or run with --full-refresh.");
        }

        return await Task.Run(() => DuckDbExtraction.Open(this, request, rows, cancel), cancel);
    }

    /// <summary>The position of a row, given the texts of its cursor and key.</summary>
    public SourcePosition Position(IReadOnlyList<string?>? row) => new(Kind, Identity, row is null ? [] : new JsonObject
    {
        ["cursor"] = row[0],
        ["key"] = new JsonArray([.. row.Skip(1).Select(k => JsonValue.Create(k))]),
    });
}
