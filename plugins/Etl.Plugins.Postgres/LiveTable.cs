using Npgsql;

namespace Etl.Plugins.Postgres;

/// <summary>A column as the server has it now. Domains are resolved to the type that they are over.</summary>
/// <param name="Name">As stored.</param>
/// <param name="Declared">The type in the server's words, such as <c>numeric(12,2)</c>.</param>
/// <param name="TypeOid">The type's object id, of a domain that of its base type.</param>
/// <param name="TypeModifier">Its modifier (precision, length), or -1.</param>
/// <param name="ElementOid">The element's type where this is an array, otherwise 0.</param>
/// <param name="Dimensions">Declared dimensions of an array.</param>
/// <param name="NotNull">NULL is refused by the table.</param>
internal sealed record LiveColumn(string Name, string Declared, uint TypeOid, int TypeModifier, uint ElementOid, int Dimensions, bool NotNull)
{
    /// <summary>GENERATED ALWAYS AS (...) STORED: read, never written.</summary>
    public bool Generated { get; init; }

    /// <summary>GENERATED ALWAYS AS IDENTITY: written only by OVERRIDING SYSTEM VALUE.</summary>
    public bool IdentityAlways { get; init; }

    /// <summary>Position in pg_attribute.</summary>
    public short Number { get; init; }
}

/// <summary>A table, view or foreign table as the server has it now.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Oid">Its object id, which a table made anew under the same name does not share.</param>
/// <param name="Kind">pg_class.relkind: r table, p partitioned, v view, m materialized view, f foreign.</param>
/// <param name="EstimatedRows">The planner's estimate; null when it has none.</param>
/// <param name="Columns">In the table's order.</param>
/// <param name="PrimaryKey">In the key's order; empty if there is none.</param>
internal sealed record LiveTable(TableName Name, uint Oid, char Kind, long? EstimatedRows, IReadOnlyList<LiveColumn> Columns, IReadOnlyList<string> PrimaryKey)
{
    /// <summary>Whether rows carry the id of the transaction that made them.</summary>
    public bool HasTransactionIds => Kind is 'r' or 'p' or 'm';

    /// <summary>The column by name: as written, else ignoring case; null if there is none.</summary>
    public LiveColumn? Find(string name) => Find(Columns, name);

    /// <summary>See <see cref="Find(string)"/>.</summary>
    public static LiveColumn? Find(IReadOnlyList<LiveColumn> columns, string name) =>
        columns.FirstOrDefault(c => c.Name == name) ?? columns.FirstOrDefault(c => string.Equals(c.Name, name, StringComparison.OrdinalIgnoreCase));

    /// <summary>The table as it is now; null when it is not there.</summary>
    public static async ValueTask<LiveTable?> FindAsync(NpgsqlConnection session, TableName name, CancellationToken cancel)
    {
        uint oid;
        char kind;
        long? rows;
        await using (var command = new NpgsqlCommand(
            """
            SELECT c.oid, c.relkind, CASE WHEN c.reltuples >= 0 THEN c.reltuples::bigint END
            FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
            WHERE n.nspname = $1 AND c.relname = $2 AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
            """, session))
        {
            command.Parameters.AddWithValue(name.Schema);
            command.Parameters.AddWithValue(name.Name);
            await using var reader = await command.ExecuteReaderAsync(cancel);
            if (!await reader.ReadAsync(cancel))
            {
                return null;
            }

            (oid, kind, rows) = (reader.GetFieldValue<uint>(0), reader.GetChar(1), reader.IsDBNull(2) ? null : reader.GetInt64(2));
        }

        return new LiveTable(name, oid, kind, rows, await ColumnsAsync(session, oid, cancel), await PrimaryKeyAsync(session, oid, cancel));
    }

    /// <summary>The columns of a query's result, found without running it.</summary>
    public static async ValueTask<IReadOnlyList<LiveColumn>> OfQueryAsync(NpgsqlConnection session, string query, CancellationToken cancel)
    {
        var columns = new List<LiveColumn>();
        var elements = new Dictionary<uint, (uint Element, string Name)>();
        await using (var command = new NpgsqlCommand($"SELECT * FROM ({query}\n) AS etl_query LIMIT 0", session))
        await using (var reader = await command.ExecuteReaderAsync(cancel))
        {
            // Asks the server by a session of its own, which is why a pool has two at least.
            foreach (var column in reader.GetColumnSchema())
            {
                var modifier = column.TypeOID == PostgresTypes.NumericOid && column.NumericPrecision is { } precision
                    ? ((precision << 16) | (column.NumericScale ?? 0)) + 4
                    : -1;
                columns.Add(new LiveColumn(column.ColumnName, column.DataTypeName, column.TypeOID, modifier, 0, 1, NotNull: false));
            }
        }

        await using (var command = new NpgsqlCommand("SELECT oid, CASE WHEN typcategory = 'A' THEN typelem ELSE 0 END, format_type(oid, -1) FROM pg_type WHERE oid = ANY($1)", session))
        {
            command.Parameters.Add(new NpgsqlParameter { Value = columns.Select(c => c.TypeOid).Distinct().ToArray(), NpgsqlDbType = NpgsqlTypes.NpgsqlDbType.Array | NpgsqlTypes.NpgsqlDbType.Oid });
            await using var reader = await command.ExecuteReaderAsync(cancel);
            while (await reader.ReadAsync(cancel))
            {
                elements[reader.GetFieldValue<uint>(0)] = (reader.GetFieldValue<uint>(1), reader.GetString(2));
            }
        }

        return [.. columns.Select(c => c with { ElementOid = elements[c.TypeOid].Element, Declared = c.TypeModifier >= 0 ? c.Declared : elements[c.TypeOid].Name })];
    }

