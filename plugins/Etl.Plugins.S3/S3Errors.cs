using System.Net;
using System.Net.Sockets;
using Amazon.Runtime;
using Amazon.S3;
using Etl.Contracts;

namespace Etl.Plugins.S3;

/// <summary>What the store's and the client's errors mean to a person and to the engine.</summary>
internal static class S3Errors
{
    /// <summary>Whether a later attempt may succeed: lost connections, a store that is busy or starts.</summary>
    public static bool IsTransient(Exception error)
    {
        for (var e = error; e is not null; e = e.InnerException)
        {
            switch (e)
            {
                case AmazonServiceException { ErrorCode: "SlowDown" or "RequestTimeout" or "InternalError" or "ServiceUnavailable" or "Throttling" or "ThrottlingException" or "ConditionalRequestConflict" }:
                    return true;
                case AmazonServiceException service when service.StatusCode != 0:
                    return service.StatusCode is HttpStatusCode.TooManyRequests or HttpStatusCode.RequestTimeout or >= HttpStatusCode.InternalServerError;
                case SocketException { SocketErrorCode: SocketError.HostNotFound or SocketError.NoData }:
                case System.Security.Authentication.AuthenticationException:
                    return false;
                case SocketException or IOException or TimeoutException or HttpRequestException:
                    return true;
            }
        }

        return false;
    }

    /// <summary>An error that a person can do something about; null for others, which pass as they are.</summary>
    public static EtlException? Of(Exception error, S3ConnectionOptions options, string display) => error switch
    {
        AmazonS3Exception { ErrorCode: "ExpiredToken" or "TokenRefreshRequired" or "RequestExpired" } =>
            new("ETL4595", $"the credentials for {display} have expired", "Give the run new ones. With a role of the machine instead of access_key they are renewed by themselves.", error),
        AmazonS3Exception { ErrorCode: "NoSuchBucket" } =>
            new("ETL4591", $"there is no bucket '{options.Bucket}' ({display})", "Make it, or correct bucket or endpoint.", error),
        AmazonS3Exception { ErrorCode: "PermanentRedirect" or "AuthorizationHeaderMalformed" } =>
            new("ETL4591", $"the bucket '{options.Bucket}' is not in region {options.Region}", "Set the bucket's own region on the connection.", error),
        AmazonS3Exception { ErrorCode: "SignatureDoesNotMatch" or "InvalidAccessKeyId" or "InvalidToken" } refused =>
            new("ETL4590", $"{display} does not accept the credentials ({refused.ErrorCode})", "Check access_key and secret_key.", error),
        AmazonS3Exception { StatusCode: HttpStatusCode.Forbidden or HttpStatusCode.Unauthorized } refused =>
            new("ETL4590", $"{display} does not permit this ({refused.ErrorCode})", "The credentials need s3:GetObject, PutObject, DeleteObject, AbortMultipartUpload, ListBucket and ListBucketMultipartUploads here.", error),
        AmazonServiceException { StatusCode: 0 } or AmazonClientException { InnerException: null } when error.Message.Contains("credentials", StringComparison.OrdinalIgnoreCase) =>
            new("ETL4590", $"there are no credentials for {display}", "Set access_key and secret_key on the connection, or give the machine a role.", error),
        AmazonS3Exception => null,
        AmazonClientException or HttpRequestException when Socket(error) is { } socket =>
            new("ETL4592", $"{display} cannot be reached: {socket.Message}", "Check endpoint and region, and that the network lets it through.", error),
        _ => null,
    };

    /// <summary>Whether the store answered that it does not do what was asked. An answer without a code of its own may be a proxy's, which may have passed the request on.</summary>
    public static bool IsRefusal(Exception error) =>
        error is EtlException { InnerException: AmazonS3Exception { StatusCode: >= HttpStatusCode.Ambiguous and < HttpStatusCode.InternalServerError } answer } && HasCode(answer) && !IsTransient(error);

    // Where there is none, the client makes one of the status.
    private static bool HasCode(AmazonS3Exception answer) => !string.IsNullOrEmpty(answer.ErrorCode) && answer.ErrorCode != answer.StatusCode.ToString();

    private static SocketException? Socket(Exception error)
    {
        for (var e = error; e is not null; e = e.InnerException)
        {
            if (e is SocketException socket)
            {
                return socket;
            }
        }

        return null;
    }
}
