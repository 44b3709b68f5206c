using Etl.Contracts;
using FluentValidation;

namespace Etl.Runtime.Definition;

/// <summary>The <c>policies:</c> block, with its defaults.</summary>
public sealed record Policies
{
    /// <summary>Transient errors.</summary>
    [Option("Tries again what failed for a passing reason: a lost connection, a deadlock, a full queue.")]
    public RetryPolicy Retry { get; init; } = new();

    /// <summary>A system that is down.</summary>
    [Option("Stops calling a system that keeps failing.")]
    public CircuitBreakerPolicy CircuitBreaker { get; init; } = new();

    /// <summary>Longest run.</summary>
    [Option("Ends a run that takes longer; nothing of it is published. Absent: no limit.", Example = "2h", Min = 1)]
    public TimeSpan? Timeout { get; init; }

    /// <summary>Refused rows.</summary>
    [Option("Where refused rows go, and how many are too many. Absent: the project's, else the state folder.")]
    public DeadLetterPolicy? DeadLetters { get; init; }
}

/// <summary>How to try again.</summary>
public sealed record RetryPolicy
{
    /// <summary>Tries in all.</summary>
    [Option("Tries in all; 1 is no retry.", Min = 1, Max = 100)]
    public int Attempts { get; init; } = 5;

    /// <summary>How the wait grows.</summary>
    [Option("How the wait grows from one try to the next; a random part is added.")]
    public Backoff Backoff { get; init; } = Backoff.Exponential;

    /// <summary>First wait.</summary>
    [Option("The first wait.", Example = "200ms", Min = 0.001, Max = 3600)]
    public TimeSpan Base { get; init; } = TimeSpan.FromMilliseconds(200);

    /// <summary>Longest wait.</summary>
    [Option("The longest wait.", Example = "30s", Min = 0.001, Max = 86400)]
    public TimeSpan Max { get; init; } = TimeSpan.FromSeconds(30);
}

/// <summary>How the wait between tries grows.</summary>
public enum Backoff
{
    /// <summary>It doubles.</summary>
    Exponential,

    /// <summary>It grows by the first wait.</summary>
    Linear,

    /// <summary>It stays.</summary>
    Constant,
}

/// <summary>Waits make sense together.</summary>
public sealed class RetryPolicyRules : OptionsRules<RetryPolicy>
{
    /// <summary>The rules.</summary>
    public RetryPolicyRules() => RuleForValue(p => p.Max).Must((p, _) => p.Max >= p.Base).WithMessage("is shorter than base.");
}

/// <summary>When to stop calling a failing system.</summary>
public sealed record CircuitBreakerPolicy
{
    /// <summary>Failures.</summary>
    [Option("Failures in a row after which calls are refused at once.", Min = 1, Max = 1000)]
    public int ConsecutiveFailures { get; init; } = 5;

    /// <summary>Pause.</summary>
    [Option("How long calls are refused before one is tried again.", Example = "30s", Min = 0.5, Max = 86400)]
    public TimeSpan Break { get; init; } = TimeSpan.FromSeconds(30);
}

/// <summary>Where refused rows go.</summary>
public sealed record DeadLetterPolicy
{
    /// <summary>The place.</summary>
    [Option("A connection that keeps objects (s3, file). Absent: the state folder.", Example = "lake", Identifier = true)]
    public string? Connection { get; init; }

    /// <summary>The folder there.</summary>
    [Option("The folder in it.", Example = "dead-letters/orders/")]
    public string Path { get; init; } = "dead-letters/";

    /// <summary>Limit as a share.</summary>
    [Option("The run fails, and publishes nothing, when a larger share of the extracted rows is refused.", Example = "0.05", Min = 0, Max = 1)]
    public double? MaxRatio { get; init; }

    /// <summary>Limit as a count.</summary>
    [Option("The run fails, and publishes nothing, when more rows are refused.", Example = "1000", Min = 0)]
    public long? MaxRows { get; init; }

    /// <summary>Retention.</summary>
    [Option("Files without an open row are deleted when they are this old, by a run that published. Absent: they are kept.", Example = "90d", Min = 1)]
    public TimeSpan? Keep { get; init; }
}
