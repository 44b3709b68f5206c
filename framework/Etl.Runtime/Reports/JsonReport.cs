using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using Etl.Contracts;

namespace Etl.Runtime.Reports;

/// <summary>
/// The report as JSON: the members of <see cref="RunReport"/> in snake_case, in declared order, null members left out, times in UTC.
/// Members are added without notice; a change of meaning raises <c>version</c>.
/// </summary>
public static class JsonReport
{
    /// <summary>The version that is written, and the newest that is read.</summary>
    public const int CurrentVersion = 1;

    /// <summary>The whole document, on several lines.</summary>
    public static string Write(RunReport report) => JsonSerializer.Serialize(report, ReportJson.Indented.RunReport);

    /// <summary>The whole document, on one line.</summary>
    public static string WriteLine(RunReport report) => JsonSerializer.Serialize(report, ReportJson.Default.RunReport);

    /// <summary>Reads what was written. ETL4614: written by a newer version, or damaged.</summary>
    public static RunReport Parse(string json)
    {
        RunReport? report;
        try
        {
            report = JsonSerializer.Deserialize(json, ReportJson.Default.RunReport);
        }
        catch (JsonException e)
        {
            throw new EtlException("ETL4614", $"a stored run report cannot be read: {e.Message}", "It was damaged, or written by a newer version; look at it with that version.", e);
        }

        return report switch
        {
            null => throw new EtlException("ETL4614", "a stored run report is empty", "It was damaged. `etl runs list` still tells how the run ended."),
            { Version: > CurrentVersion } => throw new EtlException(
                "ETL4614", $"a stored run report has version {report.Version}; this version reads up to {CurrentVersion}", "Look at it with the version that wrote it, or a newer one."),
            _ => report,
        };
    }
}

/// <summary>Serialisation without reflection, which would cost a start of the command line more than all else here.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    Converters = [typeof(UtcTime)])]
[JsonSerializable(typeof(RunReport))]
internal sealed partial class ReportJson : JsonSerializerContext
{
    private static ReportJson? indented;

    // Made when asked for: the generated Default is not there yet while this class's own fields are initialised.
    public static ReportJson Indented => indented ??= new(new JsonSerializerOptions(Default.Options)
    {
        WriteIndented = true,
        NewLine = "\n",
        // A report is read by people and programs and never put into a page as it is, so < and ' stay legible.
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    });
}

/// <summary>Enum members in snake_case.</summary>
internal sealed class SnakeCaseEnum<T>() : JsonStringEnumConverter<T>(JsonNamingPolicy.SnakeCaseLower, allowIntegerValues: false)
    where T : struct, Enum;

/// <summary>Times in UTC with milliseconds and a Z.</summary>
internal sealed class UtcTime : JsonConverter<DateTimeOffset>
{
    public override DateTimeOffset Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) => reader.GetDateTimeOffset();

    public override void Write(Utf8JsonWriter writer, DateTimeOffset value, JsonSerializerOptions options) =>
        writer.WriteStringValue(value.ToUniversalTime().ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture));
}
