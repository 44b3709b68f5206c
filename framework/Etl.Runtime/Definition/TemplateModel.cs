using System.Globalization;
using Etl.Contracts;
using Scriban;
using Scriban.Functions;
using Scriban.Parsing;
using Scriban.Runtime;
using Scriban.Syntax;

namespace Etl.Runtime.Definition;

/// <summary>
/// Evaluates <c>{{ }}</c> in values. A template sees <c>params</c>, <c>run</c> (id, date, started_at) and <c>pipeline</c> (id), and functions that
/// depend on their arguments only: no clock, no random numbers, no includes, no reflection. Loops, recursion, output and time
/// are limited, so that no template can hold up a compilation.
/// </summary>
internal sealed class TemplateModel
{
    /// <summary>Time for one value.</summary>
    private static readonly TimeSpan Longest = TimeSpan.FromMilliseconds(500);

    private const int MostCharacters = 64 * 1024;
    private const int MostIterations = 1000;
    private const int DeepestRecursion = 20;

    private static readonly ParserOptions Parsing = new() { ExpressionDepthLimit = 50, ParseFloatAsDecimal = true };

    private static readonly string[] TextFunctions =
    [
        nameof(StringFunctions.Append), nameof(StringFunctions.Capitalize), nameof(StringFunctions.Contains), nameof(StringFunctions.Downcase),
        nameof(StringFunctions.EndsWith), nameof(StringFunctions.LStrip), nameof(StringFunctions.PadLeft), nameof(StringFunctions.PadRight),
        nameof(StringFunctions.Prepend), nameof(StringFunctions.Remove), nameof(StringFunctions.Replace), nameof(StringFunctions.RStrip),
        nameof(StringFunctions.Size), nameof(StringFunctions.Slice), nameof(StringFunctions.Split), nameof(StringFunctions.StartsWith),
        nameof(StringFunctions.Strip), nameof(StringFunctions.ToInt), nameof(StringFunctions.ToLong), nameof(StringFunctions.Truncate),
        nameof(StringFunctions.Upcase),
    ];

    private static readonly string[] MathFunctionNames =
    [
        nameof(MathFunctions.Abs), nameof(MathFunctions.Ceil), nameof(MathFunctions.DividedBy), nameof(MathFunctions.Floor), nameof(MathFunctions.Minus),
        nameof(MathFunctions.Modulo), nameof(MathFunctions.Plus), nameof(MathFunctions.Round), nameof(MathFunctions.Times),
    ];

    private readonly ScriptObject globals = new(StringComparer.Ordinal);

    /// <summary>What templates of a pipeline see.</summary>
    public TemplateModel(string pipeline, RunContext run, IReadOnlyDictionary<string, object> parameters)
    {
        var values = new ScriptObject(StringComparer.Ordinal);
        foreach (var (name, value) in parameters)
        {
            values[name] = Visible(value);
        }

        globals["params"] = values;
        globals["run"] = new ScriptObject { ["id"] = run.Id, ["date"] = Visible(run.Date), ["started_at"] = Visible(run.StartedAt) };
        globals["pipeline"] = new ScriptObject { ["id"] = pipeline };
        Known = string.Join(", ", parameters.Keys.Select(p => $"params.{p}").Concat(["run.id", "run.date", "run.started_at", "pipeline.id"]));
    }

    /// <summary>What a template can name, for hints.</summary>
    public string Known { get; }

