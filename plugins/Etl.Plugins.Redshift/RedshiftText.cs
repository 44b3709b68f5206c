using System.Text;
using Etl.Contracts;

namespace Etl.Plugins.Redshift;

/// <summary>Text in Redshift's SQL, where a backslash escapes inside of literals, unlike in PostgreSQL today.</summary>
internal static class RedshiftText
{
    /// <summary>A literal in single quotes.</summary>
    public static string Literal(string value) => SqlText.Literal(value.Replace("\\", "\\\\", StringComparison.Ordinal));
}

/// <summary>A table's schema and name as stored (no quotes). Redshift folds names to lower case, quoted ones too.</summary>
internal readonly record struct TableName(string Schema, string Name)
{
    /// <summary>The longest name.</summary>
    public const int MaxBytes = 127;

    /// <summary><c>name</c> or <c>schema.name</c>, split at the first dot.</summary>
    public static TableName Parse(string text, string defaultSchema)
    {
        var dot = text.IndexOf('.', StringComparison.Ordinal);
        var name = dot < 0 ? new TableName(defaultSchema, text) : new TableName(text[..dot], text[(dot + 1)..]);
        RequireLength(name.Schema, "schema", "table");
        RequireLength(name.Name, "table", "table");
        return new TableName(name.Schema.ToLowerInvariant(), name.Name.ToLowerInvariant());
    }

    /// <summary>ETL4671: a name that Redshift does not take.</summary>
    public static void RequireLength(string name, string what, string? optionPath)
    {
        var bytes = Encoding.UTF8.GetByteCount(name);
        if (bytes is 0 or > MaxBytes)
        {
            throw new EtlException("ETL4671", $"the {what} name '{name}' has {bytes} bytes; Redshift takes 1 to {MaxBytes}", "Rename it.") { OptionPath = optionPath };
        }
    }

    /// <summary>Quoted, for SQL.</summary>
    public string Sql => SqlText.Quote(Schema, Name);

    /// <inheritdoc/>
    public override string ToString() => $"{Schema}.{Name}";
}
