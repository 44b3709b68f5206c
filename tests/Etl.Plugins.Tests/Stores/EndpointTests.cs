using Etl.Contracts;
using Etl.Plugins.Azure;
using Etl.Plugins.Gcs;
using Etl.Plugins.S3;
using NUnit.Framework;

namespace Etl.Plugins.Tests.Stores;

/// <summary>Where stores may be: who edits a project does not get its runner to ask a cloud for the runner's own credentials.</summary>
public sealed class EndpointTests
{
    private const string NoAddress = "must be an http or https address such as https://host.";
    private const string OfMachine = "is an address at which clouds give a machine its credentials, and no store.";

    [TestCase("https://store.example", null)]
    [TestCase("http://127.0.0.1:9000", null)]
    [TestCase("http://10.0.0.7", null)]
    [TestCase("store.example", NoAddress)]
    [TestCase("file:///etc/passwd", NoAddress)]
    [TestCase("gopher://store.example", NoAddress)]
    [TestCase("https://store.example/?a=b", NoAddress)]
    [TestCase("http://169.254.169.254", OfMachine)]
    [TestCase("http://169.254.170.2", OfMachine)]
    [TestCase("http://2852039166", OfMachine)]
    [TestCase("http://0xA9FEA9FE", OfMachine)]
    [TestCase("http://[::ffff:a9fe:a9fe]", OfMachine)]
    [TestCase("http://[fe80::1]", OfMachine)]
    [TestCase("http://[fd00:ec2::254]", OfMachine)]
    [TestCase("http://168.63.129.16", OfMachine)]
    [TestCase("http://Metadata.google.internal.", OfMachine)]
    public void An_endpoint_is_one_of_a_store(string endpoint, string? told)
    {
        Assert.That(Told(new S3ConnectionRules(), new S3ConnectionOptions { Bucket = "shop", Endpoint = endpoint, AllowHttp = true }), Is.EqualTo(told));
        Assert.That(Told(new GcsConnectionRules(), new GcsConnectionOptions { Bucket = "shop", Endpoint = endpoint, AllowHttp = true, AccessKey = "a", SecretKey = "s" }), Is.EqualTo(told));
        Assert.That(
            Told(new AzureBlobRules(), new AzureBlobOptions { Account = "shop", Container = "shop", Endpoint = endpoint, AccountKey = "a" }),
            Is.EqualTo(told?.Replace("https://host", "https://host or http://127.0.0.1:10000/account", StringComparison.Ordinal)));
    }

    [Test]
    public void Without_TLS_it_is_on_this_machine_unless_that_is_said()
    {
        const string Told = "is needed for an endpoint without TLS that is not this machine; better, give an https endpoint.";
        Assert.That(EndpointTests.Told(new S3ConnectionRules(), new S3ConnectionOptions { Bucket = "shop", Endpoint = "http://store.example" }), Is.EqualTo(Told));
        Assert.That(EndpointTests.Told(new GcsConnectionRules(), new GcsConnectionOptions { Bucket = "shop", Endpoint = "http://store.example", AccessKey = "a", SecretKey = "s" }), Is.EqualTo(Told));
    }

    private static string? Told<T>(OptionsRules<T> rules, T options) => rules.Validate(options).Errors.FirstOrDefault()?.ErrorMessage;
}
