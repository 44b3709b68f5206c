using System.Runtime.CompilerServices;
using Apache.Arrow.Types;
using Etl.Contracts;
using Etl.Plugins.Redshift.Load;

namespace Etl.Plugins.Redshift;

/// <summary>Stages rows as Parquet files on S3, loads them into a staging table by COPY, and publishes them with the checkpoint in one transaction.</summary>
[Loader("table", "Writes rows to a table of Redshift: appends, upserts by key, or replaces.", For = "redshift")]
public sealed class RedshiftTableLoader(RedshiftTableLoadOptions options, RedshiftConnection connection, PluginContext context) : ILoader, IEpochHistory
{
    private const int MaxColumns = 1600;

    private readonly TableName _table = TableName.Parse(options.Table, connection.Schema);

    /// <inheritdoc/>
    public LoadPlan Describe(RowSchema input)
    {
        var mode = options.Mode switch
        {
            TableLoadMode.Append => LoadMode.Append,
            TableLoadMode.Upsert => LoadMode.Upsert,
            _ => LoadMode.Replace,
        };
        if (input.HasOp && mode == LoadMode.Append)
        {
            throw new EtlException("ETL3021", "the rows carry deletions (deleted_when), and mode: append has no way to apply them", "Use mode: upsert with a key, or filter the deleted rows out.") { OptionPath = "mode" };
        }

        RequireColumns(input);
        var key = Key(input);
        var table = TargetTable.New(_table, input, key, options.Redshift);
        var publish = new PublishStatements(_table, "\"_etl\".\"staged\"", table.Columns, key, input.HasOp);
        IReadOnlyList<string?> statements = mode switch
        {
            LoadMode.Upsert => [publish.DropUnchanged, input.HasOp ? publish.Delete : null, publish.DeleteChanged, publish.Insert],
            LoadMode.Append => [publish.Insert],
            _ => [publish.Empty, publish.Insert],
        };
        return new LoadPlan(
            mode,
            key,
            $"{connection.Display} {_table}",
            "exactly-once effect: rows, checkpoint and audit are committed in one transaction, after COPY into a staging table"
                + (mode == LoadMode.Upsert ? "; Redshift enforces no key, so another writer of the table can still double one, which is refused when that key comes again" : ""),
            [.. options.Schema.Create ? table.Statements : [], .. statements.OfType<string>()],
            options.OnExcluded == OnExcluded.Delete && mode == LoadMode.Upsert)
        {
            Conversions = [.. TargetTable.Written(input).Select(f => Stored(f))],
            AcceptedLosses = options.AcceptLoss,
        };
    }

    /// <inheritdoc/>
    public async ValueTask<Checkpoint?> ReadCheckpointAsync(CheckpointKey key, CancellationToken cancel)
    {
        await using var session = await connection.OpenAsync(cancel);
        return await new LoadState(key).ReadAsync(session, cancel);
    }

    /// <inheritdoc/>
    public async IAsyncEnumerable<Checkpoint> ReadEpochsAsync(CheckpointKey key, [EnumeratorCancellation] CancellationToken cancel)
    {
        await using var session = await connection.OpenAsync(cancel);
        foreach (var epoch in await new LoadState(key).ReadEpochsAsync(session, cancel))
        {
            yield return epoch;
        }
    }

    /// <inheritdoc/>
    public async ValueTask<ILoadSession> OpenAsync(LoadRequest request, CancellationToken cancel)
    {
        RequireColumns(request.Schema);
        return await LoadSession.OpenAsync(connection, _table, options, Key(request.Schema), request, context, cancel);
    }

    private ColumnConversion Stored(Apache.Arrow.Field field)
    {
        var type = TargetTable.TypeOf(field, options.Redshift);
        return (field.DataType, type) switch
        {
            (Int8Type, _) => new(field.Name, type, ConversionVerdict.Widening),
            (StringType, "super") => new(field.Name, type, ConversionVerdict.Lossy, "JSON loses its spaces, the order of its members and repeated ones; text that is no JSON fails the run"),
            (StringType, _) when !options.Redshift.Varchar.ContainsKey(field.Name) => new(field.Name, type, ConversionVerdict.Exact, "the longest there is; redshift.varchar declares a shorter one, which Redshift sorts and joins faster"),
            _ => new(field.Name, type, ConversionVerdict.Exact),
        };
    }

    private IReadOnlyList<string> Key(RowSchema input) => [.. options.Key.Select((k, i) =>
    {
        var field = input.Require(k, $"key[{i}]");
        return field.DataType is FloatType or DoubleType || options.Redshift.Super.Contains(field.Name)
            ? throw new EtlException("ETL4681", $"the key column '{field.Name}' is {TargetTable.TypeOf(field, options.Redshift)}, which cannot be compared exactly", "Use a decimal or a text, or a hash of it.") { OptionPath = $"key[{i}]" }
            : field.Name;
    })];

    private void RequireColumns(RowSchema input)
    {
        var fields = TargetTable.Written(input).ToList();
        if (fields.Count is 0 or > MaxColumns)
        {
            throw new EtlException("ETL4671", $"the rows have {fields.Count} columns; 1 to {MaxColumns} can be loaded into Redshift", "Leave columns out on the way (transform: select).");
        }

        foreach (var field in fields)
        {
            TableName.RequireLength(field.Name, "column", null);
            if (field.Name.Any(char.IsUpper))
            {
                throw new EtlException("ETL4671", $"the column name '{field.Name}' has capitals, which Redshift folds to lower case", "Rename it on the way (transform: select).");
            }

            if (RedshiftTypes.SqlType(field.DataType) is null)
            {
                throw new EtlException("ETL4670", $"column '{field.Name}' has the type {field.DataType.Name}, for which Redshift, or COPY from Parquet, has none", "Convert it on the way (transform: derive): a list or a struct to JSON text for SUPER, a time or bytes to text.");
            }
        }

        foreach (var (name, path) in options.Redshift.Varchar.Keys.Select(n => (n, $"redshift.varchar.{n}")).Concat(options.Redshift.Super.Select((n, i) => (n, $"redshift.super[{i}]"))))
        {
            if (input.Require(name, path).DataType is not StringType)
            {
                throw new EtlException("ETL4670", $"column '{name}' is no text", "Only texts have a length or hold JSON.") { OptionPath = path };
            }
        }
    }
}
