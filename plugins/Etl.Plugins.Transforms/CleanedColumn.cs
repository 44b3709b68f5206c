using System.Globalization;
using System.Text.RegularExpressions;
using Apache.Arrow;
using Apache.Arrow.Types;
using Etl.Contracts;

namespace Etl.Plugins.Transforms;

/// <summary>
/// A column on its way through <see cref="Clean"/>: its SQL over the input so far, its type, and what refuses a row because of it. Refusals are
/// decided on the input's columns, so each holds the SQL of the value as it is at that point.
/// </summary>
internal sealed partial class CleanedColumn(Field column)
{
    // RE2's \s is ASCII's white space without the vertical tab; with these it is Unicode's White_Space and the byte order mark.
    // DuckDB's trim would strip Unicode's spaces but leave tabs and line ends, and takes as long.
    private const string WhiteSpaceRun = @"[\s\v\x{85}\p{Z}\x{feff}]+";

    private readonly List<Refusal> refusals = [];

    /// <summary>The name in the input, which stays.</summary>
    public string Name => column.Name;

    /// <summary>The value, over the input's columns.</summary>
    public string Value { get; private set; } = SqlText.Quote(column.Name);

    /// <summary>The type as it is now.</summary>
    public IArrowType Type { get; private set; } = column.DataType;

    /// <summary>Whether the value of a row that passes can be NULL.</summary>
    public bool Nullable { get; private set; } = column.IsNullable;

    /// <summary>Reasons for which a row does not pass, in order.</summary>
    public IReadOnlyList<Refusal> Refusals => refusals;

    public void Trim(string path) => Value = Replace(Text(path), $"^{WhiteSpaceRun}|{WhiteSpaceRun}$", "");

    public void CollapseWhitespace(string path) => Value = Replace(Text(path), WhiteSpaceRun, " ");

    public void Lower(string path) => Value = $"lower({Text(path)})";

    public void Upper(string path) => Value = $"upper({Text(path)})";

    public void EmptyToNull(string path) => (Value, Nullable) = ($"nullif({Text(path)}, '')", true);

    public void Email(string path, CastFailure onInvalid)
    {
        var given = Given(path);
        Normalise(given, Whole($"lower({given})", @"^[^@\s]+@[^@\s]+\.[^@\s.]+$"), "email", "an e-mail address", onInvalid);
    }

    // E.164: a plus, the country code, 15 digits at most. A national number is invalid: what it means depends on where it was written down.
    public void Phone(string path, CastFailure onInvalid)
    {
        var given = Given(path);
        var digits = $"regexp_replace({Replace(given, @"\(0\)|[\s\p{Z}().\-/]", "")}, '^00', '+')";
        Normalise(given, Whole(digits, @"^\+[1-9][0-9]{6,14}$"), "phone", "an international telephone number", onInvalid);
    }

    public void Date(IReadOnlyList<string> formats, string path, CastFailure onInvalid)
    {
        if (Type is Date32Type)
        {
            return;
        }

        for (var i = 0; i < formats.Count; i++)
        {
            if (!DateFormat().IsMatch(formats[i]))
            {
                throw new EtlException("ETL3111", $"'{formats[i]}' is not a format of dates", "Write one of strptime's, such as %Y-%m-%d, %d/%m/%Y or %-d %b %Y.") { OptionPath = InputShape.Path(path, i) };
            }
        }

        var given = Given(path);
        var list = string.Join(", ", formats.Select(SqlText.Literal));
        Normalise(given, $"CAST(try_strptime({given}, [{list}]) AS DATE)", "date", $"a date like {string.Join(" or ", formats)}", onInvalid);
        Type = Date32Type.Default;
    }

    public void Fill(string value, string path)
    {
        var literal = TypedLiteral.ToStore(new Field(Name, Type, Nullable), value, path);
        (Value, Nullable) = ($"coalesce({Value}, {literal})", false);
    }

    public void RequireValue(string rule, RefusalAction action)
    {
        refusals.Add(new Refusal($"{rule}_{Name}", action, $"{Value} IS NULL", $"{Name} has no value"));
        Nullable = false;
    }

    public void Mask(MaskOptions mask, string path)
    {
        var value = Text(path);
        var (first, last) = (Number(mask.KeepFirst), Number(mask.KeepLast));
        var kept = Number(mask.KeepFirst + mask.KeepLast);
        var character = SqlText.Literal(mask.With);

        // What is no longer than the part to keep would otherwise stay readable as a whole.
        Value = $"CASE WHEN length({value}) > {kept} THEN left({value}, {first}) || repeat({character}, length({value}) - {kept}) || right({value}, {last}) ELSE repeat({character}, length({value})) END";
    }

    public void Hash(HashOptions hash, string path)
    {
        if (hash.Salt is { } salt && !ParameterName().IsMatch(salt))
        {
            throw new EtlException("ETL3104", $"'{salt}' is not the name of a parameter", "Declare a parameter in `params` and write its name here, without $.") { OptionPath = $"{path}.salt" };
        }

        var value = $"CAST({Value} AS VARCHAR)";
        Value = hash.Salt is null ? $"sha256({value})" : $"sha256(CAST(${hash.Salt} AS VARCHAR) || {value})";
        Type = StringType.Default;
    }

    private void Normalise(string given, string normal, string rule, string wanted, CastFailure onInvalid)
    {
        if (onInvalid != CastFailure.Null)
        {
            refusals.Add(new Refusal($"{rule}_{Name}", Cast.Action(onInvalid), $"{given} IS NOT NULL AND {normal} IS NULL", $"{Name} is not {wanted}"));
        }

        (Value, Nullable) = (normal, true);
    }

    // A blank text says that there is no value; it is no invalid one.
    private string Given(string path)
    {
        Trim(path);
        return $"nullif({Value}, '')";
    }

    private static string Replace(string value, string pattern, string by) =>
        $"regexp_replace({value}, {SqlText.Literal(pattern)}, {SqlText.Literal(by)}, 'g')";

    // regexp_extract gives an empty text where nothing matches.
    private static string Whole(string value, string pattern) => $"nullif(regexp_extract({value}, {SqlText.Literal(pattern)}), '')";

    private string Text(string path) => InputShape.IsText(Type) ? Value : throw InputShape.NotText(Name, Type, path);

    private static string Number(int number) => number.ToString(CultureInfo.InvariantCulture);

    // What DuckDB's strptime reads; another letter would fail in the run.
    [GeneratedRegex(@"^([^%]|%(-?[dmyHIMSj]|[aAbBcfgGhnpTuUVwWxXYzZ%]))+\z")]
    private static partial Regex DateFormat();

    [GeneratedRegex(@"^[A-Za-z_][A-Za-z0-9_]*\z")]
    private static partial Regex ParameterName();
}
