using Etl.Contracts;
using Etl.Runtime.Definition;

namespace Etl.Runtime.Sql;

/// <summary>The rules of a contract as they run on one edge: behind an extract, or before a load.</summary>
/// <param name="Contract">The contract's id.</param>
/// <param name="Table">The name by which a query can call the rows of the edge.</param>
/// <param name="Step">Rules on each row, those on counted rows, and those on the number of rows.</param>
/// <param name="Limits">By rule: how many rows may break it, where that is decided when all were counted.</param>
/// <param name="Queries">Rules on what a query over all rows gives; each has one aggregate, the query.</param>
/// <param name="OfWhole">Rules that say nothing of a part of the table.</param>
internal sealed record ContractChecks(
    string Contract, string Table, RowLocalStep Step, IReadOnlyDictionary<string, QualityLimit> Limits, IReadOnlyList<TableRule> Queries, IReadOnlySet<string> OfWhole)
{
    /// <summary>What the check is called where components are.</summary>
    public const string Component = "contract";

    /// <summary>What the id of a node ends in that runs the rules of a stage's contract, and of that which they read.</summary>
    public const string Node = "/contract";

    /// <summary>Whether there is anything to run.</summary>
    public bool Any => Step.Refusals.Count + Step.TableRules.Count + Queries.Count > 0;
}
