using FluentValidation;

namespace Etl.Contracts;

/// <summary>Options of <c>extract: table</c>, whatever the system.</summary>
public record TableExtractOptions : TableExtractOptions<IncrementalOptions>;

/// <summary>Options of <c>extract: table</c> for a system with options of its own for increments.</summary>
public record TableExtractOptions<TIncremental> where TIncremental : IncrementalOptions
{
    /// <summary>The table.</summary>
    [Option("The table, in the connection's schema; schema.table says it all.", Example = "orders", Identifier = true)]
    public required string Table { get; init; }

    /// <summary>Columns to read.</summary>
    [Option("Columns to read; all of the contract's when absent.", Example = "[order_id, amount]", Identifier = true)]
    public IReadOnlyList<string>? Columns { get; init; }

    /// <summary>How to read what is new.</summary>
    [Option("Reads only what is new or changed since the target's checkpoint. Absent: everything, each time.")]
    public TIncremental? Incremental { get; init; }

    /// <summary>Reading a range again.</summary>
    [Option("How `etl run --from A --to B` reads a range of rows again.")]
    public BackfillOptions? Backfill { get; init; }

    /// <summary>Columns that the contract does not have.</summary>
    [Option("When the table has columns that the contract does not: warn and leave them out, fail before a row is read, ignore them, or evolve: read them as well, and add them to the targets. A declared column that is missing or of another type always fails.")]
    public OnDrift OnDrift { get; init; } = OnDrift.Warn;
}

/// <summary>How a range of rows is read again.</summary>
public sealed record BackfillOptions
{
    /// <summary>The column.</summary>
    [Option("A column that does not change, such as the time at which a row was made.", Example = "created_at", Identifier = true)]
    public required string Column { get; init; }
}

/// <summary>Options of <c>extract: query</c>, whatever the system.</summary>
public record QueryExtractOptions : QueryExtractOptions<IncrementalOptions>;

/// <summary>Options of <c>extract: query</c> for a system with options of its own for increments.</summary>
public record QueryExtractOptions<TIncremental> where TIncremental : IncrementalOptions
{
    /// <summary>The query.</summary>
    [Option("One SELECT in the source's dialect; $name is a bound parameter.", Example = "select id, total from orders where region = $region")]
    public required string Query { get; init; }

    /// <summary>How to read what is new.</summary>
    [Option("Reads only what is new or changed since the target's checkpoint. Absent: everything, each time.")]
    public TIncremental? Incremental { get; init; }
}

/// <summary>How a source tells what is new.</summary>
public record IncrementalOptions
{
    /// <summary>The cursor.</summary>
    [Option("A column that grows with each change of a row, such as the time of its last update.", Example = "updated_at", Identifier = true)]
    public required string Cursor { get; init; }

    /// <summary>The key.</summary>
    [Option("Columns that identify a row: rows with equal cursors are read in their order. The contract's primary key when absent.", Example = "[order_id]", Identifier = true)]
    public IReadOnlyList<string>? Key { get; init; }

    /// <summary>Soft deletion.</summary>
    [Option("SQL condition in the source's dialect that is true for a row that counts as deleted: the row becomes a deletion in keyed targets.", Example = "deleted_at is not null")]
    public string? DeletedWhen { get; init; }

    /// <summary>What to do with NULL cursors.</summary>
    [Option("Rows whose cursor is NULL: fail the run, read them each time, or skip and count them.")]
    public NullCursor NullCursor { get; init; } = NullCursor.Fail;
}

/// <summary>Rows whose cursor is NULL.</summary>
public enum NullCursor
{
    /// <summary>ETL4110.</summary>
    Fail,

    /// <summary>Read in every run.</summary>
    Include,

    /// <summary>Never read.</summary>
    Skip,
}

/// <summary>Options of <c>load: table</c>, whatever the system.</summary>
public record TableLoadOptions
{
    /// <summary>The table.</summary>
    [Option("The table, in the connection's schema; schema.table says it all.", Example = "orders", Identifier = true)]
    public required string Table { get; init; }

    /// <summary>The mode.</summary>
    [Option("append adds rows; upsert keeps one row for each key; replace makes the table hold this run's rows and no others.")]
    public required TableLoadMode Mode { get; init; }

    /// <summary>The key of upsert.</summary>
    [Option("Columns that identify a row; required for upsert.", Example = "[order_id]", Identifier = true)]
    public IReadOnlyList<string> Key { get; init; } = [];

    /// <summary>Rows that stop passing.</summary>
    [Option("Upsert: what becomes of a row in the target whose newest version is excluded or refused on the way.")]
    public OnExcluded OnExcluded { get; init; } = OnExcluded.Keep;

    /// <summary>What the load may do to the table.</summary>
    [Option("What the load may change in the target's schema; the plan shows the statements.")]
    public SchemaPolicy Schema { get; init; } = new();

    /// <summary>Guard of replace.</summary>
    [Option("Replace and full refresh: accept an empty result, which would empty the table.")]
    public bool AllowEmpty { get; init; }

    /// <summary>Losses that are known.</summary>
    [Option("Columns whose values may lose something on their way into the target, as the plan says.", Example = "[average_price]", Identifier = true)]
    public IReadOnlyList<string> AcceptLoss { get; init; } = [];

    /// <summary>Parallel staging.</summary>
    [Option("Connections that stage in parallel.", Min = 1, Max = 32)]
    public int Parallelism { get; init; } = 2;
}

/// <summary>Modes of <c>load: table</c>.</summary>
public enum TableLoadMode
{
    /// <summary>Adds rows.</summary>
    Append,

    /// <summary>One row for each key.</summary>
    Upsert,

    /// <summary>These rows and no others.</summary>
    Replace,
}

/// <summary>What becomes of a target's row whose newest version does not pass.</summary>
public enum OnExcluded
{
    /// <summary>The last good version stays.</summary>
    Keep,

    /// <summary>It is deleted.</summary>
    Delete,
}

/// <summary>What a load may change in its target's schema.</summary>
public sealed record SchemaPolicy
{
    /// <summary>Create a missing table.</summary>
    [Option("Create the table when it is not there.")]
    public bool Create { get; init; } = true;

    /// <summary>Add missing columns.</summary>
    [Option("Add columns that the table does not have.")]
    public bool AddColumns { get; init; } = true;

    /// <summary>Widen columns.</summary>
    [Option("Widen a column's type where no value changes, such as integer to bigint.")]
    public bool Widen { get; init; } = true;
}

/// <summary>Rules of <see cref="TableLoadOptions"/>; a loader's options derive theirs from it.</summary>
public class TableLoadRules<T> : OptionsRules<T> where T : TableLoadOptions
{
    /// <summary>Key and mode fit.</summary>
    public TableLoadRules()
    {
        RuleFor(o => o.Key).Must((o, key) => o.Mode != TableLoadMode.Upsert || key.Count > 0).WithMessage("is required for mode: upsert.");
        RuleFor(o => o.Key).Must((o, key) => o.Mode == TableLoadMode.Upsert || key.Count == 0).WithMessage("is only for mode: upsert.");
    }
}
