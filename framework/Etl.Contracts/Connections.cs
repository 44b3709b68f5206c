using System.Data.Common;
using System.Security.Cryptography;
using Apache.Arrow;

namespace Etl.Contracts;

/// <summary>
/// A named system, made from its options without I/O. Implement also <see cref="ITableCatalog"/> where the system has tables, or
/// <see cref="IObjectStore"/> where it keeps objects. One instance serves a run; the engine disposes it at the end.
/// </summary>
public interface IConnection : IAsyncDisposable
{
    /// <summary>What a person calls this place in a report or an error: host, database, folder. Never a secret.</summary>
    string Display { get; }

    /// <summary>Connects and comes back, so that a wrong password or host is told before any work. Throws <see cref="EtlException"/>.</summary>
    ValueTask CheckAsync(CancellationToken cancel);

    /// <summary>Whether trying again later may help (a lost connection, a deadlock, a full queue), as against a lasting error (a wrong password, a missing table).</summary>
    bool IsTransient(Exception error);
}

/// <summary>A system with tables that can be listed and described: what <c>etl contract import</c>, <c>etl new</c> and drift checks ask.</summary>
public interface ITableCatalog
{
    /// <summary>Tables whose <c>schema.name</c> matches a pattern with <c>*</c>; without a dot, of the connection's schema. Ordered by name.</summary>
    ValueTask<IReadOnlyList<string>> ListTablesAsync(string pattern, CancellationToken cancel);

    /// <summary>A table as it is now; null when it is not there.</summary>
    ValueTask<TableDescription?> DescribeTableAsync(string table, CancellationToken cancel);
}

/// <summary>A system that runs SQL scripts, for <c>etl exec</c>: setting up and changing the data of examples and tests. Pipelines never use it.</summary>
public interface IScriptRunner
{
    /// <summary>Runs all statements of a script in the system's dialect.</summary>
    ValueTask ExecuteScriptAsync(string sql, CancellationToken cancel);
}

/// <summary>A database that can keep the list of a project's runs: PostgreSQL's dialect, tables in the schema <c>_etl</c>.</summary>
public interface ILedgerDatabase
{
    /// <summary>An open session that may write; the caller disposes it.</summary>
    ValueTask<DbConnection> OpenLedgerAsync(CancellationToken cancel);
}

/// <summary>A live table.</summary>
/// <param name="Name">As a pipeline would write it.</param>
/// <param name="Columns">In the table's order.</param>
/// <param name="PrimaryKey">Columns of the primary key, in order; empty when there is none.</param>
public sealed record TableDescription(string Name, IReadOnlyList<ColumnDescription> Columns, IReadOnlyList<string> PrimaryKey)
{
    /// <summary>What the columns say of NULL binds a reader before the first row: one that may be NULL and is declared required is refused. A view's columns say nothing.</summary>
    public bool NullsAreDeclared { get; init; }
}

/// <summary>A column of a live table.</summary>
/// <param name="Name">As stored.</param>
/// <param name="Field">The Arrow field that extraction yields for it.</param>
/// <param name="PhysicalType">The system's own name of the type, such as <c>numeric(12,2)</c>.</param>
public sealed record ColumnDescription(string Name, Field Field, string PhysicalType);

/// <summary>
/// A flat store of immutable objects. Keys are relative, '/'-separated, without '..'. Formats are written against this and
/// know no store; a store knows no format. Every call may be made from several threads at a time.
/// </summary>
public interface IObjectStore
{
    /// <summary>A location that readers of the data use, such as <c>s3://bucket/prefix/</c> or an absolute folder, for reports.</summary>
    Uri Root { get; }

    /// <summary>
    /// Whether <see cref="PutIfAbsentAsync"/> is one atomic step even against other writers. Where it is not, two runs at once can lose each
    /// other's commit, and a loader's <see cref="LoadPlan.Guarantee"/> says so. Known offline, from the options; <see cref="IConnection.CheckAsync"/>
    /// probes the store and refuses one that does less than the options say.
    /// </summary>
    bool PutIfAbsentIsAtomic { get; }

    /// <summary>
    /// Writes a whole object from a stream that need not be seekable, in parts where it is large; on failure nothing is visible and no part is
    /// left. An existing object is replaced.
    /// </summary>
    ValueTask PutAsync(string key, Stream content, CancellationToken cancel);

    /// <summary>
    /// Writes a whole object as <see cref="PutAsync"/> does, and gives the SHA-256, in lower case hex, of what the store then has: that of what was sent where a checksum of the
    /// store's own says that it has just this, else that of its content, read back. So a write that was damaged anywhere on its way is found by who knows what it should be.
    /// </summary>
    async ValueTask<string> PutVerifiedAsync(string key, Stream content, CancellationToken cancel)
    {
        await PutAsync(key, content, cancel);
        await using var there = await GetAsync(key, cancel);
        return Convert.ToHexStringLower(await SHA256.HashDataAsync(there ?? Stream.Null, cancel));
    }

    /// <summary>
    /// Writes an object only if there is none: false when there is. The check and the write are one step as far as
    /// <see cref="PutIfAbsentIsAtomic"/> says, which is what the log of a lake rests on. A <see cref="StoreRefusedException"/> says that nothing was written and nothing will be; after any
    /// other error the object may be there, or come later.
    /// </summary>
    ValueTask<bool> PutIfAbsentAsync(string key, ReadOnlyMemory<byte> content, CancellationToken cancel);

    /// <summary>A stream of the object's bytes, to be disposed by the caller; null when there is none.</summary>
    ValueTask<Stream?> GetAsync(string key, CancellationToken cancel);

    /// <summary>
    /// A stream of <paramref name="length"/> bytes from <paramref name="offset"/> on, fewer where the object ends sooner, to be disposed by the
    /// caller; null when there is no such object. The footer and the wanted columns of a Parquet file are read so.
    /// </summary>
    ValueTask<Stream?> GetRangeAsync(string key, long offset, long length, CancellationToken cancel);

    /// <summary>The object's size in bytes; null when there is none.</summary>
    ValueTask<long?> SizeAsync(string key, CancellationToken cancel);

    /// <summary>Objects whose keys start with <paramref name="prefix"/>, in ordinal order of their keys. A hint only: never derive state from a listing alone.</summary>
    IAsyncEnumerable<StoredObject> ListAsync(string prefix, CancellationToken cancel);

    /// <summary>Copies an object within the store, without passing its bytes through this process where the store can; an existing one is replaced.</summary>
    ValueTask CopyAsync(string from, string to, CancellationToken cancel);

    /// <summary>Deletes an object; none there is no error.</summary>
    ValueTask DeleteAsync(string key, CancellationToken cancel);

    /// <summary>
    /// Ends writes of objects whose keys start with <paramref name="prefix"/> that were begun and not ended, as a process that is killed leaves them, where
    /// <paramref name="isDead"/> says so of the object and the time when its write began. Readers never see them, but a store may keep and bill them.
    /// </summary>
    ValueTask DiscardUnfinishedAsync(string prefix, Func<StoredObject, bool> isDead, CancellationToken cancel);
}

/// <summary>An object in a listing.</summary>
/// <param name="Key">Its key.</param>
/// <param name="Size">In bytes.</param>
/// <param name="Modified">When it was written, on the store's clock.</param>
public sealed record StoredObject(string Key, long Size, DateTimeOffset Modified);
