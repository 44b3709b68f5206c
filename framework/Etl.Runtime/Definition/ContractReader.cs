using System.Globalization;
using Apache.Arrow;
using Apache.Arrow.Types;
using Etl.Contracts;
using Etl.Runtime.Diagnostics;
using Etl.Runtime.Yaml;

namespace Etl.Runtime.Definition;

/// <summary>
/// Reads a contract: a subset of the Open Data Contract Standard v3. What the standard has beyond that is kept, and of a key that it does not have
/// people are told. A column's type is that of <c>customProperties</c> <c>arrowType</c>, else of <c>physicalType</c> where the name is known, else of
/// <c>logicalType</c>.
/// </summary>
public static class ContractReader
{
    /// <summary>A column's property that says the Arrow type where the other two cannot.</summary>
    internal const string ArrowType = "arrowType";

    /// <summary>The contract; null when the bag was told of an error.</summary>
    /// <param name="file">Its path.</param>
    /// <param name="bag">Receives what is wrong.</param>
    public static DataContract? Read(string file, DiagnosticBag bag) => ReadFile(file, bag)?.Contract;

    /// <summary>The contract with its rules; null when the bag was told of an error.</summary>
    internal static ContractFile? ReadFile(string file, DiagnosticBag bag)
    {
        var before = bag.ErrorCount;
        if (YamlReader.ReadFile(file, "contract", bag) is not { } root)
        {
            return null;
        }

        var fields = new MapFields(root, "", bag);
        var isContract = root["kind"] is YamlScalar { Value: "DataContract" };
        if (!isContract || root["apiVersion"] is not YamlScalar version || !version.Value.StartsWith("v3.", StringComparison.Ordinal))
        {
            bag.AddError((isContract ? root["apiVersion"] : root["kind"])?.Span ?? root.Span, "ETL1050", "this is no data contract of the Open Data Contract Standard v3", "Write apiVersion: v3.0.2 and kind: DataContract; `etl contract import` writes whole contracts.");
            return null;
        }

        ContractKeys.Report(root, bag);
        var id = fields.RequiredText("id", "It names the contract.");
        var contractVersion = fields.RequiredText("version", "The version of this contract, such as 1.0.0.");
        var contract = Object(fields, file, id, contractVersion, bag);
        return bag.ErrorCount == before ? contract : null;
    }

    private static ContractFile? Object(MapFields contract, string file, string? id, string? version, DiagnosticBag bag)
    {
        if (contract.List("schema") is not { Items: [YamlMap map] })
        {
            bag.AddError(contract.SpanOf("schema"), "ETL1053", "schema must be a list of one object", "Write one file for each table.");
            return null;
        }

        var fields = new MapFields(map, "schema[0]", bag);
        var name = fields.Text("physicalName") ?? fields.RequiredText("name", "The table's name.");
        if (fields.List("properties") is not { Items.Count: > 0 } properties)
        {
            bag.AddError(map.Span, "ETL1053", "the object has no properties", "Each column is one: - { name: order_id, logicalType: integer }.");
            return null;
        }

        var columns = new List<ContractColumn>();
        var names = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
        var rules = new List<(YamlMap Owner, string Path, string? Column)>();
        var positions = new Dictionary<int, string>();
        var places = new Dictionary<string, SourceSpan>();
        var nextPosition = 1;
        for (var i = 0; i < properties.Items.Count; i++)
        {
            if (properties.Items[i] is not YamlMap property)
            {
                bag.AddError(properties.Items[i].Span, "ETL2002", $"'schema[0].properties[{i}]' must be a mapping, and this is {properties.Items[i].Kind}");
                continue;
            }

            var column = new MapFields(property, $"schema[0].properties[{i}]", bag);
            if (Column(column, property, ref nextPosition, bag) is not { } read)
            {
                continue;
            }

            if (columns.Exists(c => string.Equals(c.Field.Name, read.Field.Name, StringComparison.OrdinalIgnoreCase)))
            {
                bag.AddError(column.SpanOf("name"), "ETL1054", $"the column '{read.Field.Name}' is there twice", "Names are compared as SQL does, ignoring case.");
                continue;
            }

            if (read.PrimaryKeyPosition is { } position && !positions.TryAdd(position, read.Field.Name))
            {
                bag.AddError(column.SpanOf("primaryKeyPosition"), "ETL1055", $"primaryKeyPosition {position} is that of '{positions[position]}' as well", "Number the columns of the key 1, 2, 3.");
            }

            columns.Add(read);
            places[read.Field.Name] = column.SpanOf("name");
            names[column.Text("name") ?? read.Field.Name] = read.Field.Name;
            rules.Add((property, $"schema[0].properties[{i}]", read.Field.Name));
        }

        var quality = new QualityReader(names, bag);
        foreach (var (owner, path, column) in rules.Append((map, "schema[0]", null)))
        {
            quality.Read(owner, path, column);
        }

        return id is null || version is null || name is null ? null : new ContractFile(new DataContract(id, version, name, columns, file), quality.Rules, quality.Notes, places);
    }

