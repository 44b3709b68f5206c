using System.Globalization;
using System.Net.Http.Headers;
using System.Xml.Linq;
using Etl.Contracts;

namespace Etl.Plugins.Gcs;

/// <summary>Sends signed requests. What is no success is a <see cref="GcsAnswerException"/>; a lost connection, or no answer in time, an <see cref="HttpRequestException"/>.</summary>
internal sealed class GcsClient(Uri endpoint, GoogSignature signature, int retries, TimeProvider time) : IDisposable
{
    // Of a line so slow that it is as good as lost.
    private const int SlowestBytesPerSecond = 64 << 10;

    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(20);

    private readonly HttpClient _http = new(new SocketsHttpHandler { AllowAutoRedirect = false, ConnectTimeout = TimeSpan.FromSeconds(15), PooledConnectionLifetime = TimeSpan.FromMinutes(5) })
    {
        Timeout = Timeout.InfiniteTimeSpan,
    };

    /// <summary>How long to wait for an answer once the request was sent, and for each next piece of its body.</summary>
    public TimeSpan Patience { get; init; } = TimeSpan.FromSeconds(100);

    /// <summary>The answer, its body still to be read; the request is sent again where that may help.</summary>
    public Task<HttpResponseMessage> SendAsync(GcsRequest request, CancellationToken cancel) => RetryAsync(() => SendOnceAsync(request, cancel), cancel);

    /// <summary>The answer's XML. Where that says that a request failed after all, it is that error.</summary>
    public Task<XElement> SendForXmlAsync(GcsRequest request, CancellationToken cancel) => RetryAsync(
        async () =>
        {
            using var answer = await SendOnceAsync(request, cancel);
            var body = await TextAsync(answer, cancel);
            return GcsAnswerException.CodeIn(body) is { } code ? throw new GcsAnswerException(System.Net.HttpStatusCode.InternalServerError, code) : XElement.Parse(body);
        },
        cancel);

    /// <summary>Sends it, and does not look at what comes back but for errors.</summary>
    public async Task SendOffAsync(GcsRequest request, CancellationToken cancel) => (await SendAsync(request, cancel)).Dispose();

    /// <summary>The answer to this one request.</summary>
    public async Task<HttpResponseMessage> SendOnceAsync(GcsRequest request, CancellationToken cancel)
    {
        using var message = Describe(request);
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        var patience = Patience + TimeSpan.FromSeconds((request.Body?.Length ?? 0) / (double)SlowestBytesPerSecond);
        limit.CancelAfter(patience);
        HttpResponseMessage answer;
        try
        {
            answer = await _http.SendAsync(message, HttpCompletionOption.ResponseHeadersRead, limit.Token);
        }
        catch (OperationCanceledException e) when (!cancel.IsCancellationRequested)
        {
            throw new HttpRequestException(string.Create(CultureInfo.InvariantCulture, $"no answer came within {patience.TotalSeconds:F0} seconds"), e);
        }

        if (answer.IsSuccessStatusCode)
        {
            return answer;
        }

        using (answer)
        {
            throw new GcsAnswerException(answer.StatusCode, GcsAnswerException.CodeIn(await TextAsync(answer, cancel)));
        }
    }

    /// <summary>An answer's body, to be disposed by the caller.</summary>
    public async Task<Stream> BodyAsync(HttpResponseMessage answer, CancellationToken cancel) => new PatientStream(await answer.Content.ReadAsStreamAsync(cancel), Patience);

    /// <summary>The CRC-32C of the whole object, in Base64, as an answer about it tells.</summary>
    public static string? CrcOf(HttpResponseMessage answer) => answer.Headers.TryGetValues("x-goog-hash", out var hashes)
        ? hashes.SelectMany(h => h.Split(',')).Select(h => h.Trim()).Where(h => h.StartsWith("crc32c=", StringComparison.Ordinal)).Select(h => h["crc32c=".Length..]).FirstOrDefault()
        : null;

    public void Dispose() => _http.Dispose();

    private async Task<string> TextAsync(HttpResponseMessage answer, CancellationToken cancel)
    {
        try
        {
            using var text = new StreamReader(await BodyAsync(answer, cancel));
            return await text.ReadToEndAsync(cancel);
        }
        catch (IOException e)
        {
            throw new HttpRequestException(e.Message, e);
        }
    }

    private HttpRequestMessage Describe(GcsRequest request)
    {
        // Spelled as it is signed, which Uri would not keep by itself.
        var query = request.CanonicalQuery;
        var address = new Uri($"{endpoint.Scheme}://{endpoint.Authority}{request.Path}{(query.Length == 0 ? "" : "?")}{query}", new UriCreationOptions { DangerousDisablePathAndQueryCanonicalization = true });
        var message = new HttpRequestMessage(request.Method, address);
        if (request.Body is { } body)
        {
            message.Content = new ReadOnlyMemoryContent(body);
        }

        foreach (var (name, value) in signature.Sign(request, endpoint.Authority, time.GetUtcNow()))
        {
            HttpHeaders headers = name.StartsWith("content-", StringComparison.Ordinal) ? message.Content!.Headers : message.Headers;
            headers.TryAddWithoutValidation(name, value);
        }

        if (request.Query.Count == 0 && (request.Method == HttpMethod.Get || request.Method == HttpMethod.Head))
        {
            // An object that is stored compressed comes as it is stored, or else the store unpacks it and neither its length nor its ranges are those of the object.
            // Not signed: Google's own servers change this header on the way.
            message.Headers.AcceptEncoding.Add(new("gzip"));
        }

        return message;
    }

    private async Task<T> RetryAsync<T>(Func<Task<T>> send, CancellationToken cancel)
    {
        for (var retry = 0; ; retry++)
        {
            try
            {
                return await send();
            }
            catch (Exception e) when (retry < retries && GcsErrors.IsTransient(e))
            {
                await RetryPause.WaitAsync(retry, LongestPause, cancel);
            }
        }
    }
}
