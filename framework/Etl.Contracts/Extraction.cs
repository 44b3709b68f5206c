using System.Text.Json.Nodes;
using Apache.Arrow;

namespace Etl.Contracts;

/// <summary>Reads a source as batches. Made without I/O; one instance serves one stage of one run.</summary>
public interface IExtractor
{
    /// <summary>
    /// The schema that this extraction yields, from its options and the contract, without I/O. With <c>deleted_when</c> it ends in
    /// <see cref="RowSchema.OpColumn"/>. Null contract: throw ETL3001 with the command that writes one, unless the options say it all.
    /// </summary>
    RowSchema DescribeOutput(DataContract? contract);

    /// <summary>What it can do, for the plan.</summary>
    ExtractorCapabilities Capabilities { get; }

    /// <summary>
    /// Connects, takes the snapshot that all splits read, checks the source's identity against the position, and plans the
    /// splits. Called once per attempt: after a transient failure the engine disposes and opens again, which gives a new snapshot.
    /// </summary>
    ValueTask<IExtraction> OpenAsync(ExtractRequest request, CancellationToken cancel);
}

/// <summary>What an extractor can do.</summary>
/// <param name="Kind">Names the meaning of its positions, for example <c>postgres.table/1</c>; a stored position of another kind is refused.</param>
/// <param name="Incremental">Reads what is new since a position.</param>
/// <param name="Guarantee">The promise in words for the plan: exact, or what its limit is.</param>
/// <param name="Fingerprint">The settings that a position depends on (table, cursor, key): a change of these makes stored positions invalid.</param>
public sealed record ExtractorCapabilities(string Kind, bool Incremental, string Guarantee, string Fingerprint)
{
    /// <summary>An increment may hold rows that the one before held too, whatever <see cref="ExtractRequest.Once"/> asks for: they cannot be appended.</summary>
    public bool MayRepeat { get; init; }

    /// <summary>What is read keeps the primary key of its contract unique, as a table does. False for files, where nothing does: for them a check proves a key.</summary>
    public bool KeepsKeys { get; init; } = true;
}

/// <summary>What to read.</summary>
/// <param name="Contract">The declared schema; the live one is checked against it, by name, before the first row.</param>
/// <param name="Schema">What <see cref="IExtractor.DescribeOutput"/> said: every batch has it.</param>
/// <param name="From">The position of the target that is furthest behind; null to read everything.</param>
/// <param name="BatchRows">Rows of a full batch.</param>
/// <param name="Parallelism">Splits that will be read at a time, at most.</param>
/// <param name="Parameters">Typed values of <c>$name</c> in SQL options: string, bool, long, decimal, DateOnly or DateTimeOffset.</param>
public sealed record ExtractRequest(
    DataContract? Contract, RowSchema Schema, SourcePosition? From, int BatchRows, int Parallelism, IReadOnlyDictionary<string, object> Parameters)
{
    /// <summary>A target adds each row that comes, so none may come in two increments. A target with a key takes a row again without harm, which may be cheaper.</summary>
    public bool Once { get; init; }

    /// <summary>
    /// Every row that the source has now is asked for, as for a null <see cref="From"/>, and also what an increment would leave to a later one: a row that does not come
    /// counts as gone. <see cref="IExtraction.Reached"/> means nothing then.
    /// </summary>
    public bool Whole { get; init; }

    /// <summary>The clock.</summary>
    public TimeProvider Time { get; init; } = TimeProvider.System;
}

/// <summary>
/// How far a source was consumed. <see cref="Position"/> belongs to the extractor and is opaque to everybody else; its values are shown to people, except of members
/// whose names start with an underscore.
/// </summary>
/// <param name="Kind">See <see cref="ExtractorCapabilities.Kind"/>.</param>
/// <param name="Identity">The system that the position is of, such as PostgreSQL's system identifier and database; another one is refused.</param>
/// <param name="Position">The extractor's own JSON.</param>
public sealed record SourcePosition(string Kind, string Identity, JsonObject Position);

/// <summary>A piece of the source that can be read by itself, in any order, on any worker.</summary>
/// <param name="Id">Unique in the extraction, stable, short: for logs and for names.</param>
/// <param name="Spec">All that a reader needs, as JSON.</param>
public sealed record Split(string Id, JsonObject Spec);

/// <summary>One consistent reading of a source. Disposed by the engine when all splits are read or the attempt is given up.</summary>
public interface IExtraction : IAsyncDisposable
{
    /// <summary>The splits; together they are the increment. None: nothing is new.</summary>
    IReadOnlyList<Split> Splits { get; }

    /// <summary>Where the source will have been consumed to, once every split has been read. Known at the start: it comes from the snapshot.</summary>
    SourcePosition Reached { get; }

    /// <summary>Rows in all splits if that is known cheaply, for progress; null otherwise.</summary>
    long? EstimatedRows { get; }

    /// <summary>What a person should know before it is read (a missing index, a transaction that has been open for long), for the run's report.</summary>
    IReadOnlyList<string> Warnings => [];

    /// <summary>
    /// Reads one split. Called at most once per split, several at a time. Every batch is its own (new buffers); the engine
    /// disposes it. Rows that share a key come from one split, in the order in which versions were made, if they can repeat at all.
    /// </summary>
    IAsyncEnumerable<RecordBatch> ReadAsync(Split split, CancellationToken cancel);
}
