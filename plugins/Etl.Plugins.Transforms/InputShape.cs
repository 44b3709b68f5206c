using System.Globalization;
using Apache.Arrow;
using Apache.Arrow.Types;
using Etl.Contracts;

namespace Etl.Plugins.Transforms;

/// <summary>What every transformer asks of its inputs before it writes SQL.</summary>
internal static class InputShape
{
    /// <summary>The only input. ETL3108 when there is none or several.</summary>
    public static RelationalInput One(IReadOnlyList<RelationalInput> inputs, string transformer) => inputs.Count == 1
        ? inputs[0]
        : throw WrongNumber(inputs, transformer, "one input", "Name one stage in `from`.");

    /// <summary>The first and the second input. ETL3108 when there are not two different ones.</summary>
    public static (RelationalInput First, RelationalInput Second) Two(IReadOnlyList<RelationalInput> inputs, string transformer) =>
        inputs.Count == 2 && !SameName(inputs[0].Relation, inputs[1].Relation)
            ? (inputs[0], inputs[1])
            : throw WrongNumber(inputs, transformer, "two different inputs", "Write `from: [ROWS, LOOKUP]`: the rows that go on, then where to look.");

    /// <summary>The columns that a pipeline's author sees: <c>_op</c> is the engine's to carry along.</summary>
    public static IReadOnlyList<Field> DataColumns(RowSchema schema) =>
        [.. schema.Arrow.FieldsList.Where(f => !SameName(f.Name, RowSchema.OpColumn))];

    /// <summary>Refuses keyed changes: a set query would see the changed rows only, and deletions as rows. ETL3107.</summary>
    public static void RequireWholeSet(IReadOnlyList<RelationalInput> inputs, string what)
    {
        if (inputs.FirstOrDefault(i => i.Schema.HasOp) is { } keyed)
        {
            throw new EtlException("ETL3107",
                $"{what} over the keyed changes of '{keyed.Relation}' would be incomplete: a run sees only the rows that changed",
                "Read the source whole: remove `incremental` from the extract.");
        }
    }

    /// <summary>A column that must hold text. ETL3010 or ETL3102.</summary>
    public static Field RequireText(RowSchema schema, string column, string optionPath)
    {
        var field = schema.Require(column, optionPath);
        return IsText(field.DataType) ? field : throw NotText(field.Name, field.DataType, optionPath);
    }

    /// <summary>Text was wanted, and the column is something else.</summary>
    public static EtlException NotText(string column, IArrowType type, string optionPath) => new(
        "ETL3102", $"column '{column}' is {type.Name}; this is for text only", "Put a `cast` to varchar before it, or leave the column out.") { OptionPath = optionPath };

    /// <summary>Whether a type is one of Arrow's texts.</summary>
    public static bool IsText(IArrowType type) => type.TypeId is ArrowTypeId.String or ArrowTypeId.LargeString or ArrowTypeId.StringView;

    /// <summary>A name for a new column: not empty and not one of the engine's. ETL3104.</summary>
    public static void RequireOwnName(string name, string optionPath)
    {
        if (name.Length == 0 || name[0] == '_')
        {
            throw new EtlException("ETL3104", name.Length == 0 ? "a column has no name" : $"the column name '{name}' starts with an underscore",
                "Names that start with an underscore belong to the engine; choose another one.") { OptionPath = optionPath };
        }
    }

    /// <summary>Refuses a list that names a column twice, or an unknown one. ETL3103 and ETL3010.</summary>
    public static void RequireDistinct(RowSchema schema, IReadOnlyList<string> columns, string option)
    {
        var seen = new HashSet<string>(StringComparer.OrdinalIgnoreCase);
        for (var i = 0; i < columns.Count; i++)
        {
            var path = Path(option, i);
            schema.Require(columns[i], path);
            if (!seen.Add(columns[i]))
            {
                throw Twice(columns[i], path);
            }
        }
    }

    /// <summary>A name that would be in the output a second time.</summary>
    public static EtlException Twice(string column, string optionPath, string hint = "Name each column once.") =>
        new("ETL3103", $"column '{column}' would be there twice", hint) { OptionPath = optionPath };

    /// <summary>The path of an element of a list option.</summary>
    public static string Path(string option, int index) => string.Create(CultureInfo.InvariantCulture, $"{option}[{index}]");

    /// <summary>Names are compared as SQL does.</summary>
    public static bool SameName(string a, string b) => string.Equals(a, b, StringComparison.OrdinalIgnoreCase);

    /// <summary>The input's name of a column that an option may have written in another case.</summary>
    public static string NameOf(RowSchema schema, string column, string? optionPath = null) => schema.Require(column, optionPath).Name;

    private static EtlException WrongNumber(IReadOnlyList<RelationalInput> inputs, string transformer, string wanted, string hint) => new(
        "ETL3108", $"{transformer} takes {wanted}; it has {(inputs.Count == 0 ? "none" : string.Join(", ", inputs.Select(i => i.Relation)))}", hint);
}
