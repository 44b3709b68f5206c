using Etl.Contracts;
using Etl.Runtime.Definition;
using Polly;
using Polly.Retry;

namespace Etl.Runtime.Execution;

/// <summary>
/// Retries with growing, jittered waits around a breaker that opens after failures in a row. Only errors that a connection calls transient
/// are tried again, and only while the wait ends before the run's own limit: what failed is told then, and not that time was up. (Polly's own breaker needs a ratio over a throughput that an ETL run never has.)
/// </summary>
internal static class Resilience
{
    public static ResiliencePipeline Of(Policies policies, Func<Exception, bool> isTransient, TimeProvider time, Action<int, TimeSpan, Exception> onRetry)
    {
        var started = time.GetTimestamp();
        var builder = new ResiliencePipelineBuilder { TimeProvider = time };
        if (policies.Retry.Attempts > 1)
        {
            builder.AddRetry(new RetryStrategyOptions
            {
                MaxRetryAttempts = policies.Retry.Attempts - 1,
                BackoffType = policies.Retry.Backoff switch { Backoff.Exponential => DelayBackoffType.Exponential, Backoff.Linear => DelayBackoffType.Linear, _ => DelayBackoffType.Constant },
                Delay = policies.Retry.Base,
                MaxDelay = policies.Retry.Max,
                UseJitter = true,
                ShouldHandle = arguments => ValueTask.FromResult(
                    arguments.Outcome.Exception is { } e && isTransient(e)
                        && (policies.Timeout is not { } limit || time.GetElapsedTime(started) + WaitAfter(policies.Retry, arguments.AttemptNumber) < limit)),
                OnRetry = arguments =>
                {
                    onRetry(arguments.AttemptNumber + 1, arguments.RetryDelay, arguments.Outcome.Exception!);
                    return default;
                },
            });
        }

        return builder.AddStrategy(_ => new ConsecutiveFailureBreaker(policies.CircuitBreaker, isTransient, time), new BreakerOptions()).Build();
    }

    // Without the random part.
    private static TimeSpan WaitAfter(RetryPolicy retry, int attempt)
    {
        var times = retry.Backoff switch { Backoff.Exponential => Math.Pow(2, attempt), Backoff.Linear => attempt + 1, _ => 1 };
        return TimeSpan.FromSeconds(Math.Min(retry.Base.TotalSeconds * times, retry.Max.TotalSeconds));
    }

    private sealed class BreakerOptions : ResilienceStrategyOptions;

    /// <summary>Open after k transient failures in a row; after the break one call is let through, and the others when that went well.</summary>
    internal sealed class ConsecutiveFailureBreaker(CircuitBreakerPolicy policy, Func<Exception, bool> isTransient, TimeProvider time) : ResilienceStrategy
    {
        private readonly Lock _lock = new();
        private int _failures;
        private long _openedAt;
        private bool _isTrying;

        protected override async ValueTask<Outcome<TResult>> ExecuteCore<TResult, TState>(
            Func<ResilienceContext, TState, ValueTask<Outcome<TResult>>> callback, ResilienceContext context, TState state)
        {
            lock (_lock)
            {
                var isOpen = _failures >= policy.ConsecutiveFailures;
                if (isOpen && (_isTrying || time.GetElapsedTime(_openedAt) < policy.Break))
                {
                    return Outcome.FromException<TResult>(new EtlException(
                        "ETL4304", $"the circuit breaker is open after {_failures} failures in a row", $"Nothing is called for {policy.Break}. Look at what failed before; then run again."));
                }

                _isTrying = isOpen;
            }

            var outcome = await callback(context, state);
            lock (_lock)
            {
                _isTrying = false;
                if (outcome.Exception is { } e && isTransient(e))
                {
                    _failures++;
                    _openedAt = time.GetTimestamp();
                }
                else
                {
                    _failures = 0;
                }
            }

            return outcome;
        }
    }
}
