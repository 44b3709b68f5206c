using System.Globalization;
using Etl.Contracts;
using Etl.Runtime.Diagnostics;

namespace Etl.Cli;

/// <summary>Errors as a person reads them, on standard error; and as a document on standard output when that was asked for.</summary>
internal static class ErrorOutput
{
    public static void Write(Invocation call, DiagnosticsException error)
    {
        if (call.Json)
        {
            call.PrintJson(new { Version = 1, Problems = error.Diagnostics.Select(Problem.Of) });
        }

        foreach (var diagnostic in error.Diagnostics)
        {
            call.Host.Error.WriteLine(call.App.Redact(diagnostic.ToString()));
        }

        call.Host.Error.WriteLine(Summary(error.Diagnostics));
    }

    public static void Write(Invocation call, Exception error)
    {
        var (code, hint) = error is EtlException known ? (known.Code, known.Hint) : (null, null);
        // The type says what the message of a foreign error often leaves out.
        var message = code is null ? $"{error.GetType().Name}: {FirstLine(error.Message)}" : error.Message;
        if (call.Json)
        {
            call.PrintJson(new { Version = 1, Error = new { Code = code, Message = message, Hint = hint } });
        }

        WriteText(call.Host.Error, call.App.Redact, code, message, hint);
        if (call.Trace)
        {
            call.Host.Error.WriteLine(call.App.Redact(error.ToString()));
        }
        else if (code is null)
        {
            call.Host.Error.WriteLine("  With --trace it shows where this came from.");
        }
    }

    /// <summary><c>error ETLnnnn: message</c>, and below it what to do.</summary>
    public static void WriteText(TextWriter writer, Func<string, string> redact, string? code, string message, string? hint)
    {
        writer.WriteLine(redact($"error{(code is null ? "" : " " + code)}: {message}"));
        if (hint is not null)
        {
            writer.WriteLine(redact("  " + hint));
        }
    }

    /// <summary><c>2 errors, 1 warning</c>.</summary>
    public static string Summary(IReadOnlyList<Diagnostic> diagnostics) =>
        $"{Count(diagnostics.Count(d => d.Severity == Severity.Error), "error")}, {Count(diagnostics.Count(d => d.Severity == Severity.Warning), "warning")}";

    /// <summary><c>1 file</c>, <c>2 files</c>.</summary>
    public static string Count(int count, string what) => string.Create(CultureInfo.InvariantCulture, $"{count} {what}{(count == 1 ? "" : "s")}");

    private static string FirstLine(string text) => text.Split('\n', 2)[0].TrimEnd('\r');
}

/// <summary>A diagnostic in JSON.</summary>
internal sealed record Problem(string File, int Line, int Column, string Severity, string Code, string Message, string? Hint)
{
    public static Problem Of(Diagnostic d) => new(
        d.Span.File, d.Span.Line, d.Span.Column, d.Severity == Runtime.Diagnostics.Severity.Error ? "error" : "warning", d.Code, d.Message, d.Hint);
}