    /// <summary>
    /// The value of a template. <see cref="TemplateException"/>: ETL1033 (it makes no sense) or ETL1034 (it takes too much).
    /// </summary>
    public string Render(string template)
    {
        var parsed = Template.Parse(template, parserOptions: Parsing, lexerOptions: LexerOptions.Default);
        if (parsed.HasErrors)
        {
            var first = parsed.Messages.First(m => m.Type == ParserMessageType.Error);
            throw first.Message.Contains("limit", StringComparison.OrdinalIgnoreCase)
                ? TooMuch(first.Span.Start.Offset, null)
                : new TemplateException("ETL1033", $"the template cannot be read: {Plain(first.Message)}", "Write {{ params.name }}.", first.Span.Start.Offset, null);
        }

        using var time = new CancellationTokenSource(Longest);
        var context = new TemplateContext(Functions())
        {
            StrictVariables = true,
            EnableRelaxedMemberAccess = false,
            EnableRelaxedIndexerAccess = false,
            LoopLimit = MostIterations,
            RecursiveLimit = DeepestRecursion,
            ObjectRecursionLimit = DeepestRecursion,
            LimitToString = MostCharacters,
            OnStringLimit = ScriptLimitBehavior.Throw,
            OnOutputLimit = ScriptLimitBehavior.Throw,
            OutputLimit = MostCharacters,
            RegexTimeOut = Longest,
            CancellationToken = time.Token,
        };
        context.PushCulture(CultureInfo.InvariantCulture);
        context.PushGlobal(globals);
        try
        {
            return parsed.Render(context);
        }
        catch (ScriptRuntimeException e) when (!IsLimit(e, time.Token))
        {
            var span = e.Span.Start.Offset;
            throw new TemplateException("ETL1033", $"the template fails: {Plain(e.OriginalMessage)}", $"Known are: {Known}.", span, e);
        }
        catch (Exception e) when (e is ScriptRuntimeException or OperationCanceledException or OutOfMemoryException or InsufficientExecutionStackException)
        {
            throw TooMuch((e as ScriptRuntimeException)?.Span.Start.Offset ?? 0, e);
        }
    }

    private static bool IsLimit(ScriptRuntimeException e, CancellationToken time) =>
        e is ScriptAbortException || time.IsCancellationRequested || e.OriginalMessage.Contains("limit", StringComparison.OrdinalIgnoreCase);

    private static TemplateException TooMuch(int offset, Exception? inner) => new(
        "ETL1034", $"the template takes more than it may: {Longest.TotalMilliseconds} ms, {MostIterations} iterations, {MostCharacters} characters, {DeepestRecursion} calls deep",
        "Templates put a value into a text; compute in SQL.", offset, inner);

    // Made anew for each value: a template can assign to members, and must not reach the next one.
    private static ScriptObject Functions()
    {
        var functions = new ScriptObject(StringComparer.Ordinal);
        var text = new ScriptObject(StringComparer.Ordinal);
        text.Import(typeof(StringFunctions), m => TextFunctions.Contains(m.Name));
        var math = new ScriptObject(StringComparer.Ordinal);
        math.Import(typeof(MathFunctions), m => MathFunctionNames.Contains(m.Name));
        var date = new DateTimeFunctions { Format = "%F" };
        date.Remove("now");
        date.Remove("utc_now");
        functions["string"] = text;
        functions["math"] = math;
        functions["date"] = date;
        return functions;
    }

    // Dates so that date.add_days works on them; times as text in UTC, the same text everywhere.
    private static object Visible(object value) => value switch
    {
        DateOnly date => date.ToDateTime(TimeOnly.MinValue),
        DateTimeOffset time => time.ToUniversalTime().ToString("yyyy-MM-dd'T'HH:mm:ss.FFFFFF'Z'", CultureInfo.InvariantCulture),
        _ => value,
    };

    private static string Plain(string message) =>
        message.Length == 0 ? "it has no value" : char.ToLowerInvariant(message[0]) + message[1..].TrimEnd('.').Replace('`', '\'').ReplaceLineEndings(" ");
}

/// <summary>A template that has no value.</summary>
internal sealed class TemplateException(string code, string message, string hint, int offset, Exception? inner) : EtlException(code, message, hint, inner)
{
    /// <summary>Where in the template's text, 0-based.</summary>
    public int Offset { get; } = offset;
}
