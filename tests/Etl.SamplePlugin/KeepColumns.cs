using System.Runtime.CompilerServices;
using Apache.Arrow;
using Etl.Contracts;
using FluentValidation;

namespace Etl.SamplePlugin;

/// <summary>Keeps the named columns.</summary>
[Transformer("keep_columns", "Keeps the named columns, in the order given, and drops the rest.")]
public sealed class KeepColumns(KeepColumnsOptions options) : IBatchTransformer
{
    /// <inheritdoc/>
    public RowSchema DescribeOutput(RowSchema input) => new(new Schema(Kept(input).Select(i => input.Arrow.FieldsList[i]), null));

    /// <inheritdoc/>
    public async IAsyncEnumerable<RecordBatch> TransformAsync(BatchStream input, [EnumeratorCancellation] CancellationToken cancel)
    {
        var (schema, kept) = (DescribeOutput(input.Schema).Arrow, Kept(input.Schema));
        await foreach (var batch in input.Batches.WithCancellation(cancel))
        {
            yield return new RecordBatch(schema, kept.Select(i => BatchStream.ShareColumn(batch, i)), batch.Length);
        }
    }

    private int[] Kept(RowSchema input) =>
        [.. options.Columns.Select((c, i) => (Field: input.Require(c, $"columns[{i}]"), Name: c)).Select(x => input.Index(x.Name))];
}

/// <summary>Options of <see cref="KeepColumns"/>.</summary>
public sealed record KeepColumnsOptions
{
    /// <summary>The columns.</summary>
    [Option("Columns to keep, in output order.", Example = "[id, email]")]
    public required IReadOnlyList<string> Columns { get; init; }
}

/// <summary>No column twice.</summary>
public sealed class KeepColumnsRules : OptionsRules<KeepColumnsOptions>
{
    /// <summary>The rule.</summary>
    public KeepColumnsRules() => RuleForEach(o => o.Columns)
        .Must((o, name) => o.Columns.Count(other => other == name) == 1)
        .WithMessage("column '{PropertyValue}' is listed more than once.");
}
