using System.Net.Sockets;
using Azure;
using Azure.Storage.Blobs.Models;
using Etl.Contracts;

namespace Etl.Plugins.Azure;

/// <summary>What the service's and the client's errors mean. Their own texts are left out: they echo the request, signature and all.</summary>
internal static class AzureErrors
{
    /// <summary>Whether it is one of the client's, rather than of a stream that was being uploaded.</summary>
    public static bool IsOfClient(Exception error) => Answers(error).Any();

    /// <summary>Whether a later attempt may succeed.</summary>
    public static bool IsTransient(Exception error)
    {
        for (var e = error; e is not null; e = e.InnerException)
        {
            if (Answers(e).FirstOrDefault() is { } answer)
            {
                return IsTransient(answer);
            }

            if (e is IOException or SocketException or TimeoutException)
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>Whether the service answered that it does not do what was asked. An answer without a code of its own may be a proxy's, which may have passed the request on.</summary>
    public static bool IsRefusal(Exception error) => error is EtlException { InnerException: { } inner } && Answers(inner).FirstOrDefault() is { Status: >= 300 and < 500, ErrorCode.Length: > 0 } answer && !IsTransient(answer);

    /// <summary>The error that a person reads.</summary>
    public static EtlException Of(Exception error, AzureBlobOptions options, string display)
    {
        var answer = Answers(error).First();
        return answer switch
        {
            { Status: 0 } => new(
                "ETL4592", $"{display} cannot be reached: {Deepest(answer).Message}", "Check account and endpoint, and that the address can be reached from here.", error),
            { Status: 401 or 403 } => new(
                "ETL4590", $"{display} refused the credentials ({Reason(answer)})", options.SasToken is null
                    ? "Check account and account_key, and this machine's clock."
                    : "Check sas_token: its dates, and its rights to read, list, create, write and delete in this container.", error),
            { ErrorCode: "ContainerNotFound" } => new(
                "ETL4591", $"there is no container '{options.Container}' in the account '{options.Account}'", "Correct container, or create it.", error),
            _ => new("ETL4596", $"{display} refused a request ({Reason(answer)})", "Check whether a policy, a lease or a quota of the account forbids it; otherwise run again.", error),
        };
    }

    /// <summary>The service's code for an answer, such as <c>403 AuthenticationFailed</c>.</summary>
    private static string Reason(RequestFailedException answer) => $"{answer.Status} {answer.ErrorCode}".TrimEnd();

    // After several attempts the client throws all of their errors in one.
    private static IEnumerable<RequestFailedException> Answers(Exception error) => error switch
    {
        RequestFailedException one => [one],
        AggregateException many => many.InnerExceptions.OfType<RequestFailedException>().Reverse(),
        _ => [],
    };

    // A block list becomes invalid when somebody else writes a blob of that name meanwhile.
    private static bool IsTransient(RequestFailedException answer) => answer.Status is 0 or 408 or 429 or >= 500
        ? Deepest(answer) is not SocketException { SocketErrorCode: SocketError.HostNotFound or SocketError.NoData }
        : answer.ErrorCode == BlobErrorCode.InvalidBlockList || answer.ErrorCode == BlobErrorCode.ContainerBeingDeleted;

    private static Exception Deepest(Exception error) => error.InnerException is null ? error : Deepest(error.InnerException);
}
