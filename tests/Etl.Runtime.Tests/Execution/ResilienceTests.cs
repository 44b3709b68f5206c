using Etl.Contracts;
using Etl.Plugins.Tests;
using Etl.Runtime.Definition;
using Etl.Runtime.Execution;
using Microsoft.Extensions.Time.Testing;
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
    public async Task After_the_break_one_call_tells_whether_the_others_may_follow()
    {
        var time = new FakeTimeProvider();
        var policies = Quick with { Retry = Quick.Retry with { Attempts = 1 }, CircuitBreaker = new CircuitBreakerPolicy { ConsecutiveFailures = 1, Break = TimeSpan.FromMinutes(1) } };
        var pipeline = Resilience.Of(policies, e => e is TimeoutException, time, (_, _, _) => { });
        await AssertAsync<TimeoutException>(Fails);
        await AssertAsync<EtlException>(Passes);
        time.Advance(TimeSpan.FromMinutes(1));
        await AssertAsync<TimeoutException>(Fails);
        await AssertAsync<EtlException>(Passes);
        time.Advance(TimeSpan.FromMinutes(1));
        var answer = new TaskCompletionSource();
        var first = pipeline.ExecuteAsync(async _ => await answer.Task).AsTask();
        await AssertAsync<EtlException>(Passes);
        answer.SetResult();
        await first;
        await pipeline.ExecuteAsync(_ => Passes());

        static ValueTask Passes() => ValueTask.CompletedTask;
        static ValueTask Fails() => throw new TimeoutException();
        async Task AssertAsync<T>(Func<ValueTask> call) where T : Exception => await Assert.ThrowsAsync<T>(async () => await pipeline.ExecuteAsync(_ => call()));
    }

    [TestCase(null, 5)]
    [TestCase(3_000, 3)]
    [TestCase(900, 1)]
    public async Task No_wait_is_begun_that_would_end_after_the_run_must(int? timeout, int expected)
    {
        var (calls, time) = (0, new FakeTimeProvider());
        var policies = new Policies { Retry = new RetryPolicy { Attempts = 5, Base = TimeSpan.FromSeconds(1), Max = TimeSpan.FromSeconds(1) }, CircuitBreaker = new CircuitBreakerPolicy { ConsecutiveFailures = 100 }, Timeout = timeout is { } ms ? TimeSpan.FromMilliseconds(ms) : null };
        var pipeline = Resilience.Of(policies with { Retry = policies.Retry with { Backoff = Backoff.Constant } }, e => e is TimeoutException, time, (_, _, _) => { });
        var run = pipeline.ExecuteAsync(_ => ++calls > 0 ? throw new TimeoutException() : ValueTask.CompletedTask).AsTask();
        for (var before = 0; !run.IsCompleted; before = Volatile.Read(ref calls))
        {
            await Task.WhenAny(run, CalledAsync(before));
            // Jittered: at most a quarter more.
            time.Advance(TimeSpan.FromMilliseconds(1_250));
        }

        await Assert.ThrowsAsync<TimeoutException>(() => run);
        Assert.That(calls, Is.EqualTo(expected), "what failed is told, not that time was up");

        async Task CalledAsync(int before)
        {
            while (Volatile.Read(ref calls) == before && !run.IsCompleted)
            {
                await Task.Delay(5);
            }

            // Until the wait that follows has begun.
            await Task.Delay(50);
        }
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
