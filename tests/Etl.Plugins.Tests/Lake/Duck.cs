using System.Globalization;
using DuckDB.NET.Data;

namespace Etl.Plugins.Tests.Lake;

/// <summary>DuckDB as a second reader of the files.</summary>
internal static class Duck
{
    /// <summary>Each row as text, its columns separated by '|'; NULL is ∅.</summary>
    public static string[] Rows(string sql)
    {
        using var connection = new DuckDBConnection("DataSource=:memory:");
        connection.Open();
        using var command = connection.CreateCommand();
        command.CommandText = "set TimeZone='UTC'; set enable_external_file_cache=false; " + sql;
        using var reader = command.ExecuteReader();
        var rows = new List<string>();
        do
        {
            while (reader.Read())
            {
                rows.Add(string.Join('|', Enumerable.Range(0, reader.FieldCount).Select(i => reader.IsDBNull(i) ? "∅" : Convert.ToString(reader.GetValue(i), CultureInfo.InvariantCulture))));
            }
        }
        while (reader.NextResult());

        return [.. rows];
    }
}
