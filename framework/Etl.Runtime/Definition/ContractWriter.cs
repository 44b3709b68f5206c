using System.Globalization;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.RegularExpressions;
using Apache.Arrow.Types;
using Etl.Contracts;

namespace Etl.Runtime.Definition;

/// <summary>Writes a live table as a contract, which <see cref="ContractReader"/> reads back to the same Arrow schema.</summary>
public static partial class ContractWriter
{
    /// <summary>The YAML text; the same table gives the same text.</summary>
    /// <param name="table">What the connection said of it.</param>
    /// <param name="id">The contract's id, such as <c>shop.orders</c>.</param>
    /// <param name="version">The contract's version.</param>
    public static string Write(TableDescription table, string id, string version = "1.0.0") => Write(table, id, version, [], _ => []);

    /// <summary>The same with more lines of YAML: of the table, before its columns, and of each column, as they stand below it.</summary>
    internal static string Write(TableDescription table, string id, string version, IEnumerable<string> ofTable, Func<string, IEnumerable<string>> ofColumn)
    {
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $"""
            apiVersion: v3.0.2
            kind: DataContract
            id: {Scalar(id)}
            version: {Scalar(version)}
            status: active
            schema:
              - name: {Scalar(table.Name)}
                physicalName: {Scalar(table.Name)}
                logicalType: object

            """);
        Append(text, "    ", ofTable);
        text.Append("    properties:\n");
        foreach (var column in table.Columns)
        {
            Column(text, column, table.PrimaryKey);
            Append(text, "        ", ofColumn(column.Name));
        }

        return text.Replace("\r\n", "\n").ToString();
    }

    private static void Append(StringBuilder text, string indent, IEnumerable<string> lines)
    {
        foreach (var line in lines)
        {
            text.Append(indent).Append(line).Append('\n');
        }
    }

    private static void Column(StringBuilder text, ColumnDescription column, IReadOnlyList<string> key)
    {
        var type = column.Field.DataType;
        Line(text, "      - name", Scalar(column.Name));
        Line(text, "        logicalType", ContractTypes.ToLogical(type));
        Line(text, "        physicalType", Scalar(column.PhysicalType));
        if (type is Decimal128Type d)
        {
            Line(text, "        logicalTypeOptions", string.Create(CultureInfo.InvariantCulture, $"{{ precision: {d.Precision}, scale: {d.Scale} }}"));
        }
        else if (type is TimestampType { Timezone: null or "" })
        {
            Line(text, "        logicalTypeOptions", "{ timezone: false }");
        }
        else if (type is ListType list)
        {
            Line(text, "        items", $"{{ logicalType: {ContractTypes.ToLogical(list.ValueDataType)} }}");
        }

        var position = Position(key, column.Name);
        if (!column.Field.IsNullable || position > 0)
        {
            Line(text, "        required", "true");
        }

        if (position > 0)
        {
            Line(text, "        primaryKey", "true");
            Line(text, "        primaryKeyPosition", position.ToString(CultureInfo.InvariantCulture));
        }

        if (!ReadsBack(column))
        {
            Line(text, "        customProperties", $"[{{ property: {ContractReader.ArrowType}, value: \"{ContractTypes.Name(type)}\" }}]");
        }
    }

    // SQLite's INTEGER has 64 bits and PostgreSQL's 32: where the name alone misleads, the Arrow type is written too.
    private static bool ReadsBack(ColumnDescription column)
    {
        try
        {
            return ContractTypes.FromPhysical(column.PhysicalType) is { } read && ContractTypes.Name(read) == ContractTypes.Name(column.Field.DataType);
        }
        catch (EtlException)
        {
            return false;
        }
    }

    private static int Position(IReadOnlyList<string> key, string column)
    {
        for (var i = 0; i < key.Count; i++)
        {
            if (key[i] == column)
            {
                return i + 1;
            }
        }

        return 0;
    }

    private static void Line(StringBuilder text, string key, string value) => text.Append(key).Append(": ").Append(value).Append('\n');

    // Plain where that can be nothing but this text; else in double quotes, whose escapes YAML has from JSON.
    internal static string Scalar(string value) =>
        PlainText().IsMatch(value) && !Ambiguous().IsMatch(value)
            ? value
            : $"\"{JsonEncodedText.Encode(value, JavaScriptEncoder.UnsafeRelaxedJsonEscaping)}\"";

    [GeneratedRegex(@"^[A-Za-z_][A-Za-z0-9_.()-]*( [A-Za-z]+)*\z", RegexOptions.CultureInvariant)]
    private static partial Regex PlainText();

    [GeneratedRegex(@"^(true|false|yes|no|on|off|y|n|null|~)\z", RegexOptions.CultureInvariant | RegexOptions.IgnoreCase)]
    private static partial Regex Ambiguous();
}
