using Etl.Contracts;
using FluentValidation;

namespace Etl.Plugins.Redshift;

/// <summary>Options of a connection of type <c>redshift</c>.</summary>
public sealed record RedshiftConnectionOptions
{
    /// <summary>The host.</summary>
    [Option("Host name of the cluster or workgroup.", Example = "warehouse.abc.us-east-1.redshift.amazonaws.com")]
    public required string Host { get; init; }

    /// <summary>The port.</summary>
    [Option("TCP port.", Min = 1, Max = 65535)]
    public int Port { get; init; } = 5439;

    /// <summary>The database.</summary>
    [Option("Database.", Example = "analytics")]
    public required string Database { get; init; }

    /// <summary>The schema.</summary>
    [Option("Schema that table names without one belong to.")]
    public string Schema { get; init; } = "public";

    /// <summary>The user.</summary>
    [Option("User to log in as.", Example = "${DW_USER}")]
    public required string User { get; init; }

    /// <summary>The password.</summary>
    [Option("Password of the user.", Example = "${DW_PASSWORD}", Secret = true)]
    public required string Password { get; init; }

    /// <summary>The store.</summary>
    [Option("The S3 connection through which rows go in and out: files are put there, loaded by COPY and deleted; UNLOAD writes there.", Example = "lake")]
    public required string Staging { get; init; }

    /// <summary>The place in the store.</summary>
    [Option("Where in the staging store the files go; what lies below it is this connection's to delete.")]
    public string StagingPrefix { get; init; } = "_etl_redshift/";

    /// <summary>The role.</summary>
    [Option("Role that the cluster takes on to read and write the staging store. Or give access_key and secret_key.", Example = "arn:aws:iam::123456789012:role/warehouse")]
    public string? IamRole { get; init; }

    /// <summary>The key.</summary>
    [Option("Access key by which the cluster reads and writes the staging store, where it has no role.", Example = "${DW_ACCESS_KEY}", Secret = true)]
    public string? AccessKey { get; init; }

    /// <summary>Its secret.</summary>
    [Option("Secret of access_key.", Example = "${DW_SECRET_KEY}", Secret = true)]
    public string? SecretKey { get; init; }

    /// <summary>Its session.</summary>
    [Option("Session token that belongs to a temporary access_key.", Example = "${DW_SESSION_TOKEN}", Secret = true)]
    public string? SessionToken { get; init; }

    /// <summary>Sessions.</summary>
    [Option("Sessions open at a time, at most.", Min = 2, Max = 100)]
    public int PoolSize { get; init; } = 5;

    /// <summary>TLS.</summary>
    [Option("TLS: disable, prefer, require (no check of the certificate) or verify_full. When absent: verify_full, but prefer for this machine's own address.")]
    public RedshiftTls? Tls { get; init; }

    /// <summary>The authority.</summary>
    [Option("File with the certificates of the authorities to trust (PEM); the system's when absent.", Example = "/etc/ssl/certs/redshift-ca.pem")]
    public string? TlsRootCertificate { get; init; }

    /// <summary>Time to connect.</summary>
    [Option("How long a session may take to open; a serverless workgroup wakes up first.")]
    public TimeSpan ConnectTimeout { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>Time for a statement.</summary>
    [Option("How long to wait for the answer of one statement.")]
    public TimeSpan CommandTimeout { get; init; } = TimeSpan.FromHours(1);
}

/// <summary>TLS modes.</summary>
public enum RedshiftTls
{
    /// <summary>Never.</summary>
    Disable,

    /// <summary>If the server offers it; nothing is checked.</summary>
    Prefer,

    /// <summary>Always; the certificate is not checked.</summary>
    Require,

    /// <summary>Always; the certificate must come from a trusted authority and be of this host.</summary>
    VerifyFull,
}

/// <summary>Rules of <see cref="RedshiftConnectionOptions"/>.</summary>
public sealed class RedshiftConnectionRules : OptionsRules<RedshiftConnectionOptions>
{
    /// <summary>One way to authorize, and limits that a number in the attribute cannot say.</summary>
    public RedshiftConnectionRules()
    {
        RuleFor(o => o.Host).NotEmpty().WithMessage("is empty.");
        RuleFor(o => o.Database).NotEmpty().WithMessage("is empty.");
        RuleFor(o => o.Schema).NotEmpty().WithMessage("is empty.");
        RuleFor(o => o.StagingPrefix).Must(p => p.Length > 1 && p.EndsWith('/') && !p.StartsWith('/')).WithMessage("must name a folder and end with '/'.");
        RuleFor(o => o.IamRole).Must((o, role) => role is null || o.AccessKey is null).WithMessage("and access_key exclude each other.");
        RuleFor(o => o.IamRole).Must((o, role) => role is not null || o.AccessKey is not null).WithMessage("is missing, and so is access_key: the cluster must be allowed to read the staging store.");
        RuleFor(o => o.SecretKey).Must((o, secret) => secret is null == o.AccessKey is null).WithMessage("and access_key belong together.");
        RuleFor(o => o.SessionToken).Must((o, token) => token is null || o.AccessKey is not null).WithMessage("belongs to an access_key.");
        RuleForValue(o => o.ConnectTimeout).Must((o, _) => o.ConnectTimeout.TotalSeconds is >= 1 and <= 1024).WithMessage("must be between 1s and 1024s.");
        RuleForValue(o => o.CommandTimeout).Must((o, _) => o.CommandTimeout.TotalSeconds is >= 1 and <= 7 * 24 * 3600).WithMessage("must be between 1s and 7d.");
    }
}
