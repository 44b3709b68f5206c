using Etl.Contracts;
using FluentValidation;

namespace Etl.Plugins.Gcs;

/// <summary>Options of a connection of type <c>gcs</c>.</summary>
public sealed record GcsConnectionOptions
{
    /// <summary>The bucket.</summary>
    [Option("Bucket. It must be there: buckets are not made.", Example = "data-lake-production")]
    public required string Bucket { get; init; }

    /// <summary>Where in the bucket.</summary>
    [Option("Keys of the connection start below this.", Example = "warehouse/")]
    public string Prefix { get; init; } = "";

    /// <summary>Another address.</summary>
    [Option("Address of the XML API; https://storage.googleapis.com when absent. For private addresses.", Example = "https://storage.europe-west3.rep.googleapis.com")]
    public string? Endpoint { get; init; }

    /// <summary>No TLS.</summary>
    [Option("Consent to an endpoint without TLS (http) that is not this machine: what is sent can be read on the way.")]
    public bool AllowHttp { get; init; }

    /// <summary>The key's name.</summary>
    [Option("Access ID of an HMAC key of a service account.", Example = "${GCS_ACCESS_KEY}")]
    public required string AccessKey { get; init; }

    /// <summary>The key.</summary>
    [Option("Secret of access_key.", Example = "${GCS_SECRET_KEY}", Secret = true)]
    public required string SecretKey { get; init; }

    /// <summary>How often to ask again.</summary>
    [Option("How often one request is sent again, with growing pauses, after a failure that may pass.", Min = 0, Max = 20)]
    public int Retries { get; init; } = 5;

    /// <summary>Parts.</summary>
    [Option("Objects larger than this are uploaded in parts of this size, of which eight, of all uploads, are in memory at a time. The store takes 10,000 parts at most.")]
    public ByteSize PartSize { get; init; } = new(8L << 20);
}

/// <summary>Rules of <see cref="GcsConnectionOptions"/>.</summary>
public sealed class GcsConnectionRules : OptionsRules<GcsConnectionOptions>
{
    /// <summary>What names, addresses and sizes look like.</summary>
    public GcsConnectionRules()
    {
        RuleFor(o => o.Bucket).Matches("^[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]$").WithMessage("is no name of a bucket: small letters, digits, '.', '_' and '-', at least three.");
        RuleFor(o => o.Endpoint).MustBeEndpoint().Must(e => e is null || !Uri.TryCreate(e, UriKind.Absolute, out var address) || address.AbsolutePath == "/").WithMessage("must have no path.");
        RuleFor(o => o.AllowHttp).Must((o, allowed) => allowed || !Uri.TryCreate(o.Endpoint, UriKind.Absolute, out var address) || address.Scheme != "http" || address.IsLoopback)
            .WithMessage("is needed for an endpoint without TLS that is not this machine; better, give an https endpoint.");
        RuleFor(o => o.Prefix).Must(p => !p.StartsWith('/') && !p.Split('/').Any(s => s is "." or "..")).WithMessage("must be relative, without '.' and '..'.");
        RuleFor(o => o.PartSize).Must(s => s.Bytes is >= (5L << 20) and <= (512L << 20)).WithMessage("must be between 5MB and 512MB.");
    }
}
