using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Text;
using NUnit.Framework;

namespace Etl.EndToEnd.Tests;

/// <summary>A command line that runs.</summary>
public sealed class StartedCli : IDisposable
{
    private readonly Process _process;
    private readonly TimeSpan _limit;
    private readonly Task<string> _out;
    private readonly Task<string> _error;
    private readonly ConcurrentQueue<string> _said = new();
    private bool _isClosed;

    public StartedCli(Process process, TimeSpan limit)
    {
        (_process, _limit) = (process, limit);
        _out = process.StandardOutput.ReadToEndAsync();
        _error = ReadErrorAsync();
    }

    /// <summary>What it must not print.</summary>
    public IReadOnlyList<string> Passwords { get; init; } = [];

    public bool HasEnded => _process.HasExited;

    /// <summary>Its memory, in bytes, at most so far.</summary>
    public long PeakMemory
    {
        get
        {
            _process.Refresh();
            return _process.PeakWorkingSet64;
        }
    }

    /// <summary>Asks it to stop, as a scheduler does.</summary>
    public Task TerminateAsync() => SignalAsync("TERM");

    /// <summary>Ends it without a chance to do anything more.</summary>
    public void Kill() => _process.Kill();

    /// <summary>Sends a signal, by its name without SIG.</summary>
    public async Task SignalAsync(string name)
    {
        using var kill = Process.Start("kill", [$"-{name}", _process.Id.ToString(CultureInfo.InvariantCulture)]);
        await kill.WaitForExitAsync();
    }

    /// <summary>Waits until a line on standard error holds a text.</summary>
    public async Task SaysAsync(string text)
    {
        var started = Stopwatch.GetTimestamp();
        while (!_said.Any(l => l.Contains(text, StringComparison.Ordinal)))
        {
            Assert.That(HasEnded, Is.False, $"it ended without saying '{text}': {string.Join('\n', _said)}");
            Assert.That(Stopwatch.GetElapsedTime(started), Is.LessThan(_limit), $"it did not say '{text}': {string.Join('\n', _said)}");
            await Task.Delay(20);
        }
    }

    /// <summary>Lets a run go on that stands at a fail point with the action <c>pause</c>.</summary>
    public async Task GoOnAsync()
    {
        await _process.StandardInput.WriteLineAsync();
        await _process.StandardInput.FlushAsync();
    }

    /// <summary>Reads no more of what it prints, as <c>head</c> does.</summary>
    public void CloseOutput()
    {
        _isClosed = true;
        _process.StandardOutput.Close();
    }

    public async Task<CliResult> EndAsync()
    {
        using var enough = new CancellationTokenSource(_limit);
        try
        {
            await _process.WaitForExitAsync(enough.Token);
        }
        catch (OperationCanceledException)
        {
            _process.Kill();
            throw new TimeoutException($"etl did not end within {_limit}: {await _out}{await _error}");
        }

        var result = new CliResult(_process.ExitCode, _isClosed ? "" : await _out, await _error);
        Secrets.AssertAbsent("what etl printed", result.Out + result.Error, Passwords);
        return result;
    }

    public void Dispose()
    {
        if (!_process.HasExited)
        {
            _process.Kill();
        }

        _process.Dispose();
    }

    private async Task<string> ReadErrorAsync()
    {
        var all = new StringBuilder();
        while (await _process.StandardError.ReadLineAsync() is { } line)
        {
            _said.Enqueue(line);
            all.Append(line).Append('\n');
        }

        return all.ToString();
    }
}

/// <summary>How a command ended and what it said.</summary>
public sealed record CliResult(int ExitCode, string Out, string Error)
{
    /// <summary>By SIGKILL.</summary>
    public const int Killed = 137;

    public override string ToString() => $"exit {ExitCode}\n{Out}{Error}";
}
