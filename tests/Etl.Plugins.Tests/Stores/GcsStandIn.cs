using System.Globalization;
using System.Net;
using System.Security.Cryptography;
using System.Text;
using System.Text.RegularExpressions;
using System.Xml.Linq;
using Amazon.S3;
using Amazon.S3.Model;
using Etl.EndToEnd.Tests;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace Etl.Plugins.Tests.Stores;

/// <summary>
/// The XML API of Google Cloud Storage before the S3 server: it works out the V4 signature by Google's documentation and with no code of the plugin, refuses what Google refuses, and has the S3
/// server do the rest.
/// </summary>
internal sealed partial class GcsStandIn : IAsyncDisposable
{
    public const string AccessKey = "GOOGTEST0123456789ABCDEF";
    public const string SecretKey = "a-secret-of-google";

    private static readonly string[] Known = ["x-goog-date", "x-goog-content-sha256", "x-goog-if-generation-match", "x-goog-copy-source"];
    private static readonly uint[] CrcTable = [.. Enumerable.Range(0, 256).Select(n => Enumerable.Range(0, 8).Aggregate((uint)n, (crc, _) => (crc & 1) == 0 ? crc >> 1 : (crc >> 1) ^ 0x82F63B78))];

    private readonly WebApplication _server;
    private readonly AmazonS3Client _s3 = new(S3Server.AccessKey, S3Server.SecretKey, new AmazonS3Config
    {
        ServiceURL = S3Server.Endpoint, ForcePathStyle = true, AuthenticationRegion = "us-east-1", MaxErrorRetry = 0, MaxStaleConnectionRetries = 0,
        RequestChecksumCalculation = Amazon.Runtime.RequestChecksumCalculation.WHEN_REQUIRED, ResponseChecksumValidation = Amazon.Runtime.ResponseChecksumValidation.WHEN_REQUIRED,
    });

    private GcsStandIn() => _server = LocalServer.Create(AnswerAsync);

    public string Endpoint => _server.Urls.Single();

    public static async Task<GcsStandIn> StartAsync()
    {
        var standIn = new GcsStandIn();
        await standIn._server.StartAsync();
        return standIn;
    }

    public async ValueTask DisposeAsync()
    {
        await _server.DisposeAsync();
        _s3.Dispose();
    }

    private async Task AnswerAsync(HttpContext context)
    {
        try
        {
            using var body = new MemoryStream();
            await context.Request.Body.CopyToAsync(body, context.RequestAborted);
            var call = new Call(context, body.ToArray());
            Require(call);
            await DoAsync(call);
        }
        catch (RefusedException e)
        {
            await ErrorAsync(context, e.Status, e.Message);
        }
        catch (AmazonS3Exception e)
        {
            // Google knows no such conflict: one of two writers finds the other's object.
            await ErrorAsync(context, e.StatusCode == HttpStatusCode.Conflict ? HttpStatusCode.ServiceUnavailable : e.StatusCode, e.ErrorCode == "NotFound" ? "NoSuchKey" : e.ErrorCode);
        }
    }

