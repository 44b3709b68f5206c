using Etl.Contracts;
using FluentValidation;

namespace Etl.Plugins.S3;

/// <summary>Options of a connection of type <c>s3</c>.</summary>
public sealed record S3ConnectionOptions
{
    /// <summary>The bucket.</summary>
    [Option("Bucket. It must be there: buckets are not made.", Example = "data-lake-production")]
    public required string Bucket { get; init; }

    /// <summary>Where in the bucket.</summary>
    [Option("Keys of the connection start below this.", Example = "warehouse/")]
    public string Prefix { get; init; } = "";

    /// <summary>The region.</summary>
    [Option("Region of the bucket.", Example = "eu-central-1")]
    public string Region { get; init; } = "us-east-1";

    /// <summary>Another server.</summary>
    [Option("Address of a store that speaks S3's protocol, such as Ceph or MinIO; Amazon's own when absent.", Example = "https://s3.example.com")]
    public string? Endpoint { get; init; }

    /// <summary>Bucket in the path.</summary>
    [Option("Whether the bucket stands in the path rather than in the host name; when absent: where there is an endpoint.")]
    public bool? PathStyle { get; init; }

    /// <summary>No TLS.</summary>
    [Option("Consent to an endpoint without TLS (http) that is not this machine: what is sent can be read on the way.")]
    public bool AllowHttp { get; init; }

    /// <summary>The key's name.</summary>
    [Option("Access key; without one, the credentials that the machine has (environment, profile, role of the instance or the pod).", Example = "${S3_ACCESS_KEY}")]
    public string? AccessKey { get; init; }

    /// <summary>The key.</summary>
    [Option("Secret key of access_key.", Example = "${S3_SECRET_KEY}", Secret = true)]
    public string? SecretKey { get; init; }

    /// <summary>For a role.</summary>
    [Option("Session token of temporary credentials.", Example = "${S3_SESSION_TOKEN}", Secret = true)]
    public string? SessionToken { get; init; }

    /// <summary>Encryption at rest.</summary>
    [Option("Encryption at rest that is asked for: aes256 or kms; the bucket's own setting when absent.")]
    public S3Encryption? ServerSideEncryption { get; init; }

    /// <summary>The key of KMS.</summary>
    [Option("Key of server_side_encryption: kms; the account's own when absent.", Example = "alias/lake")]
    public string? KmsKey { get; init; }

    /// <summary>Of the newer protocol.</summary>
    [Option("When the client adds its newer checksums: when_required or when_supported. Older stores refuse them. When absent: when_required where there is an endpoint. A write's MD5 is checked by the store either way.")]
    public S3Checksums? Checksums { get; init; }

    /// <summary>If-None-Match.</summary>
    [Option("Whether the store keeps `If-None-Match: *` of a PUT, on which a lake's commit rests. With false, only one run at a time may write, and nothing enforces it.")]
    public bool ConditionalPut { get; init; } = true;

    /// <summary>Parts.</summary>
    [Option("Objects larger than this are uploaded in parts of this size, of which eight, of all uploads, are in memory at a time. S3 takes 10,000 parts at most.")]
    public ByteSize PartSize { get; init; } = new(8L << 20);
}

/// <summary>Encryption at rest by the store.</summary>
public enum S3Encryption
{
    /// <summary>With keys of the store.</summary>
    Aes256,

    /// <summary>With a key of the key management service.</summary>
    Kms,
}

/// <summary>When the client's newer checksums are added.</summary>
public enum S3Checksums
{
    /// <summary>Only where the protocol demands one.</summary>
    WhenRequired,

    /// <summary>Wherever the protocol has one.</summary>
    WhenSupported,
}

/// <summary>Rules of <see cref="S3ConnectionOptions"/>.</summary>
public sealed class S3ConnectionRules : OptionsRules<S3ConnectionOptions>
{
    /// <summary>What belongs together.</summary>
    public S3ConnectionRules()
    {
        RuleFor(o => o.Bucket).Matches("^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$").WithMessage("is no name of a bucket: 3 to 63 small letters, digits, '.' and '-'.");
        RuleFor(o => o.Endpoint).MustBeEndpoint();
        RuleForValue(o => o.AllowHttp).Must((o, _) => o.AllowHttp || !Uri.TryCreate(o.Endpoint, UriKind.Absolute, out var address) || address.Scheme != "http" || address.IsLoopback)
            .WithMessage("is needed for an endpoint without TLS that is not this machine; better, give an https endpoint.");
        RuleFor(o => o.SecretKey).Must((o, secret) => secret is null == o.AccessKey is null).WithMessage("and access_key belong together.");
        RuleFor(o => o.SessionToken).Must((o, token) => token is null || o.AccessKey is not null).WithMessage("needs access_key and secret_key.");
        RuleFor(o => o.KmsKey).Must((o, key) => key is null || o.ServerSideEncryption == S3Encryption.Kms).WithMessage("needs server_side_encryption: kms.");
        RuleFor(o => o.Prefix).Must(p => !p.StartsWith('/') && !p.Split('/').Any(s => s is "." or "..")).WithMessage("must be relative, without '.' and '..'.");
        RuleForValue(o => o.PartSize).Must((o, _) => o.PartSize.Bytes is >= (5L << 20) and <= (512L << 20)).WithMessage("must be between 5MB and 512MB.");
    }
}
