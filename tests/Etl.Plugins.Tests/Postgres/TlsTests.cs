using System.Net;
using System.Net.NetworkInformation;
using System.Net.Sockets;
using Etl.Contracts;
using Etl.Plugins.Postgres;
using NUnit.Framework;

namespace Etl.Plugins.Tests.Postgres;

/// <summary>Whose certificate a connection takes, in front of the real server.</summary>
public sealed class TlsTests
{
    [TestCase("127.0.0.1", 30, true, PostgresSslMode.VerifyFull, true)]
    [TestCase("elsewhere.example", 30, true, PostgresSslMode.VerifyFull, false)]
    [TestCase("elsewhere.example", 30, true, PostgresSslMode.VerifyCa, true)]
    [TestCase("127.0.0.1", -1, true, PostgresSslMode.VerifyFull, false)]
    [TestCase("127.0.0.1", -1, true, PostgresSslMode.VerifyCa, false)]
    [TestCase("127.0.0.1", 30, false, PostgresSslMode.VerifyFull, false)]
    [TestCase("127.0.0.1", 30, false, PostgresSslMode.VerifyCa, false)]
    [Property("Fault", 24)]
    public async Task A_certificate_is_taken_if_it_is_of_this_host_valid_and_of_a_trusted_authority(string host, int validForDays, bool isTrusted, PostgresSslMode mode, bool isTaken)
    {
        await using var db = await TestDatabase.CreateAsync();
        using var trusted = TlsFront.Authority("trusted");
        using var other = TlsFront.Authority("other");
        using var certificate = TlsFront.Certificate(isTrusted ? trusted : other, host, validForDays);
        using var front = new TlsFront(certificate, db.Options.Host, db.Options.Port);
        var root = Path.GetTempFileName();
        try
        {
            await File.WriteAllTextAsync(root, trusted.ExportCertificatePem());
            await using var connection = new PostgresConnection(db.Options with { Host = "127.0.0.1", Port = front.Port, SslMode = mode, SslRootCertificate = root, ConnectTimeout = TimeSpan.FromMinutes(5) });
            if (isTaken)
            {
                Assert.That(await connection.DescribeTableAsync("nothing", CancellationToken.None), Is.Null);
            }
            else
            {
                var error = await Assert.ThrowsAsync<EtlException>(async () => await connection.DescribeTableAsync("nothing", CancellationToken.None));
                Assert.That(error!.Code, Is.EqualTo("ETL4453"), error.ToString());
                Assert.That(error.Message, Does.StartWith($"the TLS certificate of 127.0.0.1:{front.Port} is not accepted: "));
                Assert.That(error.ToString(), Does.Not.Contain(db.Options.Password));
            }

            Assert.That(front.Plain, Is.Zero, "nothing is tried without TLS");
        }
        finally
        {
            File.Delete(root);
        }
    }

    [TestCase(true)]
    [TestCase(false)]
    public async Task Unless_the_mode_is_set_a_certificate_is_verified_wherever_the_server_is_not_on_this_machine(bool isThisMachine)
    {
        await using var db = await TestDatabase.CreateAsync();
        using var unknown = TlsFront.Authority("unknown");
        // An address of this machine that is not its loopback, as a server elsewhere has one.
        var host = isThisMachine ? "127.0.0.1" : NetworkInterface.GetAllNetworkInterfaces().SelectMany(i => i.GetIPProperties().UnicastAddresses)
            .First(a => a.Address.AddressFamily == AddressFamily.InterNetwork && !IPAddress.IsLoopback(a.Address)).Address.ToString();
        using var certificate = TlsFront.Certificate(unknown, host, 30);
        using var front = new TlsFront(certificate, db.Options.Host, db.Options.Port);
        await using var connection = new PostgresConnection(db.Options with { Host = host, Port = front.Port, SslMode = null, ConnectTimeout = TimeSpan.FromMinutes(5) });
        if (isThisMachine)
        {
            Assert.That(await connection.DescribeTableAsync("nothing", CancellationToken.None), Is.Null);
        }
        else
        {
            Assert.That((await Assert.ThrowsAsync<EtlException>(async () => await connection.DescribeTableAsync("nothing", CancellationToken.None)))!.Code, Is.EqualTo("ETL4453"));
        }

        Assert.That(front.Plain, Is.Zero);
    }
}
