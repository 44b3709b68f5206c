using System.Data.Common;
using System.Globalization;
using Apache.Arrow;
using Etl.Contracts;
using Etl.Runtime.Compilation;
using Etl.Runtime.Diagnostics;

namespace Etl.Runtime.Execution;

/// <summary>
/// Takes values of hidden columns out of what is said while rows move. Where the row or the batch is known, its values are looked for as they are, whatever a trigger or a
/// constraint makes of them; all else that could be a value goes as <see cref="ErrorMask"/> tells.
/// </summary>
internal static class RowMask
{
    // What an error says of the batch at hand, without its values.
    private const string Noted = "etl.masked";

    // PostgreSQL's RAISE EXCEPTION.
    private const string Raised = "P0001";

    // Shorter ones take words apart, and tell nobody apart.
    private const int ShortestValue = 3;

    /// <summary>Why a target refuses a row.</summary>
    public static string Reason(HiddenColumns hidden, string stage, string reason, RecordBatch batch, int row) =>
        hidden.Any ? hidden.Text(Without(reason, Values(hidden, stage, batch, row, row + 1)), isForeign: true) : reason;

    /// <summary>Notes what an error says without the values of a batch.</summary>
    public static void Note(HiddenColumns hidden, string stage, Exception error, RecordBatch batch)
    {
        if (hidden.Any)
        {
            error.Data[Noted] = Without(error.Data[Noted] as string ?? error.Message, Values(hidden, stage, batch, 0, batch.Length));
        }
    }

    /// <summary>What an error says.</summary>
    public static string Message(HiddenColumns hidden, Exception error) =>
        hidden.Any ? hidden.Text(WithoutRaised(error.Data[Noted] as string ?? error.Message, error), IsForeign(error)) : error.Message;

    /// <summary>What it tells people to do; a database may say so with values.</summary>
    public static string? Hint(HiddenColumns hidden, EtlException? error) =>
        error?.Hint is { } hint && hidden.Any && error.InnerException is not null ? hidden.Text(hint, isForeign: true) : error?.Hint;

    // Codes of plugins, and of DuckDB, are for what systems say.
    private static bool IsForeign(Exception error) =>
        error is not QualityException && (error is not EtlException known || known.InnerException is not null || known.Code is ['E', 'T', 'L', '4', >= '4', ..]);

    // What a function of the database says is free text: it goes as a whole.
    private static string WithoutRaised(string text, Exception error)
    {
        for (var e = error; e is not null; e = e.InnerException)
        {
            if (e is DbException { SqlState: Raised } && e.Message.Split('\n')[0] is var said)
            {
                text = text.Replace(said.StartsWith($"{Raised}: ", StringComparison.Ordinal) ? said[(Raised.Length + 2)..] : said, Redactor.Mask, StringComparison.Ordinal);
            }
        }

        return text;
    }

    private static string Without(string text, IEnumerable<string> values)
    {
        foreach (var value in values.Where(v => text.Contains(v, StringComparison.OrdinalIgnoreCase)).Distinct(StringComparer.OrdinalIgnoreCase).OrderByDescending(v => v.Length).ToList())
        {
            text = text.Replace(value, Redactor.Mask, StringComparison.OrdinalIgnoreCase);
        }

        return text;
    }

    private static IEnumerable<string> Values(HiddenColumns hidden, string stage, RecordBatch batch, int from, int to) =>
        Enumerable.Range(0, batch.ColumnCount).Where(i => hidden.Hides(stage, batch.Schema.FieldsList[i].Name))
            .SelectMany(i => Enumerable.Range(from, to - from).Select(row => Text(batch.Column(i), row))).Where(v => v?.Length >= ShortestValue).Select(v => v!);

    private static string? Text(IArrowArray array, int row) => array.IsNull(row) ? null : array switch
    {
        StringArray a => a.GetString(row),
        Int32Array a => a.Values[row].ToString(CultureInfo.InvariantCulture),
        Int64Array a => a.Values[row].ToString(CultureInfo.InvariantCulture),
        Decimal128Array a => a.GetString(row),
        Date32Array a => DateOnly.FromDateTime(DateTime.UnixEpoch).AddDays(a.Values[row]).ToString("yyyy-MM-dd", CultureInfo.InvariantCulture),
        DoubleArray a => a.Values[row].ToString("R", CultureInfo.InvariantCulture),
        _ => null,
    };
}
