using Apache.Arrow;

namespace Etl.Contracts;

/// <summary>
/// A transformer that is stated as SQL (DuckDB's dialect). It runs nothing: the engine types it, fuses it with its neighbours
/// into one query and counts its rows. A relation's rows come in no particular order.
/// </summary>
public interface IRelationalTransformer
{
    /// <summary>
    /// What this stage does to its inputs, without I/O. Throw <see cref="EtlException"/> with <see cref="EtlException.OptionPath"/> for
    /// what the schema does not allow. The engine binds the SQL afterwards and maps an error in it back to the option it came from.
    /// </summary>
    RelationalStep Describe(IReadOnlyList<RelationalInput> inputs);
}

/// <summary>An input of a relational transformer.</summary>
/// <param name="Relation">The name to use in SQL: the id of the stage that it comes from.</param>
/// <param name="Schema">Its columns, without the engine's own.</param>
public sealed record RelationalInput(string Relation, RowSchema Schema);

/// <summary>One of <see cref="RowLocalStep"/>, <see cref="DeduplicateStep"/>, <see cref="LookupStep"/> or <see cref="SetStep"/>.</summary>
public abstract record RelationalStep;

/// <summary>
/// SQL with the option that it was written in, so that an error in it has a position. Quoting and generated parts are the
/// component's; <paramref name="Text"/> is what runs.
/// </summary>
/// <param name="Text">The SQL.</param>
/// <param name="OptionPath">For example <c>columns.gross</c>; null for SQL that the component made up.</param>
/// <param name="Offset">Where the option's text starts in <paramref name="Text"/>.</param>
public readonly record struct Sql(string Text, string? OptionPath = null, int Offset = 0)
{
    /// <summary>SQL that no option holds.</summary>
    public static implicit operator Sql(string text) => new(text);

    /// <inheritdoc/>
    public override string ToString() => Text;
}

/// <summary>
/// Each row by itself, in one input. First the refusals are decided, on the input's columns, in order (the first that holds
/// decides); then the columns are computed for the rows that are left. in = passed + refused.
/// </summary>
/// <param name="Refusals">Conditions on the input's columns.</param>
/// <param name="Columns">All columns of the output, in order, over the input's; null: unchanged. <c>_op</c> is carried along by the engine.</param>
public sealed record RowLocalStep(IReadOnlyList<Refusal> Refusals, IReadOnlyList<ColumnExpression>? Columns) : RelationalStep
{
    /// <summary>Rules on the counts of the run, checked before anything is published.</summary>
    public IReadOnlyList<TableRule> TableRules { get; init; } = [];

    /// <summary>A key of the output beside those of the input, which stay where their columns are still there, unchanged; null for none.</summary>
    public IReadOnlyList<string>? Key { get; init; }
}

/// <summary>A column of the output.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Expression">Over the input's columns, quoted by <see cref="SqlText.Quote(string)"/>.</param>
/// <param name="Nullable">Whether it can be NULL; null to let the engine infer it (a column reference keeps its own, anything else can be NULL).</param>
public sealed record ColumnExpression(string Name, Sql Expression, bool? Nullable = null);

/// <summary>A reason for which a row does not pass.</summary>
/// <param name="Rule">The rule's name: in reports, dead letters and <c>--accept</c>.</param>
/// <param name="Action">What becomes of the row.</param>
/// <param name="When">TRUE for a row that is refused; NULL and FALSE pass. May hold window functions if <paramref name="Windowed"/>.
/// Written as <c>"a" IS NULL OR "b" IS NULL</c> it tells the engine that these columns have values in the rows that pass.</param>
/// <param name="Reason">What a person reads in the dead letter.</param>
/// <param name="Windowed">Looks at other rows too, which makes the segment blocking.</param>
public sealed record Refusal(string Rule, RefusalAction Action, Sql When, string Reason, bool Windowed = false);

/// <summary>What becomes of a refused row.</summary>
public enum RefusalAction
{
    /// <summary>Kept whole, with rule and reason; the run goes on.</summary>
    DeadLetter,

    /// <summary>Left out, and counted.</summary>
    Exclude,

    /// <summary>Passes, and is counted.</summary>
    Warn,

    /// <summary>The run publishes nothing (exit code 3), unless a person accepts the rule for this run.</summary>
    Fail,
}

