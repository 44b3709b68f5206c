using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Xml;
using System.Xml.Linq;
using Etl.Contracts;

namespace Etl.Plugins.Gcs;

/// <summary>The store answered that it does not do what was asked. Its own text is left out: it echoes the request, signature and all.</summary>
internal sealed class GcsAnswerException(HttpStatusCode status, string? code) : Exception($"{((int)status).ToString(CultureInfo.InvariantCulture)} {code}".TrimEnd())
{
    public HttpStatusCode Status => status;

    /// <summary>The store's name for it; null where the answer had no body, as to HEAD.</summary>
    public string? Code => code;

    /// <summary>The code in an error's XML; null in anything else.</summary>
    public static string? CodeIn(string body)
    {
        try
        {
            return body.Length == 0 ? null : XElement.Parse(body) is { Name.LocalName: "Error" } error ? error.Element("Code")?.Value : null;
        }
        catch (XmlException)
        {
            // A proxy's page.
            return null;
        }
    }
}

/// <summary>What the store's and the network's errors mean to a person and to the engine.</summary>
internal static class GcsErrors
{
    /// <summary>Whether it is one of the client's, rather than of a stream that was being uploaded.</summary>
    public static bool IsOfClient(Exception error) => error is GcsAnswerException or HttpRequestException;

    /// <summary>Whether a later attempt may succeed: lost connections, a store that is busy.</summary>
    public static bool IsTransient(Exception error)
    {
        var isOfNetwork = false;
        for (var e = error; e is not null; e = e.InnerException)
        {
            switch (e)
            {
                case GcsAnswerException answer:
                    return answer.Status is HttpStatusCode.RequestTimeout or HttpStatusCode.TooManyRequests or >= HttpStatusCode.InternalServerError;
                case SocketException { SocketErrorCode: SocketError.HostNotFound or SocketError.NoData } or AuthenticationException:
                    return false;
                case SocketException or IOException or TimeoutException or HttpRequestException:
                    isOfNetwork = true;
                    break;
            }
        }

        return isOfNetwork;
    }

    /// <summary>Whether the store answered that it does not do what was asked. An answer without a code of its own may be a proxy's, which may have passed the request on.</summary>
    public static bool IsRefusal(Exception error) => error is EtlException { InnerException: GcsAnswerException { Code.Length: > 0, Status: >= HttpStatusCode.Ambiguous and < HttpStatusCode.InternalServerError } } && !IsTransient(error);

    /// <summary>The error that a person reads.</summary>
    public static EtlException Of(Exception error, GcsConnectionOptions options, string display) => error switch
    {
        GcsAnswerException { Code: "NoSuchBucket" } =>
            new("ETL4591", $"there is no bucket '{options.Bucket}' ({display})", "Make it, or correct bucket or endpoint.", error),
        GcsAnswerException { Code: "SignatureDoesNotMatch" or "InvalidAccessKeyId" or "InvalidSecurity" or "RequestTimeTooSkewed" or "AuthenticationRequired" } refused =>
            new("ETL4590", $"{display} does not accept the credentials ({refused.Code})", "Check access_key and secret_key, which are an HMAC key of a service account, and this machine's clock.", error),
        GcsAnswerException { Status: HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden } refused =>
            new("ETL4590", $"{display} does not permit this ({refused.Message})", "The service account needs the role Storage Object User on the bucket, and storage.multipartUploads.list.", error),
        GcsAnswerException refused =>
            new("ETL4596", $"{display} refused a request ({refused.Message})", "Check whether a policy, a hold or a quota of the bucket forbids it; otherwise run again.", error),
        _ => new("ETL4592", $"{display} cannot be reached: {Deepest(error).Message}", "Check endpoint, and that the network lets it through.", error),
    };

    private static Exception Deepest(Exception error) => error.InnerException is null ? error : Deepest(error.InnerException);
}
