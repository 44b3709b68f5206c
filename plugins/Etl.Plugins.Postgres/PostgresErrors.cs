using System.Net.Sockets;
using System.Security.Authentication;
using Etl.Contracts;
using Npgsql;

namespace Etl.Plugins.Postgres;

/// <summary>What the server's and the driver's errors mean to a person and to the engine. No text here holds a secret or a row's values.</summary>
internal static class PostgresErrors
{
    /// <summary>Whether a later attempt may succeed: lost connections, conflicts between transactions, a server that starts, stops or is full.</summary>
    public static bool IsTransient(Exception error)
    {
        for (var e = error; e is not null; e = e.InnerException)
        {
            switch (e)
            {
                case PostgresException server:
                    return IsTransient(server.SqlState);
                case SocketException { SocketErrorCode: SocketError.HostNotFound or SocketError.NoData }:
                    return false;
                case AuthenticationException:
                    return false;
                case SocketException or IOException or TimeoutException:
                    return true;
            }
        }

        return false;
    }

    private static bool IsTransient(string sqlState) => sqlState switch
    {
        "40001" or "40P01" or "55P03" or "57014" or "55006" => true,
        "53000" or "53200" or "53300" => true,
        "57P01" or "57P02" or "57P03" or "57P05" => true,
        _ => sqlState.StartsWith("08", StringComparison.Ordinal),
    };

    /// <summary>A session could not be opened.</summary>
    public static EtlException OfOpening(Exception error, PostgresConnectionOptions options, string display)
    {
        var at = $"{options.Host}:{options.Port}";
        for (var e = error; e is not null; e = e.InnerException)
        {
            switch (e)
            {
                case PostgresException { SqlState: "28P01" or "28000" }:
                    return new EtlException("ETL4451", $"{display} refused the user '{options.User}'", options.Password is null
                        ? "No password is set on the connection; the server asks for one."
                        : "Check the user, the password and the server's pg_hba.conf.", error);
                case PostgresException { SqlState: "3D000" }:
                    return new EtlException("ETL4452", $"there is no database '{options.Database}' at {at}", "Check the connection's database.", error);
                case PostgresException { SqlState: "42501" }:
                    return new EtlException("ETL4451", $"the user '{options.User}' may not connect to {display}", "GRANT CONNECT ON DATABASE is needed.", error);
                case PostgresException server:
                    return new EtlException("ETL4450", $"{display} refused the session: {server.MessageText} ({server.SqlState})", null, error);
                case AuthenticationException:
                    return new EtlException("ETL4453", $"the TLS certificate of {at} is not accepted: {e.Message}", "Set ssl_root_certificate to the authority that signed it, or use the host name that the certificate is for.", error);
                case SocketException socket:
                    return new EtlException("ETL4450", $"{at} cannot be reached: {socket.Message}", "Check host and port, and that the server listens there.", error);
                case NpgsqlException { InnerException: null } when e.Message.Contains("No password", StringComparison.Ordinal):
                    return new EtlException("ETL4451", $"{display} refused the user '{options.User}'", "No password is set on the connection; the server asks for one.", error);
                case NpgsqlException { InnerException: null } when e.Message.Contains("SSL", StringComparison.OrdinalIgnoreCase):
                    return new EtlException("ETL4453", $"{at} offers no TLS, and the connection requires it", "Switch TLS on at the server. For a network that you trust, ssl_mode: prefer or disable.", error);
                // It holds the time-out of waiting for a session.
                case NpgsqlException when e.Message.Contains("pool has been exhausted", StringComparison.Ordinal):
                    return new EtlException("ETL4455", $"all {options.PoolSize} sessions to {display} are in use", "Raise pool_size of the connection, or lower the parallelism.", error);
            }
        }

        return new EtlException("ETL4450", $"{at} did not answer within {options.ConnectTimeout.TotalSeconds} s", "Check host and port, and that no firewall drops the packets.", error);
    }

    /// <summary>
    /// Rows that the target refused, without their values: those are in the driver's message and must not reach a log. Other
    /// errors are returned as they are.
    /// </summary>
    public static Exception OfRows(Exception error, string table) => error is PostgresException server && IsOfData(server)
        ? new EtlException("ETL4478", $"{table} refused the rows: {Reason(server)}", "Nothing was published. Add a check before the load that refuses such rows, or change the column.", error)
        : error;

    /// <summary>Why a row was refused while rows were staged, without its values; null for an error that is not of a row.</summary>
    public static string? ReasonOfRow(Exception error) => error switch
    {
        PostgresException server when IsOfData(server) => Reason(server),
        // Of a date or time from before the server's calendar, which has no binary form to send.
        OverflowException => "a date or time is out of the range of PostgreSQL",
        _ => null,
    };

    // Data exceptions and broken constraints.
    private static bool IsOfData(PostgresException server) => server.SqlState.StartsWith("22", StringComparison.Ordinal) || server.SqlState.StartsWith("23", StringComparison.Ordinal);

    private static string Reason(PostgresException server)
    {
        var why = server.SqlState switch
        {
            "22001" => "a text is longer than its column",
            "22003" => "a number is out of the column's range",
            "22021" => "a text holds the character U+0000, or bytes that are no text in the database's encoding",
            "22P02" => "a text is not a value of the column's type",
            "22007" or "22008" => "a text is no date or time that the column can hold",
            "22P05" => "a text holds a character that the database's encoding or jsonb cannot hold",
            "23502" => "a column that must not be NULL would be",
            "23503" => "a foreign key has no counterpart",
            "23505" => "a unique key would occur twice",
            "23514" => "a check constraint does not hold",
            _ => "a value does not fit",
        };
        var where = (server.ColumnName, server.ConstraintName) switch
        {
            ({ Length: > 0 } column, _) => $" (column {column})",
            (_, { Length: > 0 } constraint) => $" (constraint {constraint})",
            _ => CopyColumn(server.Where) is { } column ? $" (column {column})" : "",
        };
        return $"{why}{where}, SQLSTATE {server.SqlState}";
    }

    // "COPY stg_x, line 3, column note": of a binary COPY it holds no value.
    private static string? CopyColumn(string? where)
    {
        const string Marker = ", column ";
        var at = where?.IndexOf(Marker, StringComparison.Ordinal) ?? -1;
        return at < 0 ? null : where![(at + Marker.Length)..].Split([':', '\n'], 2)[0].Trim();
    }
}