    /// <summary>Names of tables that match a pattern with <c>*</c>.</summary>
    public static async ValueTask<IReadOnlyList<string>> ListAsync(NpgsqlConnection session, string pattern, string defaultSchema, CancellationToken cancel)
    {
        var dot = pattern.IndexOf('.', StringComparison.Ordinal);
        var (schema, table) = dot < 0 ? (Like(defaultSchema, wildcard: false), Like(pattern)) : (Like(pattern[..dot]), Like(pattern[(dot + 1)..]));
        await using var command = new NpgsqlCommand(
            """
            SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
            WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT c.relispartition AND n.nspname LIKE $1 AND c.relname LIKE $2
              AND n.nspname NOT IN ('pg_catalog', 'information_schema', '_etl') AND n.nspname NOT LIKE 'pg\_toast%' AND n.nspname NOT LIKE 'pg\_temp%'
            ORDER BY n.nspname COLLATE "C", c.relname COLLATE "C"
            """, session);
        command.Parameters.AddWithValue(schema);
        command.Parameters.AddWithValue(table);
        await using var reader = await command.ExecuteReaderAsync(cancel);
        var names = new List<string>();
        while (await reader.ReadAsync(cancel))
        {
            names.Add(dot < 0 ? reader.GetString(1) : $"{reader.GetString(0)}.{reader.GetString(1)}");
        }

        return names;
    }

    private static string Like(string pattern, bool wildcard = true)
    {
        var escaped = pattern.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("%", "\\%", StringComparison.Ordinal).Replace("_", "\\_", StringComparison.Ordinal);
        return wildcard ? escaped.Replace("*", "%", StringComparison.Ordinal) : escaped;
    }

    private static async ValueTask<IReadOnlyList<LiveColumn>> ColumnsAsync(NpgsqlConnection session, uint table, CancellationToken cancel)
    {
        await using var command = new NpgsqlCommand(
            """
            SELECT a.attname, format_type(a.atttypid, a.atttypmod), b.type, b.modifier,
                   CASE WHEN t.typcategory = 'A' THEN t.typelem ELSE 0 END, a.attndims, a.attnotnull, a.attgenerated <> '', a.attidentity = 'a', a.attnum
            FROM pg_attribute a
            CROSS JOIN LATERAL (
              WITH RECURSIVE over_domains(type, modifier) AS (
                SELECT a.atttypid, a.atttypmod
                UNION ALL
                SELECT d.typbasetype, d.typtypmod FROM over_domains o JOIN pg_type d ON d.oid = o.type WHERE d.typtype = 'd')
              SELECT o.type, o.modifier FROM over_domains o JOIN pg_type d ON d.oid = o.type WHERE d.typtype <> 'd') b
            JOIN pg_type t ON t.oid = b.type
            WHERE a.attrelid = $1 AND a.attnum > 0 AND NOT a.attisdropped
            ORDER BY a.attnum
            """, session);
        command.Parameters.Add(new NpgsqlParameter { Value = table, NpgsqlDbType = NpgsqlTypes.NpgsqlDbType.Oid });
        await using var reader = await command.ExecuteReaderAsync(cancel);
        var columns = new List<LiveColumn>();
        while (await reader.ReadAsync(cancel))
        {
            columns.Add(new LiveColumn(
                reader.GetString(0), reader.GetString(1), reader.GetFieldValue<uint>(2), reader.GetInt32(3), reader.GetFieldValue<uint>(4), reader.GetFieldValue<short>(5), reader.GetBoolean(6))
            {
                Generated = reader.GetBoolean(7),
                IdentityAlways = reader.GetBoolean(8),
                Number = reader.GetInt16(9),
            });
        }

        return columns;
    }

    private static async ValueTask<IReadOnlyList<string>> PrimaryKeyAsync(NpgsqlConnection session, uint table, CancellationToken cancel)
    {
        await using var command = new NpgsqlCommand(
            """
            SELECT a.attname FROM pg_index i
            CROSS JOIN LATERAL unnest(i.indkey[0:i.indnkeyatts - 1]) WITH ORDINALITY k(number, place)
            JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.number
            WHERE i.indrelid = $1 AND i.indisprimary ORDER BY k.place
            """, session);
        command.Parameters.Add(new NpgsqlParameter { Value = table, NpgsqlDbType = NpgsqlTypes.NpgsqlDbType.Oid });
        await using var reader = await command.ExecuteReaderAsync(cancel);
        var names = new List<string>();
        while (await reader.ReadAsync(cancel))
        {
            names.Add(reader.GetString(0));
        }

        return names;
    }
}
