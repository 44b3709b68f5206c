using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using Apache.Arrow;
using Apache.Arrow.Types;
using Etl.Contracts;

namespace Etl.Plugins.Lake;

/// <summary>The folder that a row belongs to: the partition column's value, cut to the layout's finest unit.</summary>
/// <param name="IsNull">The column is NULL.</param>
/// <param name="Number">Of a date or timestamp: days (hours, months, years) since 1970; of an integer or boolean: itself.</param>
/// <param name="Text">Of a text column.</param>
internal readonly record struct PartitionValue(bool IsNull, long Number, string? Text);

/// <summary>A folder with what the log says of its files.</summary>
/// <param name="Folder">Below the table's root, ending in '/', or empty.</param>
/// <param name="Values">Delta's partitionValues: by column, serialised as the protocol says.</param>
internal sealed record PartitionFolder(string Folder, IReadOnlyDictionary<string, string?> Values)
{
    /// <summary>Whether the layout of a load gave the folder, so that its rows are known to belong there; not where another program chose it.</summary>
    public bool IsOfLayout { get; init; } = true;

    /// <summary>Of a table without partitions.</summary>
    public static readonly PartitionFolder Root = new("", new Dictionary<string, string?>());

    /// <summary>Where a file of a table lies, for others that take its place.</summary>
    public static PartitionFolder Of(ActiveFile file) => new(file.RelativePath[..(file.RelativePath.LastIndexOf('/') + 1)], file.PartitionValues) { IsOfLayout = file.Folder is not null };
}

/// <summary>
/// How a table's files lie in folders. The path up to the first placeholder is the root of the Delta table. The column is a partition column
/// of Delta only where all rows of a folder have one value of it (a date by day, or the value itself); by month, or of a timestamp, the
/// folders only arrange the files, and readers prune by the statistics in the log.
/// </summary>
internal sealed partial class PartitionLayout
{
    /// <summary>What <c>partition_by</c> names instead of a column: the date of the run.</summary>
    public const string RunDate = "$run_date";

    /// <summary>The column that then holds it.</summary>
    public const string RunDateColumn = "run_date";

    private const string NullFolder = "__HIVE_DEFAULT_PARTITION__";
    private const long HourMicros = 3_600_000_000;
    private readonly string _pattern;
    private readonly IArrowType? _type;
    private readonly Unit _unit;

    private PartitionLayout(string root, string pattern, string? column, IArrowType? type, Unit unit)
    {
        (Root, _pattern, Column, _type, _unit) = (root, pattern, column, type, unit);
        IsDeltaPartition = column is not null && (unit == Unit.Value || (unit == Unit.Day && type is Date32Type && pattern.Contains("{year}", StringComparison.Ordinal) && pattern.Contains("{month}", StringComparison.Ordinal)));
    }

    private enum Unit
    {
        Value,
        Hour,
        Day,
        Month,
        Year,
    }

    /// <summary>The table's root: empty, or ending in '/'.</summary>
    public string Root { get; }

    /// <summary>The folders below the root, with placeholders; empty, or ending in '/'.</summary>
    public string Pattern => _pattern;

    /// <summary>The column that decides; null when all files lie in the root.</summary>
    public string? Column { get; }

    /// <summary>Whether <see cref="Column"/> is no column of the rows, but has the date of the run in all of them.</summary>
    public bool IsByRunDate { get; private init; }

    /// <summary>That date, once it is known.</summary>
    public DateOnly? Date { get; private init; }

    /// <summary>Whether <see cref="Column"/> is a partition column in the log.</summary>
    public bool IsDeltaPartition { get; }

    /// <summary>What <c>metaData.partitionColumns</c> holds.</summary>
    public IReadOnlyList<string> DeltaColumns => IsDeltaPartition ? [Column!] : [];

    /// <summary>What is wrong with a path; null if nothing is.</summary>
    public static string? FindFault(string path)
    {
        if (path.StartsWith('/') || path.Contains('\\', StringComparison.Ordinal) || path.Split('/').Any(s => s is ".." or ".") || path.Contains("//", StringComparison.Ordinal))
        {
            return "is a relative path with '/', without '..': the folder of the table in the store.";
        }

        var unknown = Placeholder().Matches(path).Select(m => m.Value).Except(["{year}", "{month}", "{day}", "{hour}", "{partition}"]).FirstOrDefault();
        return unknown is not null ? $"has the placeholder {unknown}; known are {{year}}, {{month}}, {{day}}, {{hour}} and {{partition}}."
            : Placeholder().Replace(path, "").AsSpan().IndexOfAny('{', '}') >= 0 ? "has a brace that belongs to no placeholder."
            : null;
    }

