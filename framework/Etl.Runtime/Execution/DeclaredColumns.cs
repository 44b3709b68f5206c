using Apache.Arrow;
using Apache.Arrow.Types;
using Etl.Contracts;
using Etl.Runtime.Definition;

namespace Etl.Runtime.Execution;

/// <summary>
/// Holds what a component's code yields against what it declared. Other columns would shift values into the wrong ones, another scale would change them, and a NULL would
/// break what was concluded from there being none.
/// </summary>
/// <param name="stage">Whose code it is.</param>
/// <param name="declared">What it said of its rows.</param>
internal sealed class DeclaredColumns(StageDefinition stage, RowSchema declared)
{
    /// <summary>ETL5020 for a batch of other columns, which is disposed then. Looks at no row.</summary>
    public void Require(RecordBatch batch)
    {
        if (Misfit(batch) is { } misfit)
        {
            batch.Dispose();
            throw new EtlException(
                "ETL5020", $"{(stage.Kind == StageKind.Extract ? "extractor" : "transformer")} '{stage.Component}' of stage '{stage.Id}' yields {misfit}",
                "This is an error of the plugin: tell its author, or take the version before it.");
        }
    }

    private string? Misfit(RecordBatch batch)
    {
        var fields = declared.Arrow.FieldsList;
        if (batch.ColumnCount != fields.Count)
        {
            return $"{batch.ColumnCount} columns where it declared {fields.Count}";
        }

        for (var i = 0; i < fields.Count; i++)
        {
            // The arrays count: a batch may say of itself what it is not.
            var (name, type) = (batch.Schema.FieldsList[i].Name, batch.Column(i).Data.DataType);
            if (name != fields[i].Name || !IsSame(type, fields[i].DataType))
            {
                return $"'{name}' of type {ContractTypes.Name(type)} where it declared '{fields[i].Name}' of type {ContractTypes.Name(fields[i].DataType)}";
            }

            // A deletion may have its key alone.
            if (!fields[i].IsNullable && !declared.HasOp && batch.Column(i).NullCount > 0)
            {
                return $"NULL in '{name}', which it declared never to be NULL";
            }
        }

        return null;
    }

    private static bool IsSame(IArrowType type, IArrowType other) => ReferenceEquals(type, other) || (type.TypeId == other.TypeId && (type, other) switch
    {
        (Decimal128Type a, Decimal128Type b) => (a.Precision, a.Scale) == (b.Precision, b.Scale),
        (TimestampType a, TimestampType b) => (a.Unit, a.Timezone is null) == (b.Unit, b.Timezone is null),
        (Time64Type a, Time64Type b) => a.Unit == b.Unit,
        (ListType a, ListType b) => IsSame(a.ValueDataType, b.ValueDataType),
        _ => true,
    });
}
