using System.Runtime.CompilerServices;
using Apache.Arrow;
using Etl.Contracts;
using Etl.DuckDb;

namespace Etl.Plugins.DuckDb;

/// <summary>Options of <c>load: table</c> on a DuckDB file.</summary>
public sealed record DuckDbTableLoadOptions : TableLoadOptions;

/// <summary>Rules of <see cref="DuckDbTableLoadOptions"/>.</summary>
public sealed class DuckDbTableLoadRules : TableLoadRules<DuckDbTableLoadOptions>;

/// <summary>Loads a table of a DuckDB file: staged beside it, published with its checkpoint in one transaction.</summary>
[Loader("table", "Loads a table of a DuckDB file.", For = "duckdb")]
public sealed class DuckDbTableLoader(DuckDbTableLoadOptions options, DuckDbConnection connection) : ILoader, IEpochHistory, ILiveTarget
{
    /// <inheritdoc/>
    public LoadPlan Describe(RowSchema input)
    {
        if (input.HasOp && options.Mode == TableLoadMode.Append)
        {
            throw new EtlException("ETL3021", "append cannot apply deletions, and its input has them (_op)", "Use mode: upsert with a key, or drop deleted_when.") { OptionPath = "mode" };
        }

        var target = Target(input);
        return new LoadPlan(
            options.Mode switch { TableLoadMode.Append => LoadMode.Append, TableLoadMode.Upsert => LoadMode.Upsert, _ => LoadMode.Replace },
            options.Key,
            $"{connection.Display}: {target.Table}",
            "exactly-once effect: rows, checkpoint and audit are committed in one transaction",
            [.. target.Publishing(options.Mode).Prepend(options.Schema.Create ? target.CreateTable : null).OfType<string>()],
            options.OnExcluded == OnExcluded.Delete)
        {
            Conversions = [.. target.Fields.Select(f => new ColumnConversion(f.Name, DuckType.Of(f.DataType).ToString(), ConversionVerdict.Exact))],
            AcceptedLosses = options.AcceptLoss,
        };
    }

    /// <inheritdoc/>
    public async ValueTask<Checkpoint?> ReadCheckpointAsync(CheckpointKey key, CancellationToken cancel) => await Task.Run(
        () =>
        {
            if (!connection.Exists)
            {
                return null;
            }

            using var handle = connection.Open(mustExist: true);
            return new DuckDbState(handle.Duck, key).Read();
        },
        cancel);

    /// <inheritdoc/>
    public async IAsyncEnumerable<Checkpoint> ReadEpochsAsync(CheckpointKey key, [EnumeratorCancellation] CancellationToken cancel)
    {
        if (!connection.Exists)
        {
            yield break;
        }

        using var handle = await Task.Run(() => connection.Open(mustExist: true), cancel);
        foreach (var epoch in await Task.Run(new DuckDbState(handle.Duck, key).ReadEpochs, cancel))
        {
            yield return epoch;
        }
    }

    /// <inheritdoc/>
    public async ValueTask<ILoadSession> OpenAsync(LoadRequest request, CancellationToken cancel)
    {
        var target = Target(request.Schema) with { Stage = new DuckDbTable(DuckDbState.Schema, $"stage_{request.Key.ShortName}") };
        return await Task.Run(() => DuckDbLoadSession.Open(connection, options, target, request, cancel), cancel);
    }

    /// <inheritdoc/>
    public async ValueTask<TargetFit> FitAsync(RowSchema rows, CancellationToken cancel) => await Task.Run(
        () =>
        {
            var target = Target(rows);
            using var handle = connection.Exists ? connection.Open(mustExist: true) : null;
            var live = handle is null ? [] : target.Table.Columns(handle.Duck);
            try
            {
                return new TargetFit(live.Count > 0, DuckDbTableShape.Statements(target, live, options.Schema));
            }
            catch (EtlException e) when (e.Code is "ETL4417" or "ETL4418")
            {
                return new TargetFit(live.Count > 0, [], e);
            }
        },
        cancel);

    private DuckDbTarget Target(RowSchema input)
    {
        for (var i = 0; i < options.Key.Count; i++)
        {
            input.Require(options.Key[i], $"key[{i}]");
        }

        return new DuckDbTarget(
            connection.Table(options.Table),
            new DuckDbTable(DuckDbState.Schema, "stage"),
            [.. input.Arrow.FieldsList.Where(f => f.Name != RowSchema.OpColumn)],
            [.. options.Key.Select(k => input.Require(k).Name)],
            input.HasOp);
    }
}

/// <summary>The SQL of a load. <c>_op</c> is staged and obeyed, and never stored.</summary>
/// <param name="Table">The table.</param>
/// <param name="Stage">Where rows wait.</param>
/// <param name="Fields">Columns to store.</param>
/// <param name="Key">Of upsert; empty otherwise.</param>
/// <param name="HasOp">Whether staged rows can be deletions.</param>
internal sealed record DuckDbTarget(DuckDbTable Table, DuckDbTable Stage, IReadOnlyList<Field> Fields, IReadOnlyList<string> Key, bool HasOp)
{
    /// <summary>What the table asks of a single row, and the rows' schema does not promise.</summary>
    public IReadOnlyList<string> Conditions { get; init; } = [];

