using Etl.Plugins.Tests;
using Etl.Runtime.Definition;
using Etl.Runtime.Execution;
using NUnit.Framework;

namespace Etl.Runtime.Tests.Execution;

public sealed class ResilienceTests
{
    private static readonly Policies Quick = new()
    {
        Retry = new RetryPolicy { Attempts = 5, Base = TimeSpan.FromMilliseconds(1), Max = TimeSpan.FromMilliseconds(2) },
    };

    [Test]
    public async Task A_transient_error_is_tried_again_and_told()
    {
        var (calls, told) = (0, new List<int>());
        var pipeline = Resilience.Of(Quick, e => e is TimeoutException, TimeProvider.System, (attempt, _, _) => told.Add(attempt));
        await pipeline.ExecuteAsync(_ => ++calls < 3 ? throw new TimeoutException() : ValueTask.CompletedTask);
        Assert.Multiple(() =>
        {
            Assert.That(calls, Is.EqualTo(3));
            Assert.That(told, Is.EqualTo((int[])[1, 2]));
        });
    }

    [Test]
    public async Task A_lasting_error_is_not_tried_again()
    {
        var calls = 0;
        var pipeline = Resilience.Of(Quick, e => e is TimeoutException, TimeProvider.System, (_, _, _) => { });
        await Assert.ThatAsync(async () => await pipeline.ExecuteAsync(_ => throw new InvalidOperationException((++calls).ToString(System.Globalization.CultureInfo.InvariantCulture))), Throws.InvalidOperationException);
        Assert.That(calls, Is.EqualTo(1));
    }

    [Test]
    public async Task Attempts_are_bounded()
    {
        var calls = 0;
        var pipeline = Resilience.Of(Quick with { CircuitBreaker = new CircuitBreakerPolicy { ConsecutiveFailures = 100 } }, e => e is TimeoutException, TimeProvider.System, (_, _, _) => { });
        await Assert.ThatAsync(
            async () => await pipeline.ExecuteAsync(_ =>
            {
                calls++;
                throw new TimeoutException();
            }),
            Throws.InstanceOf<TimeoutException>());
        Assert.That(calls, Is.EqualTo(5));
    }

    [Test]
    public async Task The_breaker_opens_after_failures_in_a_row_and_refuses_without_a_call()
    {
        var calls = 0;
        var policies = Quick with { CircuitBreaker = new CircuitBreakerPolicy { ConsecutiveFailures = 3, Break = TimeSpan.FromMinutes(1) } };
        var pipeline = Resilience.Of(policies, e => e is TimeoutException, TimeProvider.System, (_, _, _) => { });
        Assert.That(
            WholeText.Of(() => pipeline.ExecuteAsync(_ =>
            {
                calls++;
                throw new TimeoutException();
            }).AsTask().GetAwaiter().GetResult()),
            Is.EqualTo("ETL4304: the circuit breaker is open after 3 failures in a row. Nothing is called for 00:01:00. Look at what failed before; then run again."));
        Assert.That(calls, Is.EqualTo(3));
    }

    [Test]
    public async Task A_success_in_between_closes_the_count()
    {
        var calls = 0;
        var policies = Quick with { Retry = Quick.Retry with { Attempts = 2 }, CircuitBreaker = new CircuitBreakerPolicy { ConsecutiveFailures = 2, Break = TimeSpan.FromMinutes(1) } };
        var pipeline = Resilience.Of(policies, e => e is TimeoutException, TimeProvider.System, (_, _, _) => { });
        for (var run = 0; run < 3; run++)
        {
            await pipeline.ExecuteAsync(_ => ++calls % 2 == 1 ? throw new TimeoutException() : ValueTask.CompletedTask);
        }

        Assert.That(calls, Is.EqualTo(6));
    }
}