    private static ContractColumn? Column(MapFields fields, YamlMap property, ref int nextPosition, DiagnosticBag bag)
    {
        var name = fields.Text("physicalName") ?? fields.RequiredText("name", "The column's name.");
        if (name is null)
        {
            return null;
        }

        if (name == RowSchema.OpColumn || name.StartsWith("_etl_", StringComparison.Ordinal))
        {
            bag.AddError(fields.SpanOf("name"), "ETL1056", $"the column name '{name}' is the engine's own", "Leave it out, or give it another name in a view.");
            return null;
        }

        var isKey = fields.Flag("primaryKey");
        var isRequired = fields.Flag("required") || isKey;
        int? position = null;
        if (isKey)
        {
            position = Integer(fields, "primaryKeyPosition", bag) is { } p and > 0 ? p : nextPosition;
            nextPosition = Math.Max(nextPosition, position.Value + 1);
        }

        return Type(fields, property, name, bag) is { } type
            ? new ContractColumn(new Field(name, type, !isRequired), fields.Text("physicalType"), position, fields.Flag("unique"), fields.Text("classification"))
            : null;
    }

    private static IArrowType? Type(MapFields fields, YamlMap property, string name, DiagnosticBag bag)
    {
        var physical = fields.Text("physicalType");
        var logical = fields.Text("logicalType");
        var options = fields.Map("logicalTypeOptions") is { } map ? new MapFields(map, fields.Name("logicalTypeOptions"), bag) : null;
        var precision = options is null ? null : Integer(options, "precision", bag);
        var scale = options is null ? null : Integer(options, "scale", bag);
        var hasZone = options?.Scalar("timezone")?.Value != "false";
        try
        {
            if (Custom(property) is { } custom && ContractTypes.FromName(custom) is { } declared)
            {
                return declared;
            }

            // numeric says as much as logicalTypeOptions add to it.
            var whole = precision is null || physical is null || physical.Contains('(', StringComparison.Ordinal)
                ? physical
                : string.Create(CultureInfo.InvariantCulture, $"{physical}({precision},{scale ?? 0})");
            if (physical is not null && (ContractTypes.FromPhysical(whole!) ?? ContractTypes.FromPhysical(physical)) is { } type)
            {
                return type;
            }

            if (logical == "array" && property["items"] is YamlMap items)
            {
                return Type(new MapFields(items, fields.Name("items"), bag), items, name, bag) is { } item ? new ListType(new Field("item", item, true)) : null;
            }

            if (logical is not null && ContractTypes.FromLogical(logical, precision, scale, hasZone) is { } fromLogical)
            {
                return fromLogical;
            }
        }
        catch (EtlException e)
        {
            bag.AddError(fields.SpanOf(physical is null ? "logicalType" : "physicalType"), e.Code, $"column '{name}': {e.Message}", e.Hint);
            return null;
        }

        var said = (physical, logical) switch
        {
            (null, null) => "says neither physicalType nor logicalType",
            (null, _) => $"has the unknown logicalType '{logical}'",
            (_, null) => $"has the unknown physicalType '{physical}', and no logicalType",
            _ => $"has the unknown types '{physical}' and '{logical}'",
        };
        bag.AddError(
            fields.SpanOf(logical is null ? "physicalType" : "logicalType"), "ETL1051", $"column '{name}' {said}",
            "logicalType is one of: string, date, timestamp, time, number, integer, boolean, array (with items), object.");
        return null;
    }

    private static string? Custom(YamlMap property) =>
        (property["customProperties"] as YamlList)?.Items.OfType<YamlMap>()
            .Where(p => p["property"] is YamlScalar { Value: ArrowType }).Select(p => (p["value"] as YamlScalar)?.Value).FirstOrDefault();

    private static int? Integer(MapFields fields, string key, DiagnosticBag bag)
    {
        if (fields.Scalar(key) is not { } scalar)
        {
            return null;
        }

        if (int.TryParse(scalar.Value, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var value))
        {
            return value;
        }

        bag.AddError(scalar.Span, "ETL2002", $"'{fields.Name(key)}' is '{scalar.Written}'; it must be a whole number");
        return null;
    }
}
