using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Etl.Plugins.Tests.Postgres;

/// <summary>TLS in front of the real server, with a certificate of the test's choice; and what clients sent before or without it.</summary>
internal sealed class TlsFront : IDisposable
{
    private const int SslRequest = 80877103;

    private readonly TcpListener _listener = new(IPAddress.Any, 0);
    private readonly X509Certificate2 _certificate;
    private readonly (string Host, int Port) _behind;
    private int _plain;

    public TlsFront(X509Certificate2 certificate, string host, int port)
    {
        (_certificate, _behind) = (certificate, (host, port));
        _listener.Start();
        _ = AcceptAsync();
    }

    public int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

    /// <summary>How often a client began without TLS.</summary>
    public int Plain => Volatile.Read(ref _plain);

    /// <summary>An authority.</summary>
    public static X509Certificate2 Authority(string name)
    {
        using var key = RSA.Create(2048);
        var request = new CertificateRequest($"CN={name}", key, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        return request.CreateSelfSigned(TimeProvider.System.GetUtcNow().AddYears(-3), TimeProvider.System.GetUtcNow().AddYears(3));
    }

    /// <summary>A certificate of an authority for a host, which is an address or a name.</summary>
    public static X509Certificate2 Certificate(X509Certificate2 authority, string host, int validForDays)
    {
        using var key = RSA.Create(2048);
        var request = new CertificateRequest("CN=server", key, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
        var names = new SubjectAlternativeNameBuilder();
        if (IPAddress.TryParse(host, out var address))
        {
            names.AddIpAddress(address);
        }
        else
        {
            names.AddDnsName(host);
        }

        request.CertificateExtensions.Add(names.Build());
        using var certificate = request.Create(authority, TimeProvider.System.GetUtcNow().AddYears(-2), TimeProvider.System.GetUtcNow().AddDays(validForDays), RandomNumberGenerator.GetBytes(8));
        return certificate.CopyWithPrivateKey(key);
    }

    public void Dispose() => _listener.Dispose();

    private async Task AcceptAsync()
    {
        while (true)
        {
            try
            {
                _ = ServeAsync(await _listener.AcceptTcpClientAsync());
            }
            catch (Exception e) when (e is SocketException or ObjectDisposedException)
            {
                // The test is over.
                return;
            }
        }
    }

    private async Task ServeAsync(TcpClient client)
    {
        using var owned = client;
        try
        {
            var stream = client.GetStream();
            var first = new byte[8];
            await stream.ReadExactlyAsync(first);
            if (System.Buffers.Binary.BinaryPrimitives.ReadInt32BigEndian(first.AsSpan(4)) != SslRequest)
            {
                Interlocked.Increment(ref _plain);
                return;
            }

            await stream.WriteAsync("S"u8.ToArray());
            await using var secure = new SslStream(stream);
            await secure.AuthenticateAsServerAsync(_certificate);
            using var server = new TcpClient();
            await server.ConnectAsync(_behind.Host, _behind.Port);
            await Task.WhenAny(secure.CopyToAsync(server.GetStream()), server.GetStream().CopyToAsync(secure));
        }
        catch (Exception e) when (e is IOException or System.Security.Authentication.AuthenticationException or SocketException)
        {
            // The client did not like the certificate.
        }
    }
}
