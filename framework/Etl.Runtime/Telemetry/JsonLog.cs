using System.Globalization;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace Etl.Runtime.Telemetry;

/// <summary>How much a line of the log matters.</summary>
public enum LogLevel
{
    /// <summary>For whoever develops a plugin.</summary>
    Debug,

    /// <summary>The run goes as it should.</summary>
    Info,

    /// <summary>Unexpected, and no data is lost: a retry, a broken rule that only warns.</summary>
    Warn,

    /// <summary>A person must act.</summary>
    Error,
}

/// <summary>
/// A log of JSON lines. A line has <c>ts</c> (UTC), <c>level</c>, <c>msg</c> (the template with its fields filled in), <c>template</c>, the
/// log's own fields (<c>run_id</c>, <c>pipeline</c>, <c>stage</c>) and those of the line. Every text goes through the redaction before it
/// is written. Lines of several threads do not mix.
/// </summary>
public sealed class JsonLog
{
    private static readonly JsonWriterOptions Options = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private readonly TextWriter writer;
    private readonly Func<string, string> redact;
    private readonly TimeProvider time;
    private readonly Lock gate;
    private readonly IReadOnlyList<(string Name, string Value)> scope;

    /// <summary>A log of lines from <paramref name="least"/> upwards.</summary>
    /// <param name="writer">Flushed after each line; not disposed.</param>
    /// <param name="redact">Given each text before it is escaped; takes secrets out.</param>
    /// <param name="time">Stamps the lines.</param>
    /// <param name="least">Less than this is not written.</param>
    public JsonLog(TextWriter writer, Func<string, string> redact, TimeProvider time, LogLevel least = LogLevel.Info)
        : this(writer, redact, time, least, new Lock(), [])
    {
    }

    private JsonLog(TextWriter writer, Func<string, string> redact, TimeProvider time, LogLevel least, Lock gate, IReadOnlyList<(string, string)> scope)
    {
        (this.writer, this.redact, this.time, this.gate, this.scope) = (writer, redact, time, gate, scope);
        Least = least;
    }

    /// <summary>Writes nothing.</summary>
    public static JsonLog None { get; } = new(TextWriter.Null, text => text, TimeProvider.System, (LogLevel)int.MaxValue);

    /// <summary>Less than this is not written.</summary>
    public LogLevel Least { get; }

    /// <summary>This log with the run's name on every line.</summary>
    public JsonLog ForRun(string runId, string pipeline) => With(("run_id", runId), ("pipeline", pipeline));

    /// <summary>This log with a stage's name on every line.</summary>
    public JsonLog ForStage(string stage) => With(("stage", stage));

    /// <summary>The run goes as it should.</summary>
    public void Info(string template, params ReadOnlySpan<(string Name, object? Value)> fields) => Write(LogLevel.Info, template, fields);

    /// <summary>Unexpected, and no data is lost.</summary>
    public void Warn(string template, params ReadOnlySpan<(string Name, object? Value)> fields) => Write(LogLevel.Warn, template, fields);

    /// <summary>A person must act.</summary>
    public void Error(string template, params ReadOnlySpan<(string Name, object? Value)> fields) => Write(LogLevel.Error, template, fields);

    /// <summary>
    /// Writes a line. <paramref name="template"/> is a constant sentence with fields by name, <c>{rows} rows in {seconds} s</c>; the template stays as it is, so
    /// that lines of a kind are found by it.
    /// </summary>
    public void Write(LogLevel level, string template, params ReadOnlySpan<(string Name, object? Value)> fields)
    {
        if (level < Least)
        {
            return;
        }

        var buffer = new MemoryStream();
        using (var json = new Utf8JsonWriter(buffer, Options))
        {
            json.WriteStartObject();
            json.WriteString("ts", time.GetUtcNow().ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture));
            json.WriteString("level", level switch { LogLevel.Debug => "debug", LogLevel.Info => "info", LogLevel.Warn => "warn", _ => "error" });
            json.WriteString("msg", redact(Fill(template, fields)));
            json.WriteString("template", template);
            foreach (var (name, value) in scope)
            {
                json.WriteString(name, redact(value));
            }

            foreach (var (name, value) in fields)
            {
                WriteField(json, name, value);
            }

            json.WriteEndObject();
        }

        buffer.WriteByte((byte)'\n');
        var line = Encoding.UTF8.GetString(buffer.GetBuffer(), 0, (int)buffer.Length);
        lock (gate)
        {
            writer.Write(line);
            writer.Flush();
        }
    }

    private JsonLog With(params (string, string)[] more) => new(writer, redact, time, Least, gate, [.. scope, .. more]);

    // One pass from left to right: a value that holds braces is not filled in again.
    private static string Fill(string template, ReadOnlySpan<(string Name, object? Value)> fields)
    {
        var text = new StringBuilder();
        var rest = template.AsSpan();
        while (rest.IndexOf('{') is var open && open >= 0 && rest[open..].IndexOf('}') is var length && length > 0)
        {
            var name = rest.Slice(open + 1, length - 1);
            text.Append(rest[..open]).Append(Value(name, fields) ?? rest.Slice(open, length + 1).ToString());
            rest = rest[(open + length + 1)..];
        }

        return text.Append(rest).ToString();
    }

    private static string? Value(ReadOnlySpan<char> name, ReadOnlySpan<(string Name, object? Value)> fields)
    {
        foreach (var (candidate, value) in fields)
        {
            if (name.SequenceEqual(candidate))
            {
                return Text(value) ?? "null";
            }
        }

        return null;
    }

    private void WriteField(Utf8JsonWriter json, string name, object? value)
    {
        switch (value)
        {
            case null:
                json.WriteNull(name);
                break;
            case bool flag:
                json.WriteBoolean(name, flag);
                break;
            case int number:
                json.WriteNumber(name, number);
                break;
            case long number:
                json.WriteNumber(name, number);
                break;
            case double number when double.IsFinite(number):
                json.WriteNumber(name, number);
                break;
            default:
                json.WriteString(name, redact(Text(value)!));
                break;
        }
    }

    private static string? Text(object? value) => value is IFormattable f ? f.ToString(null, CultureInfo.InvariantCulture) : value?.ToString();
}
