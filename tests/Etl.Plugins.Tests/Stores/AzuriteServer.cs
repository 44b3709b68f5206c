using System.Diagnostics;
using System.Text.RegularExpressions;
using Azure.Storage;
using Azure.Storage.Blobs;
using Etl.EndToEnd.Tests;
using NUnit.Framework;

namespace Etl.Plugins.Tests.Stores;

/// <summary>Azurite, Microsoft's emulator of the blob service, with all that it keeps in its memory.</summary>
internal sealed partial class AzuriteServer : IAsyncDisposable
{
    /// <summary>The account that every Azurite has, with its published key.</summary>
    public const string Account = "devstoreaccount1";

    public const string Key = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";

    private readonly Process _process;

    private AzuriteServer(Process process, string address)
    {
        _process = process;
        Endpoint = $"{address}/{Account}";
        Service = new(new Uri(Endpoint), new StorageSharedKeyCredential(Account, Key));
    }

    public string Endpoint { get; }

    /// <summary>The service's own client, for what a test prepares and looks at.</summary>
    public BlobServiceClient Service { get; }

    public static async Task<AzuriteServer> StartAsync()
    {
        await NodeTools.InstalledAsync();
        // It asks for no newer version of the protocol than it knows, which the client is ahead of.
        var process = Process.Start(new ProcessStartInfo(
            NodeTools.Installed("azurite-blob"), ["--skipApiVersionCheck", "--inMemoryPersistence", "--disableTelemetry", "--blobHost", "127.0.0.1", "--blobPort", "0"])
        {
            WorkingDirectory = NodeTools.Folder, RedirectStandardOutput = true, RedirectStandardError = true,
        })!;
        var said = new List<string>();
        while (await process.StandardOutput.ReadLineAsync() is { } line)
        {
            said.Add(line);
            if (Listens().Match(line) is { Success: true } listens)
            {
                // It logs each request, and would stop at a full pipe.
                _ = process.StandardOutput.BaseStream.CopyToAsync(Stream.Null);
                _ = process.StandardError.BaseStream.CopyToAsync(Stream.Null);
                return new(process, listens.Groups[1].Value);
            }
        }

        throw new AssertionException($"Azurite did not start: {string.Join('\n', said)}{await process.StandardError.ReadToEndAsync()}");
    }

    public async ValueTask DisposeAsync()
    {
        _process.Kill(entireProcessTree: true);
        await _process.WaitForExitAsync();
        _process.Dispose();
    }

    [GeneratedRegex("successfully listens on (http://[0-9.:]+)")]
    private static partial Regex Listens();
}