/// <summary>
/// A rule on what a stage counted, once all rows were seen: an expression over <c>rows_in</c>, <c>rows_passed</c>, <c>rows_refused</c>,
/// <c>refused_ratio</c> (of this stage; 0 of 0 is 0) and the named aggregates.
/// </summary>
/// <param name="Rule">The rule's name.</param>
/// <param name="Action"><see cref="RefusalAction.Warn"/> or <see cref="RefusalAction.Fail"/>.</param>
/// <param name="Expect">TRUE when all is well.</param>
/// <param name="MinRows">Not evaluated for fewer rows in.</param>
/// <param name="Aggregates">Name to an aggregate expression over the stage's passed rows, such as <c>max("created_at")</c>.</param>
public sealed record TableRule(string Rule, RefusalAction Action, Sql Expect, long MinRows, IReadOnlyDictionary<string, Sql> Aggregates);

/// <summary>Keeps one row for each key. in = passed + deduplicated.</summary>
/// <param name="Key">Columns; they are the output's key.</param>
/// <param name="OrderBy">SQL terms; the first row in this order is kept. Ends in something that makes the order total.</param>
public sealed record DeduplicateStep(IReadOnlyList<string> Key, IReadOnlyList<Sql> OrderBy) : RelationalStep;

/// <summary>
/// Joins the first input (rows keep their identity: each comes out once) with the second. in = matched + unmatched, of the first input.
/// </summary>
/// <param name="On">Condition over both relations' names.</param>
/// <param name="Columns">Output columns over both relations' names; those of the second are NULL where nothing matched.</param>
/// <param name="OnNoMatch">Null keeps the row.</param>
/// <param name="OnSeveral">What to do when several rows of the second match.</param>
/// <param name="SecondKey">Columns of the second that the condition compares; decides whether several can match.</param>
public sealed record LookupStep(Sql On, IReadOnlyList<ColumnExpression> Columns, RefusalAction? OnNoMatch, SeveralMatches OnSeveral, IReadOnlyList<string> SecondKey) : RelationalStep;

/// <summary>What to do when several rows match.</summary>
public enum SeveralMatches
{
    /// <summary>The run fails.</summary>
    Fail,

    /// <summary>One of them, the least by all columns, so that the choice is the same each time.</summary>
    First,

    /// <summary>A row for each: the output has more rows than the input.</summary>
    All,
}

/// <summary>Any query: aggregates, unions, free SQL. Rows in and out are counted, and no equation holds between them.</summary>
/// <param name="Query">A single SELECT over the inputs' relation names.</param>
/// <param name="Key">Columns that are unique in its result; empty if unknown.</param>
public sealed record SetStep(Sql Query, IReadOnlyList<string> Key) : RelationalStep
{
    /// <summary>
    /// The options' texts inside a query that was composed of several, so that an error in it has a position: each with its path
    /// and, as <see cref="Sql.Offset"/>, where it starts in the query. Empty when <see cref="Query"/> names the one option itself.
    /// </summary>
    public IReadOnlyList<Sql> Parts { get; init; } = [];
}

/// <summary>A transformer in code: batches in, batches out.</summary>
public interface IBatchTransformer
{
    /// <summary>The output's schema from the input's, without I/O.</summary>
    RowSchema DescribeOutput(RowSchema input);

    /// <summary>
    /// Called once per run. The engine disposes each input batch when the next is asked for, so all that is yielded must be
    /// the component's own: new arrays, or columns taken with <see cref="BatchStream.ShareColumn"/>. Holding back rows is allowed; dropping
    /// them is reported as rows in and out.
    /// </summary>
    IAsyncEnumerable<RecordBatch> TransformAsync(BatchStream input, CancellationToken cancel);
}

/// <summary>A schema and its batches. Enumerate once.</summary>
/// <param name="Schema">Each batch has it.</param>
/// <param name="Batches">Disposed by whoever the receiving method's contract names.</param>
public sealed record BatchStream(RowSchema Schema, IAsyncEnumerable<RecordBatch> Batches)
{
    /// <summary>A column that outlives its batch: reference counted, nothing is copied.</summary>
    public static IArrowArray ShareColumn(RecordBatch batch, int index) => ArrowArrayFactory.SliceShared(batch.Column(index), 0, batch.Length);
}
