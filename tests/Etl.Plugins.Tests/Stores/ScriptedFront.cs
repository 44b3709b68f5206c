using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace Etl.Plugins.Tests.Stores;

/// <summary>
/// Stands before a store that speaks HTTP and passes requests on, signatures and all, but for those that a test has other plans with: answers of its own,
/// bodies that are damaged on the way, answers that are lost.
/// </summary>
internal sealed class ScriptedFront : IAsyncDisposable
{
    private readonly WebApplication _server;
    private readonly HttpClient _client = new(new SocketsHttpHandler { AllowAutoRedirect = false, UseProxy = false });
    private readonly Uri _behind;
    private readonly List<Rule> _rules = [];
    private int _requests;
    private int _gets;
    private int _played;

    private ScriptedFront(string behind)
    {
        _behind = new(behind);
        _server = LocalServer.Create(AnswerAsync);
    }

    public string Endpoint => _server.Urls.Single();

    /// <summary>All that came, passed on or not.</summary>
    public int Requests => Volatile.Read(ref _requests);

    /// <summary>Those that ask for content.</summary>
    public int Gets => Volatile.Read(ref _gets);

    /// <summary>Those that a test had other plans with.</summary>
    public int Played => Volatile.Read(ref _played);

    public static async Task<ScriptedFront> StartAsync(string behind)
    {
        var front = new ScriptedFront(behind);
        await front._server.StartAsync();
        return front;
    }

    /// <summary>The next <paramref name="times"/> requests like this are answered with an error of S3 and not passed on.</summary>
    public void Refuse(Func<HttpRequest, bool> which, HttpStatusCode status, string code, int times = int.MaxValue) =>
        Add(which, times, exchange => exchange.AnswerAsync(status, $"<?xml version=\"1.0\" encoding=\"UTF-8\"?><Error><Code>{code}</Code><Message>scripted</Message></Error>"));

    /// <summary>All requests like this get this answer and are not passed on.</summary>
    public void Answer(Func<HttpRequest, bool> which, string answer) => Add(which, int.MaxValue, exchange => exchange.AnswerAsync(HttpStatusCode.OK, answer));

    /// <summary>The next requests like this are passed on, and their answers lost.</summary>
    public void LoseAnswer(Func<HttpRequest, bool> which, int times) => Add(which, times, async exchange =>
    {
        using var lost = await exchange.PassOnAsync();
        exchange.Abort();
    });

    /// <summary>The next requests like this are passed on, and answered with a page that says no, as of a proxy that does not like the store's answer.</summary>
    public void AnswerByAPage(Func<HttpRequest, bool> which, int times) => Add(which, times, async exchange =>
    {
        using var lost = await exchange.PassOnAsync();
        await exchange.AnswerAsync(HttpStatusCode.Forbidden, "<html><head><title>403</title></head><body>Forbidden</body></html>", "text/html");
    });

    /// <summary>The next requests like this get half of their answer's body, and then nothing for as long as the client waits.</summary>
    public void Stall(Func<HttpRequest, bool> which, int times) => Add(which, times, async exchange => await exchange.AnswerHalfAsync(await exchange.PassOnAsync()));

    /// <summary>The next request like this is not passed on and gets no answer for as long as the client waits. Ends when it came.</summary>
    public Task HoldAsync(Func<HttpRequest, bool> which)
    {
        var came = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        Add(which, 1, exchange =>
        {
            came.TrySetResult();
            return exchange.UntilGivenUpAsync();
        });
        return came.Task;
    }

    /// <summary>A bit of the bodies of the next requests like this is turned over on the way.</summary>
    public void Damage(Func<HttpRequest, bool> which, int times = int.MaxValue) => Add(which, times, async exchange =>
    {
        exchange.Body[exchange.Body.Length / 2] ^= 1;
        await exchange.AnswerAsync(await exchange.PassOnAsync());
    });

