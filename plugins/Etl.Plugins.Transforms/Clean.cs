using Etl.Contracts;

namespace Etl.Plugins.Transforms;

/// <summary>
/// Tidies values. A column goes through the steps in a fixed order: trim, collapse_whitespace, lower or upper, empty_to_null,
/// emails or phones or dates, fill, drop_nulls and refuse_nulls, mask or hash. So a fill also replaces what was blank, and the checks
/// for NULL see the filled value. Doing it twice changes nothing more, hashes aside.
/// </summary>
[Transformer("clean", "Tidies texts, normalises addresses, numbers and dates, fills or refuses NULLs, masks and hashes.")]
public sealed class Clean(CleanOptions options) : IRelationalTransformer
{
    /// <inheritdoc/>
    public RelationalStep Describe(IReadOnlyList<RelationalInput> inputs)
    {
        var input = InputShape.One(inputs, "clean").Schema;
        var columns = InputShape.DataColumns(input).ToDictionary(f => f.Name, f => new CleanedColumn(f), StringComparer.OrdinalIgnoreCase);
        var order = InputShape.DataColumns(input).Select(f => columns[f.Name]).ToList();

        Each("trim", options.Trim, (c, path) => c.Trim(path));
        Each("collapse_whitespace", options.CollapseWhitespace, (c, path) => c.CollapseWhitespace(path));
        Each("lower", options.Lower, (c, path) => c.Lower(path));
        Each("upper", options.Upper, (c, path) => c.Upper(path));
        Each("empty_to_null", options.EmptyToNull, (c, path) => c.EmptyToNull(path));
        Each("emails", options.Emails, (c, path) => c.Email(path, options.OnInvalid));
        Each("phones", options.Phones, (c, path) => c.Phone(path, options.OnInvalid));
        EachOf("dates", options.Dates, (c, formats, path) => c.Date(formats, path, options.OnInvalid));
        EachOf("fill", options.Fill, (c, value, path) => c.Fill(value, path));
        Each("drop_nulls", options.DropNulls, (c, _) => c.RequireValue("drop_nulls", RefusalAction.Exclude));
        Each("refuse_nulls", options.RefuseNulls, (c, _) => c.RequireValue("refuse_nulls", RefusalAction.DeadLetter));
        EachOf("mask", options.Mask, (c, mask, path) => c.Mask(mask, path));
        EachOf("hash", options.Hash, (c, hash, path) => c.Hash(hash, path));

        return new RowLocalStep(
            [.. order.SelectMany(c => c.Refusals)],
            [.. order.Select(c => new ColumnExpression(c.Name, c.Value, c.Nullable))]);

        void Each(string option, IReadOnlyList<string> names, Action<CleanedColumn, string> step)
        {
            InputShape.RequireDistinct(input, names, option);
            for (var i = 0; i < names.Count; i++)
            {
                step(columns[names[i]], InputShape.Path(option, i));
            }
        }

        void EachOf<T>(string option, IReadOnlyDictionary<string, T> values, Action<CleanedColumn, T, string> step)
        {
            foreach (var (name, value) in values)
            {
                var path = $"{option}.{name}";
                step(columns[InputShape.NameOf(input, name, path)], value, path);
            }
        }
    }
}