    // https://cloud.google.com/storage/docs/authentication/signatures and .../canonical-requests
    private static void Require(Call call)
    {
        var (request, headers) = (call.Context.Request, call.Context.Request.Headers);
        Refuse(headers.Keys.Any(h => h.StartsWith("x-amz-", StringComparison.OrdinalIgnoreCase)) || request.QueryString.Value!.Contains("X-Amz-", StringComparison.OrdinalIgnoreCase), HttpStatusCode.BadRequest, "InvalidArgument");
        Refuse(headers.Keys.Any(h => h.StartsWith("x-goog-", StringComparison.OrdinalIgnoreCase) && !Known.Contains(h.ToLowerInvariant())), HttpStatusCode.BadRequest, "InvalidArgument");
        Refuse(request.Method is "PUT" or "POST" && request.ContentLength is null, HttpStatusCode.LengthRequired, "MissingContentLength");
        Refuse(request.Method == "PUT" && (headers.ContainsKey("If-None-Match") || headers.ContainsKey("If-Match")), HttpStatusCode.BadRequest, "InvalidArgument");
        Refuse(headers.TryGetValue("x-goog-if-generation-match", out var generation) && generation != "0", HttpStatusCode.PreconditionFailed, "PreconditionFailed");
        var given = Authorization().Match(headers.Authorization.ToString());
        Refuse(!given.Success, HttpStatusCode.Forbidden, "AccessDenied");
        Refuse(given.Groups["id"].Value != AccessKey, HttpStatusCode.Forbidden, "InvalidSecurity");
        var time = headers["x-goog-date"].ToString();
        Refuse(!DateTimeOffset.TryParseExact(time, "yyyyMMddTHHmmssZ", CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var at) || time[..8] != given.Groups["date"].Value, HttpStatusCode.BadRequest, "InvalidArgument");
        Refuse((TimeProvider.System.GetUtcNow() - at).Duration() > TimeSpan.FromMinutes(15), HttpStatusCode.Forbidden, "RequestTimeTooSkewed");
        var digest = Convert.ToHexStringLower(SHA256.HashData(call.Body));
        Refuse(headers["x-goog-content-sha256"] != digest, HttpStatusCode.BadRequest, "ContentSHA256Mismatch");
        var names = given.Groups["names"].Value.Split(';');
        Refuse(!names.Contains("host") || headers.Keys.Any(h => h.StartsWith("x-goog-", StringComparison.OrdinalIgnoreCase) && !names.Contains(h.ToLowerInvariant())), HttpStatusCode.Forbidden, "AccessDenied");

        var text = new StringBuilder(request.Method).Append('\n');
        text.Append(string.Join('/', call.Path.Split('/').Select(Uri.EscapeDataString))).Append('\n');
        text.Append(string.Join('&', call.Query.OrderBy(q => q.Key, StringComparer.Ordinal).Select(q => Uri.EscapeDataString(q.Key) + "=" + Uri.EscapeDataString(q.Value)))).Append('\n');
        foreach (var name in names)
        {
            text.Append(name).Append(':').Append(headers[name].ToString().Trim()).Append('\n');
        }

        text.Append('\n').Append(given.Groups["names"].Value).Append('\n').Append(digest);
        var scope = given.Groups["date"].Value + "/auto/storage/goog4_request";
        var toSign = string.Join('\n', "GOOG4-HMAC-SHA256", time, scope, Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text.ToString()))));
        var dateKey = HMACSHA256.HashData(Encoding.UTF8.GetBytes("GOOG4" + SecretKey), Encoding.UTF8.GetBytes(given.Groups["date"].Value));
        var locationKey = HMACSHA256.HashData(dateKey, "auto"u8);
        var serviceKey = HMACSHA256.HashData(locationKey, "storage"u8);
        var signingKey = HMACSHA256.HashData(serviceKey, "goog4_request"u8);
        Refuse(Convert.ToHexStringLower(HMACSHA256.HashData(signingKey, Encoding.UTF8.GetBytes(toSign))) != given.Groups["signature"].Value, HttpStatusCode.Forbidden, "SignatureDoesNotMatch");
        Refuse(headers.TryGetValue("Content-MD5", out var md5) && md5 != Md5(call.Body), HttpStatusCode.BadRequest, "BadDigest");
    }

    private Task DoAsync(Call call) => (call.Context.Request.Method, call.Key, call.Query) switch
    {
        ("GET", "", var q) when q.ContainsKey("uploads") => ListUploadsAsync(call),
        ("GET", "", var q) when q.GetValueOrDefault("list-type") == "2" => ListAsync(call),
        ("GET" or "HEAD", not "", _) => GetAsync(call),
        ("PUT", not "", var q) when q.ContainsKey("uploadId") => PutPartAsync(call),
        ("PUT", not "", _) when call.Context.Request.Headers.TryGetValue("x-goog-copy-source", out var source) => CopyAsync(call, Uri.UnescapeDataString(source.ToString())),
        ("PUT", not "", _) => PutAsync(call),
        ("POST", not "", var q) when q.ContainsKey("uploads") => BeginAsync(call),
        ("POST", not "", var q) when q.ContainsKey("uploadId") => CompleteAsync(call),
        ("DELETE", not "", var q) when q.ContainsKey("uploadId") => AbortAsync(call),
        ("DELETE", not "", _) => DeleteAsync(call),
        _ => throw new RefusedException(HttpStatusCode.MethodNotAllowed, "MethodNotAllowed"),
    };

    private async Task PutAsync(Call call)
    {
        await _s3.PutObjectAsync(new() { BucketName = call.Bucket, Key = call.Key, InputStream = new MemoryStream(call.Body), IfNoneMatch = call.Context.Request.Headers.ContainsKey("x-goog-if-generation-match") ? "*" : null });
        call.Context.Response.Headers["x-goog-hash"] = $"crc32c={Crc(call.Body)},md5={Md5(call.Body)}";
    }

    private async Task GetAsync(Call call)
    {
        var range = call.Context.Request.Headers.Range.ToString() is { Length: > 0 } text ? text["bytes=".Length..].Split('-').Select(n => long.Parse(n, CultureInfo.InvariantCulture)).ToArray() : null;
        using var answer = await _s3.GetObjectAsync(new() { BucketName = call.Bucket, Key = call.Key, ByteRange = range is null ? null : new ByteRange(range[0], range[1]) });
        using var content = new MemoryStream();
        await answer.ResponseStream.CopyToAsync(content);
        var response = call.Context.Response;
        if (answer.Headers.ContentEncoding == "gzip")
        {
            // https://cloud.google.com/storage/docs/transcoding: unpacked on the way, whole and without a length, for who does not say that he takes it as it is.
            if (!call.Context.Request.Headers.AcceptEncoding.ToString().Contains("gzip", StringComparison.Ordinal))
            {
                content.Position = 0;
                await using var unpacked = new System.IO.Compression.GZipStream(content, System.IO.Compression.CompressionMode.Decompress);
                await unpacked.CopyToAsync(call.Context.Request.Method == "GET" ? response.Body : Stream.Null);
                return;
            }

            response.Headers.ContentEncoding = "gzip";
        }

        response.StatusCode = range is null ? 200 : 206;
        response.ContentLength = content.Length;
        if (range is null)
        {
            response.Headers["x-goog-hash"] = $"crc32c={Crc(content.ToArray())}";
        }

        if (call.Context.Request.Method == "GET")
        {
            await response.Body.WriteAsync(content.ToArray());
        }
    }

    private async Task CopyAsync(Call call, string source)
    {
        var from = source.TrimStart('/').Split('/', 2);
        await _s3.CopyObjectAsync(new() { SourceBucket = from[0], SourceKey = from[1], DestinationBucket = call.Bucket, DestinationKey = call.Key });
        await XmlAsync(call, new("CopyObjectResult"));
    }

    private async Task DeleteAsync(Call call)
    {
        // Amazon says that it is gone, Google that it was not there.
        await _s3.GetObjectMetadataAsync(call.Bucket, call.Key);
        await _s3.DeleteObjectAsync(call.Bucket, call.Key);
        call.Context.Response.StatusCode = 204;
    }

    private async Task ListAsync(Call call)
    {
        var page = await _s3.ListObjectsV2Async(new() { BucketName = call.Bucket, Prefix = call.Query["prefix"], ContinuationToken = call.Query.GetValueOrDefault("continuation-token"), MaxKeys = int.Parse(call.Query.GetValueOrDefault("max-keys", "1000"), CultureInfo.InvariantCulture) });
        await XmlAsync(call, new("ListBucketResult", new XElement("IsTruncated", page.IsTruncated == true ? "true" : "false"), page.NextContinuationToken is null ? null : new XElement("NextContinuationToken", page.NextContinuationToken),
            (page.S3Objects ?? []).Select(o => new XElement("Contents", new XElement("Key", o.Key), new XElement("LastModified", Time(o.LastModified)), new XElement("Size", o.Size)))));
    }

    private async Task ListUploadsAsync(Call call)
    {
        var page = await _s3.ListMultipartUploadsAsync(new ListMultipartUploadsRequest { BucketName = call.Bucket, Prefix = call.Query["prefix"], KeyMarker = call.Query.GetValueOrDefault("key-marker"), UploadIdMarker = call.Query.GetValueOrDefault("upload-id-marker") });
        await XmlAsync(call, new("ListMultipartUploadsResult", new XElement("IsTruncated", page.IsTruncated == true ? "true" : "false"), new XElement("NextKeyMarker", page.NextKeyMarker), new XElement("NextUploadIdMarker", page.NextUploadIdMarker),
            (page.MultipartUploads ?? []).Select(u => new XElement("Upload", new XElement("Key", u.Key), new XElement("UploadId", u.UploadId), new XElement("Initiated", Time(u.Initiated))))));
    }

    private async Task BeginAsync(Call call)
    {
        var begun = await _s3.InitiateMultipartUploadAsync(call.Bucket, call.Key);
        await XmlAsync(call, new("InitiateMultipartUploadResult", new XElement("Bucket", call.Bucket), new XElement("Key", call.Key), new XElement("UploadId", begun.UploadId)));
    }

    private async Task PutPartAsync(Call call)
    {
        var part = await _s3.UploadPartAsync(new() { BucketName = call.Bucket, Key = call.Key, UploadId = call.Query["uploadId"], PartNumber = int.Parse(call.Query["partNumber"], CultureInfo.InvariantCulture), PartSize = call.Body.Length, InputStream = new MemoryStream(call.Body) });
        call.Context.Response.Headers.ETag = part.ETag;
    }

    private async Task CompleteAsync(Call call)
    {
        var parts = XElement.Parse(Encoding.UTF8.GetString(call.Body)).Elements("Part").Select(p => new PartETag((int)p.Element("PartNumber")!, (string)p.Element("ETag")!));
        await _s3.CompleteMultipartUploadAsync(new() { BucketName = call.Bucket, Key = call.Key, UploadId = call.Query["uploadId"], PartETags = [.. parts] });
        await XmlAsync(call, new("CompleteMultipartUploadResult", new XElement("Key", call.Key)));
    }

    private async Task AbortAsync(Call call)
    {
        await _s3.AbortMultipartUploadAsync(call.Bucket, call.Key, call.Query["uploadId"]);
        call.Context.Response.StatusCode = 204;
    }

    private static async Task XmlAsync(Call call, XElement answer)
    {
        XNamespace google = "http://doc.s3.amazonaws.com/2006-03-01";
        answer.DescendantsAndSelf().ToList().ForEach(e => e.Name = google + e.Name.LocalName);
        call.Context.Response.ContentType = "application/xml; charset=UTF-8";
        await call.Context.Response.WriteAsync($"<?xml version='1.0' encoding='UTF-8'?>{answer.ToString(SaveOptions.DisableFormatting)}");
    }

    private static async Task ErrorAsync(HttpContext context, HttpStatusCode status, string code)
    {
        context.Response.StatusCode = (int)status;
        if (!HttpMethods.IsHead(context.Request.Method))
        {
            context.Response.ContentType = "application/xml; charset=UTF-8";
            await context.Response.WriteAsync($"<?xml version='1.0' encoding='UTF-8'?><Error><Code>{code}</Code><Message>as the stand-in has it</Message></Error>");
        }
    }

    private static void Refuse(bool isWrong, HttpStatusCode status, string code) => _ = isWrong ? throw new RefusedException(status, code) : isWrong;

    private static string Time(DateTime? time) => time!.Value.ToUniversalTime().ToString("yyyy-MM-ddTHH:mm:ss.fffZ", CultureInfo.InvariantCulture);

    [System.Diagnostics.CodeAnalysis.SuppressMessage("Security", "CA5351", Justification = "It is what the protocol checks a write by.")]
    private static string Md5(byte[] content) => Convert.ToBase64String(MD5.HashData(content));

    private static string Crc(byte[] content)
    {
        var crc = ~content.Aggregate(uint.MaxValue, (c, b) => CrcTable[(c ^ b) & 0xFF] ^ (c >> 8));
        return Convert.ToBase64String([(byte)(crc >> 24), (byte)(crc >> 16), (byte)(crc >> 8), (byte)crc]);
    }

    [GeneratedRegex("^GOOG4-HMAC-SHA256 Credential=(?<id>[^/]+)/(?<date>[0-9]{8})/auto/storage/goog4_request, ?SignedHeaders=(?<names>[a-z0-9;-]+), ?Signature=(?<signature>[0-9a-f]{64})$")]
    private static partial Regex Authorization();

    private sealed class RefusedException(HttpStatusCode status, string code) : Exception(code)
    {
        public HttpStatusCode Status => status;
    }

    private sealed class Call
    {
        public Call(HttpContext context, byte[] body)
        {
            (Context, Body) = (context, body);
            var target = context.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget.Split('?', 2);
            Path = Uri.UnescapeDataString(target[0]);
            Query = (target.Length < 2 ? "" : target[1]).Split('&', StringSplitOptions.RemoveEmptyEntries).Select(q => q.Split('=', 2)).ToDictionary(q => Uri.UnescapeDataString(q[0]), q => q.Length < 2 ? "" : Uri.UnescapeDataString(q[1]));
            var place = Path.TrimStart('/').Split('/', 2);
            (Bucket, Key) = (place[0], place.Length < 2 ? "" : place[1]);
        }

        public HttpContext Context { get; }

        public byte[] Body { get; }

        public string Path { get; }

        public Dictionary<string, string> Query { get; }

        public string Bucket { get; }

        public string Key { get; }
    }
}
