using Etl.Contracts;
using FluentValidation;

namespace Etl.Plugins.Postgres;

/// <summary>Options of a connection of type <c>postgres</c>. There are no free driver settings: each one here is checked.</summary>
public sealed record PostgresConnectionOptions
{
    /// <summary>The host.</summary>
    [Option("Host name, address, or the absolute folder of a Unix socket.", Example = "db.example.com")]
    public required string Host { get; init; }

    /// <summary>The port.</summary>
    [Option("TCP port.", Min = 1, Max = 65535)]
    public int Port { get; init; } = 5432;

    /// <summary>The database.</summary>
    [Option("Database.", Example = "shop")]
    public required string Database { get; init; }

    /// <summary>The schema.</summary>
    [Option("Schema that table names without one belong to.")]
    public string Schema { get; init; } = "public";

    /// <summary>The user.</summary>
    [Option("User (role) to log in as.", Example = "${SHOP_USER}")]
    public required string User { get; init; }

    /// <summary>The password.</summary>
    [Option("Password; absent where the server asks for none.", Example = "${SHOP_PASSWORD}", Secret = true)]
    public string? Password { get; init; }

    /// <summary>Sessions.</summary>
    [Option("Sessions open at a time, at most, for reading and again for writing.", Min = 2, Max = 500)]
    public int PoolSize { get; init; } = 10;

    /// <summary>TLS.</summary>
    [Option("TLS: disable, prefer, require (no check of the certificate), verify_ca or verify_full. When absent: verify_full, but prefer for this machine's own address or a socket.")]
    public PostgresSslMode? SslMode { get; init; }

    /// <summary>The authority.</summary>
    [Option("File with the certificates of the authorities to trust (PEM); the system's when absent.", Example = "/etc/ssl/certs/warehouse-ca.pem")]
    public string? SslRootCertificate { get; init; }

    /// <summary>Time to connect.</summary>
    [Option("How long a session may take to open.")]
    public TimeSpan ConnectTimeout { get; init; } = TimeSpan.FromSeconds(15);

    /// <summary>Time for a statement.</summary>
    [Option("How long to wait for the answer of one statement. A dead peer is found by TCP keep-alive within a minute, whatever this says.")]
    public TimeSpan CommandTimeout { get; init; } = TimeSpan.FromHours(1);
}

/// <summary>TLS modes, named as libpq does.</summary>
public enum PostgresSslMode
{
    /// <summary>Never.</summary>
    Disable,

    /// <summary>If the server offers it; nothing is checked.</summary>
    Prefer,

    /// <summary>Always; the certificate is not checked.</summary>
    Require,

    /// <summary>Always; the certificate must come from a trusted authority.</summary>
    VerifyCa,

    /// <summary>As <see cref="VerifyCa"/>, and it must be of this host.</summary>
    VerifyFull,
}

/// <summary>Rules of <see cref="PostgresConnectionOptions"/>.</summary>
public sealed class PostgresConnectionRules : OptionsRules<PostgresConnectionOptions>
{
    /// <summary>Limits that a number in the attribute cannot say.</summary>
    public PostgresConnectionRules()
    {
        RuleFor(o => o.Host).NotEmpty().WithMessage("is empty.");
        RuleFor(o => o.Host).Must(h => !h.Contains(',', StringComparison.Ordinal)).WithMessage("names several hosts; name one.");
        RuleFor(o => o.Database).NotEmpty().WithMessage("is empty.");
        RuleFor(o => o.User).NotEmpty().WithMessage("is empty.");
        RuleFor(o => o.Schema).NotEmpty().WithMessage("is empty.");
        RuleForValue(o => o.ConnectTimeout).Must((o, _) => o.ConnectTimeout.TotalSeconds is >= 1 and <= 1024).WithMessage("must be between 1s and 1024s.");
        RuleForValue(o => o.CommandTimeout).Must((o, _) => o.CommandTimeout.TotalSeconds is >= 1 and <= 7 * 24 * 3600).WithMessage("must be between 1s and 7d.");
    }
}
