using System.Collections.ObjectModel;
using System.Text.RegularExpressions;
using Etl.Contracts;

namespace Etl.Runtime.Compilation;

/// <summary>What rows keep of the promises of the rows that they are made of: which columns hold no NULL, which are unique together, and which are the source's own.</summary>
internal sealed partial class GraphTyper
{
    private static string KeyName(IReadOnlyList<string> key) => string.Join('\n', key);

    private static RowSchema WithKeys(Apache.Arrow.Schema columns, IReadOnlyList<IReadOnlyList<string>> keys) => new(columns, keys.Count > 0 ? keys[0] : []) { OtherKeys = [.. keys.Skip(1)] };

    private static bool Nullable(RowSchema schema, string column) => schema.Index(column) is var i && (i < 0 || schema.Arrow.FieldsList[i].IsNullable);

    // With deletions in the stream a refused NULL may still pass, in a row that deletes.
    private static bool IsRefusedWhenNull(RowLocalStep step, string column, RowSchema schema) =>
        !schema.HasOp && step.Refusals.Any(r => r.Action is RefusalAction.DeadLetter or RefusalAction.Exclude && NullTests().Match(r.When.Text) is { Success: true } match
            && match.Groups[1].Captures.Any(c => c.Value == SqlText.Quote(column)));

    private static bool NullableColumn(IReadOnlyList<ColumnExpression> columns, RowSchema input, string qualifier, string name)
    {
        var column = columns.FirstOrDefault(c => c.Name == name);
        return column is null ? Nullable(input, name) : column.Nullable ?? (Referenced(column, input, qualifier) is not { } source || Nullable(input, source));
    }

    private static string? Referenced(ColumnExpression column, RowSchema input, string qualifier) =>
        input.Names.FirstOrDefault(n => column.Expression.Text == qualifier + SqlText.Quote(n) || column.Expression.Text == SqlText.Quote(n));

    // Of the columns that leave a step: those that come from the source as they are, by their name there.
    private IReadOnlyDictionary<string, string> Origins(RelationalStep step, string input)
    {
        var before = _origins[input];
        var (columns, qualifier) = step switch
        {
            RowLocalStep local => (local.Columns, ""),
            LookupStep lookup => (lookup.Columns, SqlText.Quote(input) + "."),
            _ => (null, ""),
        };
        return step is SetStep ? ReadOnlyDictionary<string, string>.Empty
            : columns is null ? before
            : columns.Select(c => (c.Name, Origin: Referenced(c, _schemas[input], qualifier) is { } name ? before.GetValueOrDefault(name) : null)).Where(c => c.Origin is not null)
                .ToDictionary(c => c.Name, c => c.Origin!, StringComparer.OrdinalIgnoreCase);
    }

    // Keys whose columns are all still there, unchanged, by their new names.
    private static IReadOnlyList<IReadOnlyList<string>> KeptKeys(RowSchema input, IReadOnlyList<ColumnExpression> columns, string qualifier) =>
    [
        .. input.Keys.Select(key => key.Select(k => columns.FirstOrDefault(c => string.Equals(Referenced(c, input, qualifier), k, StringComparison.OrdinalIgnoreCase))?.Name).ToList())
            .Where(key => !key.Contains(null)).Select(key => (IReadOnlyList<string>)[.. key.Select(k => k!)]),
    ];

    // Of nothing but tests of columns; each name is a capture.
    [GeneratedRegex("^(?:(?:^| OR )(\"(?:[^\"]|\"\")+\") IS NULL)+$")]
    private static partial Regex NullTests();
}