    /// <summary>The table's root in a path: what stands before the first placeholder.</summary>
    public static string RootOf(string path) =>
        string.Concat(path.Split('/', StringSplitOptions.RemoveEmptyEntries).TakeWhile(s => !s.Contains('{', StringComparison.Ordinal)).Select(s => s + "/"));

    /// <summary>The layout for rows of a schema. ETL4550: a path or a column that do not fit.</summary>
    public static PartitionLayout Create(string path, string? partitionBy, RowSchema schema)
    {
        if (FindFault(path) is { } fault)
        {
            throw new EtlException("ETL4550", $"the path '{path}' {fault}") { OptionPath = "path" };
        }

        var root = RootOf(path);
        var pattern = string.Concat(path.Split('/', StringSplitOptions.RemoveEmptyEntries).SkipWhile(s => !s.Contains('{', StringComparison.Ordinal)).Select(s => s + "/"));
        if (partitionBy is null)
        {
            return pattern.Length == 0
                ? new PartitionLayout(root, "", null, null, Unit.Value)
                : throw new EtlException("ETL4550", "the path has placeholders and partition_by is not set", "Name the column that they are of.") { OptionPath = "path" };
        }

        var field = partitionBy != RunDate ? schema.Require(partitionBy, "partition_by")
            : schema.Index(RunDateColumn) < 0 ? new Field(RunDateColumn, Date32Type.Default, nullable: false)
            : throw new EtlException("ETL4550", $"the rows have a column '{RunDateColumn}', which partition_by: {RunDate} adds", $"Rename it on the way, or partition by it: partition_by: {RunDateColumn}.") { OptionPath = "partition_by" };
        var unit = pattern.Contains("{hour}", StringComparison.Ordinal) ? Unit.Hour
            : pattern.Contains("{day}", StringComparison.Ordinal) ? Unit.Day
            : pattern.Contains("{month}", StringComparison.Ordinal) ? Unit.Month
            : pattern.Contains("{year}", StringComparison.Ordinal) ? Unit.Year
            : Unit.Value;
        if (pattern.Length == 0)
        {
            pattern = $"{EscapeName(field.Name)}={{partition}}/";
        }

        var fits = field.DataType switch
        {
            Date32Type => unit != Unit.Hour && (unit == Unit.Value || !pattern.Contains("{partition}", StringComparison.Ordinal)),
            TimestampType => unit != Unit.Value && !pattern.Contains("{partition}", StringComparison.Ordinal),
            Int8Type or Int16Type or Int32Type or Int64Type or BooleanType or StringType => unit == Unit.Value,
            _ => false,
        };
        return fits
            ? new PartitionLayout(root, pattern, field.Name, field.DataType, unit) { IsByRunDate = partitionBy == RunDate }
            : throw new EtlException(
                "ETL4550", $"the column '{field.Name}' of type {field.DataType.Name} cannot lay out '{path}'",
                "A date takes {year}, {month}, {day} or its value; a timestamp {year}, {month}, {day}, {hour}; an integer, a boolean or text its value ({partition}, or no placeholder).") { OptionPath = "partition_by" };
    }

    /// <summary>The layout of a run.</summary>
    public PartitionLayout At(DateOnly date) => new(Root, _pattern, Column, _type, _unit) { IsByRunDate = IsByRunDate, Date = date };

    /// <summary>The value of all rows of a run; without partitions it is of no matter.</summary>
    public PartitionValue ValueOfRun => Date is { } date ? new PartitionValue(false, Cut((date.DayNumber - DateOnly.FromDateTime(DateTime.UnixEpoch).DayNumber) * 24L), null) : default;

    /// <summary>Reads partition values of a column's rows, one after the other, without an object per row where the value is no text.</summary>
    public PartitionValue ValueOf(IArrowArray array, int row)
    {
        if (array.IsNull(row))
        {
            return new PartitionValue(true, 0, null);
        }

        return array switch
        {
            Date32Array dates => new PartitionValue(false, Cut(dates.Values[row] * 24L), null),
            TimestampArray times => new PartitionValue(false, Cut(FloorDivide(times.Values[row], HourMicros)), null),
            Int8Array a => new PartitionValue(false, a.Values[row], null),
            Int16Array a => new PartitionValue(false, a.Values[row], null),
            Int32Array a => new PartitionValue(false, a.Values[row], null),
            Int64Array a => new PartitionValue(false, a.Values[row], null),
            BooleanArray a => new PartitionValue(false, a.GetValue(row)!.Value ? 1 : 0, null),
            StringArray a => TextOf(a, row),
            _ => throw new InvalidOperationException($"no partition of {array.Data.DataType.Name}"),
        };
    }