    /// <summary>After the next request like this was passed on, and before it is answered, something happens.</summary>
    public void After(Func<HttpRequest, bool> which, Func<Task> act) => Add(which, 1, async exchange =>
    {
        var answer = await exchange.PassOnAsync();
        await act();
        await exchange.AnswerAsync(answer);
    });

    public async ValueTask DisposeAsync()
    {
        await _server.DisposeAsync();
        _client.Dispose();
    }

    private void Add(Func<HttpRequest, bool> which, int times, Func<Exchange, Task> act)
    {
        lock (_rules)
        {
            _rules.Add(new Rule(which, act) { Left = times });
        }
    }

    private async Task AnswerAsync(HttpContext context)
    {
        Interlocked.Increment(ref _requests);
        _ = HttpMethods.IsGet(context.Request.Method) ? Interlocked.Increment(ref _gets) : 0;
        using var body = new MemoryStream();
        await context.Request.Body.CopyToAsync(body);
        var exchange = new Exchange(this, context, body.ToArray());
        if (Take(context.Request) is { } act)
        {
            await act(exchange);
        }
        else
        {
            await exchange.AnswerAsync(await exchange.PassOnAsync());
        }
    }

    private Func<Exchange, Task>? Take(HttpRequest request)
    {
        lock (_rules)
        {
            if (_rules.Find(r => r.Left > 0 && r.Which(request)) is not { } rule)
            {
                return null;
            }

            rule.Left--;
            Interlocked.Increment(ref _played);
            return rule.Act;
        }
    }

    private sealed record Rule(Func<HttpRequest, bool> Which, Func<Exchange, Task> Act)
    {
        public int Left { get; set; }
    }

    private sealed class Exchange(ScriptedFront front, HttpContext context, byte[] body)
    {
        public byte[] Body => body;

        public void Abort() => context.Abort();

        public async Task UntilGivenUpAsync() => await Task.Delay(Timeout.Infinite, context.RequestAborted).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);

        // With the host and the target as the client signed them.
        public async Task<HttpResponseMessage> PassOnAsync()
        {
            var target = context.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget;
            using var request = new HttpRequestMessage(new HttpMethod(context.Request.Method), new Uri(front._behind, target)) { Content = new ByteArrayContent(body) };
            foreach (var (name, values) in context.Request.Headers.Where(h => h.Key is not ("Content-Length" or "Connection" or "Expect" or "Transfer-Encoding")))
            {
                if (!request.Headers.TryAddWithoutValidation(name, values.AsEnumerable()))
                {
                    request.Content.Headers.TryAddWithoutValidation(name, values.AsEnumerable());
                }
            }

            return await front._client.SendAsync(request);
        }

        public async Task AnswerAsync(HttpResponseMessage answer)
        {
            using (answer)
            {
                context.Response.StatusCode = (int)answer.StatusCode;
                foreach (var (name, values) in answer.Headers.Concat(answer.Content.Headers).Where(h => h.Key is not ("Connection" or "Transfer-Encoding" or "Keep-Alive")))
                {
                    context.Response.Headers[name] = values.ToArray();
                }

                if (!HttpMethods.IsHead(context.Request.Method))
                {
                    await answer.Content.CopyToAsync(context.Response.Body);
                }
            }
        }

        public async Task AnswerHalfAsync(HttpResponseMessage answer)
        {
            using (answer)
            {
                var whole = await answer.Content.ReadAsByteArrayAsync();
                context.Response.ContentLength = whole.Length;
                await context.Response.Body.WriteAsync(whole.AsMemory(0, whole.Length / 2));
                await context.Response.Body.FlushAsync();
                await UntilGivenUpAsync();
            }
        }

        public async Task AnswerAsync(HttpStatusCode status, string body, string type = "application/xml")
        {
            context.Response.StatusCode = (int)status;
            context.Response.ContentType = type;
            await context.Response.WriteAsync(body);
        }
    }
}