    private string Names => string.Join(", ", Fields.Select(f => SqlText.Quote(f.Name)));

    private string Values => string.Join(", ", Fields.Select(f => $"s.{SqlText.Quote(f.Name)}"));

    private string Same => string.Join(" AND ", Key.Select(k => $"t.{SqlText.Quote(k)} = s.{SqlText.Quote(k)}"));

    private string Kept => HasOp ? $"s.{SqlText.Quote(RowSchema.OpColumn)} <> '{RowSchema.OpDelete}'" : "true";

    public string CreateTable => $"CREATE TABLE {Table.Quoted} ({string.Join(", ", Fields.Select(f => $"{SqlText.Quote(f.Name)} {DuckType.Of(f.DataType)}{(f.IsNullable ? "" : " NOT NULL")}"))})";

    public string CreateStage
    {
        get
        {
            var op = SqlText.Quote(RowSchema.OpColumn);
            var columns = Fields.Select(f => $"{SqlText.Quote(f.Name)} {DuckType.Of(f.DataType)}");
            var conditions = Conditions.Select(c => $"CHECK ({(HasOp ? $"{op} = '{RowSchema.OpDelete}' OR " : "")}({c}))");
            return $"CREATE TABLE {Stage.Quoted} ({string.Join(", ", [.. columns, .. HasOp ? [$"{op} VARCHAR NOT NULL"] : System.Array.Empty<string>(), .. conditions])})";
        }
    }

    /// <summary>Staged rows that are no deletions.</summary>
    public string CountKept => $"SELECT count(*) FROM {Stage.Quoted} AS s WHERE {Kept}";

    /// <summary>How many keys are staged more than once, and how many rows lack a part of their key.</summary>
    public string KeyFaults
    {
        get
        {
            var keys = string.Join(", ", Key.Select(SqlText.Quote));
            return $"SELECT (SELECT count(*) FROM (SELECT {keys} FROM {Stage.Quoted} GROUP BY ALL HAVING count(*) > 1)), (SELECT count(*) FROM {Stage.Quoted} WHERE {string.Join(" OR ", Key.Select(k => $"{SqlText.Quote(k)} IS NULL"))})";
        }
    }

    public string Clear => $"DELETE FROM {Table.Quoted}";

    public string InsertAll => $"INSERT INTO {Table.Quoted} ({Names}) SELECT {Values} FROM {Stage.Quoted} AS s WHERE {Kept}";

    public string? Delete => HasOp ? $"DELETE FROM {Table.Quoted} AS t USING {Stage.Quoted} AS s WHERE {Same} AND s.{SqlText.Quote(RowSchema.OpColumn)} = '{RowSchema.OpDelete}'" : null;

    /// <summary>Only rows that differ: what is equal is neither written nor counted as updated. Null when all columns are of the key.</summary>
    public string? Update
    {
        get
        {
            var others = Fields.Where(f => !Key.Contains(f.Name)).Select(f => SqlText.Quote(f.Name)).ToArray();
            return others.Length == 0 ? null :
                $"UPDATE {Table.Quoted} AS t SET {string.Join(", ", others.Select(c => $"{c} = s.{c}"))} FROM {Stage.Quoted} AS s WHERE {Same} AND {Kept} AND ({string.Join(" OR ", others.Select(c => $"t.{c} IS DISTINCT FROM s.{c}"))})";
        }
    }

    /// <summary>Where all keys wait that the source has.</summary>
    public DuckDbTable Keys => Stage with { Name = $"{Stage.Name}_keys" };

    public IReadOnlyList<Field> KeyFields => [.. Key.Select(k => Fields.First(f => string.Equals(f.Name, k, StringComparison.OrdinalIgnoreCase)))];

    public string CreateKeys => $"CREATE TABLE {Keys.Quoted} ({string.Join(", ", KeyFields.Select(f => $"{SqlText.Quote(f.Name)} {DuckType.Of(f.DataType)}"))})";

    /// <summary>Deletes the rows of all other keys.</summary>
    public string DeleteOthers => $"DELETE FROM {Table.Quoted} AS t WHERE NOT EXISTS (SELECT 1 FROM {Keys.Quoted} AS s WHERE {Same})";

    public string InsertMissing => $"{InsertAll} AND NOT EXISTS (SELECT 1 FROM {Table.Quoted} AS t WHERE {Same})";

    /// <summary>The statements that a publish issues, for the plan.</summary>
    public IEnumerable<string> Publishing(TableLoadMode mode) => mode switch
    {
        TableLoadMode.Append => [InsertAll],
        TableLoadMode.Replace => [Clear, InsertAll],
        _ => new[] { Delete, Update, InsertMissing }.OfType<string>(),
    };
}
