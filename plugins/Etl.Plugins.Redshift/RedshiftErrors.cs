using System.Net.Sockets;
using System.Security.Authentication;
using Etl.Contracts;
using Npgsql;

namespace Etl.Plugins.Redshift;

/// <summary>What the cluster's and the driver's errors mean. No text here holds a secret or a row's values.</summary>
internal static class RedshiftErrors
{
    /// <summary>Error 1023: a transaction cannot be put in an order with the others that wrote to its tables.</summary>
    public const string SerializationFailure = "40001";

    /// <summary>Whether a later attempt may succeed.</summary>
    public static bool IsTransient(Exception error)
    {
        for (var e = error; e is not null; e = e.InnerException)
        {
            switch (e)
            {
                case PostgresException server:
                    return server.SqlState is SerializationFailure or "40P01" or "55P03" or "57014" or "53000" or "53200" or "53300" or "57P01" or "57P02" or "57P03" || server.SqlState.StartsWith("08", StringComparison.Ordinal);
                case SocketException { SocketErrorCode: SocketError.HostNotFound or SocketError.NoData } or AuthenticationException:
                    return false;
                case SocketException or IOException or TimeoutException:
                    return true;
            }
        }

        return false;
    }

    /// <summary>A session could not be opened.</summary>
    public static EtlException OfOpening(Exception error, RedshiftConnectionOptions options, string display)
    {
        var at = $"{options.Host}:{options.Port}";
        for (var e = error; e is not null; e = e.InnerException)
        {
            switch (e)
            {
                case PostgresException { SqlState: "28P01" or "28000" }:
                    return new EtlException("ETL4631", $"{display} refused the user '{options.User}'", "Check the user and the password.", error);
                case PostgresException server:
                    return new EtlException("ETL4630", $"{display} refused the session: {server.MessageText} ({server.SqlState})", "Check database, and that the user may connect to it.", error);
                case AuthenticationException:
                    return new EtlException("ETL4634", $"the TLS certificate of {at} is not accepted: {e.Message}", "Set tls_root_certificate to the authority that signed it, or use the host name that the certificate is for.", error);
                case SocketException socket:
                    return new EtlException("ETL4630", $"{at} cannot be reached: {socket.Message}", "Check host and port, and that the cluster's security group lets this machine in.", error);
                case NpgsqlException { InnerException: null } when e.Message.Contains("SSL", StringComparison.OrdinalIgnoreCase):
                    return new EtlException("ETL4634", $"{at} offers no TLS, and the connection requires it", "For a network that you trust, tls: prefer or disable.", error);
            }
        }

        return Deepest(error) is TimeoutException
            ? new EtlException("ETL4630", $"{at} did not answer within {options.ConnectTimeout.TotalSeconds} s", "Check host and port, and that the cluster is not paused.", error)
            : new EtlException("ETL4630", $"{at} ended the connection before the session was open: {Deepest(error).Message}", "Check host and port: something else may listen there.", error);
    }

    private static Exception Deepest(Exception error) => error.InnerException is { } inner ? Deepest(inner) : error;

    /// <summary>Whether an error is of values that a column cannot hold.</summary>
    public static bool IsOfRows(PostgresException error) =>
        error.SqlState.StartsWith("22", StringComparison.Ordinal) || (error.SqlState.StartsWith("23", StringComparison.Ordinal) && !IsMadeMeanwhile(error));

    /// <summary>
    /// Whether another session made the same schema or table at the same moment, which <c>IF NOT EXISTS</c> does not prevent. Redshift holds no row to be unique, so
    /// that a unique violation comes of its catalog.
    /// </summary>
    public static bool IsMadeMeanwhile(PostgresException error) => error.SqlState is PostgresErrorCodes.UniqueViolation or PostgresErrorCodes.DuplicateSchema or PostgresErrorCodes.DuplicateTable;

    /// <summary>Rows that the cluster refused, without their values, which are in its message.</summary>
    public static EtlException OfRows(PostgresException error, string table) => new(
        "ETL4678", $"{table} refused the rows, SQLSTATE {error.SqlState}", "Nothing was published. A check before the load refuses such rows; the cluster's system views (SYS_QUERY_HISTORY) tell more.", error);

    /// <summary>COPY or UNLOAD failed: the message without the statement, which holds the right to the store.</summary>
    public static EtlException OfStore(PostgresException error, string command, StagingStore store) => new(
        "ETL4636", $"{command} failed: {error.MessageText} ({error.SqlState})",
        $"The cluster must be allowed to use {store.Objects.Root} (iam_role, or access_key and secret_key), which must be in its region.", error);
}
