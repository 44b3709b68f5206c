using Etl.Contracts;
using Etl.Plugins.Sqlite;
using Microsoft.Data.Sqlite;

namespace Etl.Plugins.Tests;

/// <summary>A project folder with one database file, written and read by Microsoft.Data.Sqlite: another hand than the plugin's.</summary>
internal sealed class SqliteFolder : IDisposable
{
    public string Path { get; } = Directory.CreateTempSubdirectory("etl-sqlite-").FullName;

    public string File => System.IO.Path.Combine(Path, "shop.db");

    public PluginContext Context => new(Path, System.IO.Path.Combine(Path, ".etl"), 256L << 20, TimeProvider.System);

    public SqliteDatabase Database(string? seed = null) => new(new SqliteOptions { Path = "shop.db", Seed = seed, BusyTimeout = TimeSpan.FromSeconds(10) }, Context);

    public void Execute(string sql)
    {
        using var connection = Open();
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        command.ExecuteNonQuery();
    }

    public List<object?[]> Query(string sql)
    {
        using var connection = Open();
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        using var reader = command.ExecuteReader();
        var rows = new List<object?[]>();
        while (reader.Read())
        {
            rows.Add([.. Enumerable.Range(0, reader.FieldCount).Select(i => reader.IsDBNull(i) ? null : reader.GetValue(i))]);
        }

        return rows;
    }

    public void Dispose() => Directory.Delete(Path, recursive: true);

    private SqliteConnection Open()
    {
        var connection = new SqliteConnection($"Data Source={File};Pooling=False");
        connection.Open();
        return connection;
    }
}