    /// <summary>Where rows with this value lie.</summary>
    public PartitionFolder FolderOf(PartitionValue value)
    {
        if (Column is null)
        {
            return PartitionFolder.Root;
        }

        var text = value.IsNull ? null : DeltaText(value);
        var moment = Start(value.Number);
        var folder = Placeholder().Replace(_pattern, m => value.IsNull ? NullFolder : m.Value switch
        {
            "{year}" => moment.Year.ToString("0000", CultureInfo.InvariantCulture),
            "{month}" => moment.Month.ToString("00", CultureInfo.InvariantCulture),
            "{day}" => moment.Day.ToString("00", CultureInfo.InvariantCulture),
            "{hour}" => moment.Hour.ToString("00", CultureInfo.InvariantCulture),
            _ => EscapeName(text!),
        });
        return new PartitionFolder(folder, IsDeltaPartition ? new Dictionary<string, string?> { [Column] = text } : PartitionFolder.Root.Values);
    }

    private PartitionValue TextOf(StringArray array, int row)
    {
        var bytes = array.GetBytes(row);
        return bytes.Length == 0
            ? throw new EtlException("ETL4551", $"the partition column '{Column}' holds an empty text", "Delta keeps an empty partition value as NULL, so it would come back as another value. Replace it on the way.")
            : new PartitionValue(false, 0, Encoding.UTF8.GetString(bytes));
    }

    private long Cut(long hours) => _unit switch
    {
        Unit.Hour => hours,
        Unit.Value or Unit.Day => FloorDivide(hours, 24),
        _ => MonthOrYear(FloorDivide(hours, 24)),
    };

    private long MonthOrYear(long days)
    {
        var date = Day(days);
        return _unit == Unit.Month ? ((date.Year - 1970) * 12L) + date.Month - 1 : date.Year - 1970;
    }

    // The moment at which the unit begins; the calendar of .NET is that of ISO dates, for the years that Parquet readers know.
    private DateTime Start(long number) => _type is not (Date32Type or TimestampType) ? DateTime.UnixEpoch : _unit switch
    {
        Unit.Hour => Day(FloorDivide(number, 24)).AddHours(number - (FloorDivide(number, 24) * 24)),
        Unit.Month => DateTime.UnixEpoch.AddMonths((int)number),
        Unit.Year => DateTime.UnixEpoch.AddYears((int)number),
        _ => Day(number),
    };

    private DateTime Day(long days) => days is >= -719162 and <= 2932896
        ? DateTime.UnixEpoch.AddDays(days)
        : throw new EtlException("ETL4571", $"column '{Column}' holds a date outside the years 1 to 9999: {days.ToString(CultureInfo.InvariantCulture)} days since 1970-01-01", "Replace such values (also 'infinity') on the way, for example by NULL.");

    private string DeltaText(PartitionValue value) => _type switch
    {
        StringType => value.Text!,
        BooleanType => value.Number != 0 ? "true" : "false",
        Date32Type => Start(value.Number).ToString("yyyy-MM-dd", CultureInfo.InvariantCulture),
        _ => value.Number.ToString(CultureInfo.InvariantCulture),
    };

    private static long FloorDivide(long a, long b) => a >= 0 ? a / b : ((a + 1) / b) - 1;

    // Hive's way: what a folder's name cannot hold becomes %XX.
    private static string EscapeName(string text)
    {
        var escaped = new StringBuilder();
        foreach (var c in text)
        {
            if (c >= 0x80 || char.IsAsciiLetterOrDigit(c) || "-_. ,@+".Contains(c, StringComparison.Ordinal))
            {
                escaped.Append(c);
            }
            else
            {
                escaped.Append(CultureInfo.InvariantCulture, $"%{(int)c:X2}");
            }
        }

        var name = escaped.ToString();
        return name is "." or ".." ? name.Replace(".", "%2E", StringComparison.Ordinal) : name;
    }

    [GeneratedRegex(@"\{[^{}/]*\}")]
    private static partial Regex Placeholder();
}
