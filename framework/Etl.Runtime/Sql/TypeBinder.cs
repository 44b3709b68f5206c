using Apache.Arrow;
using Etl.Contracts;
using Etl.DuckDb;

namespace Etl.Runtime.Sql;

/// <summary>
/// Types SQL offline: DuckDB's own binder over relations that have the inputs' columns and no rows. Some 0.3 ms a query. DuckDB reports every column
/// as nullable; what can be NULL is inferred by the caller.
/// </summary>
internal sealed class TypeBinder : IDisposable
{
    private static readonly string[] OwnViews = ["pg_", "sqlite_", "duckdb_", "pragma_"];

    private readonly DuckRelations _inputs = new();

    // Not before it is needed: a pipeline that only moves rows opens no DuckDB.
    private DuckConnection? _connection;

    private DuckConnection Connection => _connection ??= OfflineDatabase.Connect();

    /// <summary>An input relation.</summary>
    public void Declare(string relation, RowSchema schema) => _inputs.Declare(relation, schema.Arrow);

    /// <summary>
    /// The columns that a query gives, all nullable, and the SELECT list that casts those whose type rows do not move in (HUGEINT, UUID, ...).
    /// Throws <see cref="DuckException"/> with the position in <paramref name="sql"/>; ETL3022: a type that no cast carries.
    /// </summary>
    public (Schema Schema, string SelectList) Bind(string sql, IReadOnlyDictionary<string, object> parameters)
    {
        var fields = new List<Field>();
        var select = new List<string>();
        foreach (var column in Columns(sql, parameters))
        {
            var normalized = column.Type.ToArrow() is null ? column.Type.Normalized() : null;
            var type = column.Type.ToArrow() ?? normalized?.ToArrow()
                ?? throw new EtlException("ETL3022", $"column '{column.Name}' has the type {column.Type}, in which rows do not move", "Cast it: to VARCHAR or JSON, or to TIMESTAMP for a finer time.");
            fields.Add(new Field(column.Name, type, true));
            var name = SqlText.Quote(column.Name);
            select.Add(normalized is null ? name : $"CAST({name} AS {normalized}) AS {name}");
        }

        return (new Schema(fields, null), string.Join(", ", select));
    }

    /// <summary>The name that two columns of a query have; null for none. Within a larger query DuckDB would call the second one otherwise, without a word.</summary>
    public string? NameOfTwo(string sql) => Over(sql, () => Connection.ColumnNames(sql)).GroupBy(n => n, StringComparer.OrdinalIgnoreCase).FirstOrDefault(g => g.Count() > 1)?.Key;

    /// <summary>What binds in a query and cannot run.</summary>
    public IReadOnlyList<SqlMisfit> MisfitsOf(string sql) => Over(sql, () => SqlMisfits.Find(Connection, sql));

    /// <summary>Whether a text is a value of a type.</summary>
    public bool Holds(string text, string type) => Connection.QueryText($"SELECT TRY_CAST({SqlText.Literal(text)} AS {type})::VARCHAR") is not null;

    /// <summary>Why a text is no regular expression; null for one.</summary>
    public string? PatternError(string pattern)
    {
        try
        {
            Connection.QueryText($"SELECT regexp_matches('', {SqlText.Literal(pattern)})::VARCHAR");
            return null;
        }
        catch (DuckException e)
        {
            return e.Error.Message;
        }
    }

    /// <summary>Whether an expression over counts binds; throws <see cref="DuckException"/> otherwise.</summary>
    public void BindExpression(string sql, IReadOnlyDictionary<string, object> parameters) => Columns(sql, parameters);

    public void Dispose() => _connection?.Dispose();

    private IReadOnlyList<DuckColumn> Columns(string sql, IReadOnlyDictionary<string, object> parameters) => Over(sql, () => Describe(sql, parameters));

    private T Over<T>(string sql, Func<T> bind)
    {
        if (_inputs.Columns.Keys.Any(relation => MayBeAnother(relation, sql)))
        {
            return OverTables(bind);
        }

        try
        {
            return _inputs.While(bind);
        }
        catch (DuckException)
        {
            // Of a name that is not there DuckDB says which tables are called nearly so, and for that it has to have them. Only a table has a rowid, and a run has none.
            OverTables(bind);
            throw;
        }
    }

    private T OverTables<T>(Func<T> bind)
    {
        try
        {
            foreach (var (relation, columns) in _inputs.Columns)
            {
                Connection.Execute($"CREATE OR REPLACE TEMP TABLE {SqlText.Quote(relation)} ({string.Join(", ", columns.Select(c => $"{SqlText.Quote(c.Name)} {c.Type}"))})");
            }

            return bind();
        }
        finally
        {
            foreach (var relation in _inputs.Columns.Keys)
            {
                Connection.Execute($"DROP TABLE IF EXISTS temp.{SqlText.Quote(relation)}");
            }
        }
    }

    // DuckDB asks for a relation by its last name, also where a schema stands before it, which no input has; and does not ask for what it has a view of its own for.
    private static bool MayBeAnother(string relation, string sql)
    {
        if (OwnViews.Any(prefix => relation.StartsWith(prefix, StringComparison.OrdinalIgnoreCase)))
        {
            return true;
        }

        for (var at = 0; (at = sql.IndexOf(relation, at, StringComparison.OrdinalIgnoreCase)) >= 0; at++)
        {
            if (sql.AsSpan(0, at).TrimEnd(" \t\r\n\"").EndsWith('.'))
            {
                return true;
            }
        }

        return false;
    }

    // With parameters the types are those of an execution with LIMIT 0, and it is the optimizer that makes nothing of that.
    private IReadOnlyList<DuckColumn> Describe(string sql, IReadOnlyDictionary<string, object> parameters)
    {
        if (parameters.Count == 0)
        {
            return Connection.DescribeColumns(sql, parameters);
        }

        Connection.Execute("PRAGMA enable_optimizer");
        try
        {
            return Connection.DescribeColumns(sql, parameters);
        }
        finally
        {
            Connection.Execute("PRAGMA disable_optimizer");
        }
    }
}
