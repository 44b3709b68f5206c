using System.Net;
using FluentValidation;

namespace Etl.Contracts;

/// <summary>What the address of an HTTP service may be that a project names.</summary>
public static class EndpointRules
{
    // Where clouds give a machine its credentials, but for what is link-local.
    private static readonly IPAddress[] OfMachines = [IPAddress.Parse("fd00:ec2::254"), IPAddress.Parse("168.63.129.16"), IPAddress.Parse("100.100.100.200")];

    /// <summary>
    /// The option is absent, or an http or https address that is not one at which a cloud gives a machine its credentials: whoever may edit a project is not
    /// to have its runner ask there. Names are not looked up.
    /// </summary>
    /// <param name="rule">The option.</param>
    /// <param name="example">Of the address that is meant.</param>
    public static IRuleBuilderOptions<T, string?> MustBeEndpoint<T>(this IRuleBuilder<T, string?> rule, string example = "https://host") => rule
        .Must(e => e is null || (Uri.TryCreate(e, UriKind.Absolute, out var address) && address.Scheme is "http" or "https" && address.Query.Length == 0))
        .WithMessage($"must be an http or https address such as {example}.")
        .Must(e => e is null || !Uri.TryCreate(e, UriKind.Absolute, out var address) || !IsOfMachine(address))
        .WithMessage("is an address at which clouds give a machine its credentials, and no store.");

    private static bool IsOfMachine(Uri address)
    {
        if (!IPAddress.TryParse(address.DnsSafeHost, out var ip))
        {
            return string.Equals(address.DnsSafeHost.TrimEnd('.'), "metadata.google.internal", StringComparison.OrdinalIgnoreCase);
        }

        ip = ip.IsIPv4MappedToIPv6 ? ip.MapToIPv4() : ip;
        return ip.IsIPv6LinkLocal || ip.GetAddressBytes() is [169, 254, _, _] || OfMachines.Contains(ip);
    }
}
