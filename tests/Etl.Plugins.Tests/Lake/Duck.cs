using System.Globalization;
using DuckDB.NET.Data;

namespace Etl.Plugins.Tests.Lake;

/// <summary>DuckDB as a second reader of the files; one instance, as starting one costs more than these queries.</summary>
internal static class Duck
{
    private static readonly Lock Gate = new();
    private static readonly Lazy<DuckDBConnection> Connection = new(() =>
    {
        var connection = new DuckDBConnection("DataSource=:memory:");
        connection.Open();
        using var command = connection.CreateCommand();
        command.CommandText = "set TimeZone='UTC'; set enable_external_file_cache=false; set threads=1";
        command.ExecuteNonQuery();
        return connection;
    });

    /// <summary>Each row as text, its columns separated by '|'; NULL is ∅.</summary>
    public static string[] Rows(string sql)
    {
        lock (Gate)
        {
            using var command = Connection.Value.CreateCommand();
            command.CommandText = sql;
            using var reader = command.ExecuteReader();
            var rows = new List<string>();
            while (reader.Read())
            {
                rows.Add(string.Join('|', Enumerable.Range(0, reader.FieldCount).Select(i => reader.IsDBNull(i) ? "∅" : Convert.ToString(reader.GetValue(i), CultureInfo.InvariantCulture))));
            }

            return [.. rows];
        }
    }
}
