using System.Globalization;
using System.Text.Json.Nodes;
using Etl.Contracts;

namespace Etl.Plugins.Sqlite;

/// <summary>
/// The last (cursor, key) that was read, each value as SQLite stores it, so that SQLite's own comparison orders what is
/// beyond it. JSON: <c>{ "values": [ { "type": "text", "value": "..." }, ... ] }</c>; without values before the first row.
/// </summary>
internal sealed class SqlitePosition
{
    private readonly (StorageClass Class, string Text)[] _values;

    private SqlitePosition((StorageClass, string)[] values) => _values = values;

    /// <summary>The columns of the current row.</summary>
    public static SqlitePosition Of(SqliteStatement row)
    {
        var values = new (StorageClass, string)[row.ColumnCount];
        for (var i = 0; i < values.Length; i++)
        {
            values[i] = (row.Class(i), row.Class(i) switch
            {
                StorageClass.Integer => row.Integer(i).ToString(CultureInfo.InvariantCulture),
                StorageClass.Real => row.Real(i).ToString("R", CultureInfo.InvariantCulture),
                StorageClass.Text => row.String(i),
                StorageClass.Blob => Convert.ToHexStringLower(row.Blob(i)),
                _ => "",
            });
        }

        return new(values);
    }

    /// <summary>Null: nothing was read yet.</summary>
    public static SqlitePosition? Parse(JsonObject json, int count)
    {
        if (json["values"] is not JsonArray values)
        {
            return null;
        }

        if (values.Count != count)
        {
            throw new EtlException("ETL4510", $"the stored position has {values.Count} values, and cursor and key have {count} columns", "Run with --full-refresh, or give back the cursor and the key that the position was made with.");
        }

        return new([.. values.Select(v => (Enum.Parse<StorageClass>(v!["type"]!.GetValue<string>(), ignoreCase: true), v["value"]!.GetValue<string>()))]);
    }

    public JsonObject ToJson() => new()
    {
        ["values"] = new JsonArray([.. _values.Select(v => new JsonObject { ["type"] = v.Class.ToString().ToLowerInvariant(), ["value"] = v.Text })]),
    };

    /// <summary>Binds the value at <paramref name="index"/>.</summary>
    public void Bind(SqliteStatement statement, int parameter, int index)
    {
        var (stored, text) = _values[index];
        switch (stored)
        {
            case StorageClass.Integer: statement.Bind(parameter, long.Parse(text, CultureInfo.InvariantCulture)); break;
            case StorageClass.Real: statement.Bind(parameter, double.Parse(text, CultureInfo.InvariantCulture)); break;
            case StorageClass.Text: statement.Bind(parameter, text); break;
            case StorageClass.Blob: statement.BindBlob(parameter, Convert.FromHexString(text)); break;
            default: statement.BindNull(parameter); break;
        }
    }
}
