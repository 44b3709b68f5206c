using Etl.Contracts;
using FluentValidation;

namespace Etl.Plugins.Azure;

/// <summary>Options of a connection of type <c>azure_blob</c>.</summary>
public sealed record AzureBlobOptions
{
    /// <summary>The storage account.</summary>
    [Option("Storage account.", Example = "shoplake")]
    public required string Account { get; init; }

    /// <summary>The container.</summary>
    [Option("Container. It must exist.", Example = "lake")]
    public required string Container { get; init; }

    /// <summary>The folder in the container.</summary>
    [Option("Folder in the container that all keys are below; the container itself when absent.", Example = "prod/shop")]
    public string? Prefix { get; init; }

    /// <summary>Another address.</summary>
    [Option("Address of the account's blob service; https://ACCOUNT.blob.core.windows.net when absent. For other clouds, private addresses and emulators.", Example = "https://shoplake.blob.core.usgovcloudapi.net")]
    public string? Endpoint { get; init; }

    /// <summary>The account's key.</summary>
    [Option("One of the account's two access keys. Either this or sas_token.", Example = "${LAKE_KEY}", Secret = true)]
    public string? AccountKey { get; init; }

    /// <summary>A shared access signature.</summary>
    [Option("Shared access signature of the account or the container: rights to read, list, create, write and delete. Either this or account_key.", Example = "${LAKE_SAS}", Secret = true)]
    public string? SasToken { get; init; }

    /// <summary>How often to ask again.</summary>
    [Option("How often one request is sent again, with growing pauses, after a failure that may pass.", Min = 0, Max = 20)]
    public int Retries { get; init; } = 5;
}

/// <summary>Rules of <see cref="AzureBlobOptions"/>.</summary>
public sealed class AzureBlobRules : OptionsRules<AzureBlobOptions>
{
    /// <summary>Which credentials, and what an address or a folder looks like.</summary>
    public AzureBlobRules()
    {
        RuleFor(o => o.Account).NotEmpty().WithMessage("is empty.");
        RuleFor(o => o.Container).Matches("^(\\$root|\\$web|[a-z0-9](-?[a-z0-9]){2,62})$").WithMessage("is no name of a container: 3 to 63 lower case letters, digits and single '-'.");
        RuleFor(o => o.Prefix).Must(p => p is null || p.Split('/').All(name => name is not ("" or "." or ".."))).WithMessage("must be a relative folder without '/' at its ends and without '..'.");
        RuleFor(o => o.Endpoint).MustBeEndpoint("https://host or http://127.0.0.1:10000/account");
        RuleFor(o => o.AccountKey).Must((o, key) => key is null != o.SasToken is null).WithMessage("or sas_token is needed: one of the two.");
    }
}
