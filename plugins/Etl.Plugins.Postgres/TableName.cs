using System.Text;
using Etl.Contracts;

namespace Etl.Plugins.Postgres;

/// <summary>A table's schema and name as stored (no quotes).</summary>
internal readonly record struct TableName(string Schema, string Name)
{
    /// <summary>PostgreSQL cuts longer names without a word.</summary>
    public const int MaxBytes = 63;

    /// <summary><c>name</c> or <c>schema.name</c>, split at the first dot.</summary>
    public static TableName Parse(string text, string defaultSchema)
    {
        var dot = text.IndexOf('.', StringComparison.Ordinal);
        var name = dot < 0 ? new TableName(defaultSchema, text) : new TableName(text[..dot], text[(dot + 1)..]);
        RequireLength(name.Schema, "schema", "table");
        RequireLength(name.Name, "table", "table");
        return name;
    }

    /// <summary>Refuses a name that PostgreSQL would cut.</summary>
    public static void RequireLength(string name, string what, string? optionPath)
    {
        var bytes = Encoding.UTF8.GetByteCount(name);
        if (bytes is 0 or > MaxBytes)
        {
            throw new EtlException("ETL4471", $"the {what} name '{name}' has {bytes} bytes; PostgreSQL takes 1 to {MaxBytes}", "Rename it; the server would cut it silently.") { OptionPath = optionPath };
        }
    }

    /// <summary>Quoted, for SQL.</summary>
    public string Sql => SqlText.Quote(Schema, Name);

    /// <inheritdoc/>
    public override string ToString() => $"{Schema}.{Name}";
}
