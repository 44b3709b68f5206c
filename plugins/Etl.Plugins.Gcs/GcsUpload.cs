using System.Buffers.Binary;
using System.Globalization;
using System.Numerics;
using System.Runtime.ExceptionServices;
using System.Security.Cryptography;
using System.Text;
using System.Xml.Linq;
using Etl.Contracts;

namespace Etl.Plugins.Gcs;

/// <summary>What was sent of an object.</summary>
/// <param name="Bytes">How many.</param>
/// <param name="Sha256">Of all of them, in lower case hex.</param>
/// <param name="Crc32C">As the store tells it of what it has, in Base64.</param>
internal sealed record Sent(long Bytes, string Sha256, string Crc32C);

/// <summary>Writes one object: by one request if it is small, otherwise in parts, of which some are under way at a time. What fails leaves no part behind.</summary>
internal sealed class GcsUpload(GcsClient client, PartBuffers buffers, string path)
{
    private static readonly TimeSpan TimeToAbort = TimeSpan.FromSeconds(30);

    private readonly IncrementalHash _hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
    private uint _crc = uint.MaxValue;
    private long _bytes;

    /// <summary>Writes all of the stream, and says what that was. Called once.</summary>
    public async Task<Sent> WriteAsync(Stream content, CancellationToken cancel)
    {
        using var first = await buffers.FillAsync(content, _hash, cancel);
        if (first.IsLast)
        {
            Append(first.Bytes.Span);
            await client.SendOffAsync(Put(path, first.Bytes), cancel);
        }
        else
        {
            await InPartsAsync(content, first, cancel);
        }

        return new Sent(_bytes, Convert.ToHexStringLower(_hash.GetHashAndReset()), Crc32C());
    }

    /// <summary>A write by one request, which the store checks by its MD5.</summary>
    public static GcsRequest Put(string path, ReadOnlyMemory<byte> body) => new(HttpMethod.Put, path) { Body = body, Headers = [("content-md5", Convert.ToBase64String(Md5(body.Span)))] };

    /// <summary>Gives up an upload and its parts; one that has ended already is no error.</summary>
    public static async Task AbortAsync(GcsClient client, string path, string upload, CancellationToken cancel)
    {
        try
        {
            await client.SendOffAsync(new(HttpMethod.Delete, path) { Query = [("uploadId", upload)] }, cancel);
        }
        catch (GcsAnswerException e) when (e.Status == System.Net.HttpStatusCode.NotFound)
        {
            // It ended in between.
        }
    }

    private async Task InPartsAsync(Stream content, PartBuffers.Part first, CancellationToken cancel)
    {
        var upload = (await client.SendForXmlAsync(new(HttpMethod.Post, path) { Query = [("uploads", "")] }, cancel)).Elements().First(e => e.Name.LocalName == "UploadId").Value;
        var parts = new List<Task<XElement>>();
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        try
        {
            await foreach (var part in buffers.FromAsync(first, content, _hash, stop.Token))
            {
                Append(part.Bytes.Span);
                parts.Add(SendAsync(upload, parts.Count + 1, part, stop));
            }

            await CompleteAsync(upload, new XElement("CompleteMultipartUpload", await Task.WhenAll(parts)), cancel);
        }
        catch (Exception e)
        {
            await stop.CancelAsync();
            // The part that failed says why; those that were stopped for it only that they were.
            await ((Task)Task.WhenAll(parts)).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            var failed = parts.Select(p => p.Exception?.InnerException).FirstOrDefault(f => f is not null);
            await GiveUpAsync(upload);
            ExceptionDispatchInfo.Throw(e is OperationCanceledException && !cancel.IsCancellationRequested && failed is not null ? failed : e);
        }
    }

    private async Task CompleteAsync(string upload, XElement list, CancellationToken cancel)
    {
        try
        {
            await client.SendForXmlAsync(new(HttpMethod.Post, path) { Query = [("uploadId", upload)], Body = Encoding.UTF8.GetBytes(list.ToString(SaveOptions.DisableFormatting)) }, cancel);
        }
        catch (GcsAnswerException e) when (e.Code == "NoSuchUpload")
        {
            // The answer to an earlier try may have been lost: then the upload is gone because it is the object now.
            if (!await IsThereAsync(cancel))
            {
                throw;
            }
        }
    }

    private async Task<bool> IsThereAsync(CancellationToken cancel)
    {
        try
        {
            using var there = await client.SendAsync(new(HttpMethod.Head, path), cancel);
            return (there.Content.Headers.ContentLength, GcsClient.CrcOf(there)) == (_bytes, Crc32C());
        }
        catch (GcsAnswerException e) when (e.Status == System.Net.HttpStatusCode.NotFound)
        {
            return false;
        }
    }

    private async Task<XElement> SendAsync(string upload, int number, PartBuffers.Part part, CancellationTokenSource stop)
    {
        using (part)
        {
            try
            {
                await Task.Yield();
                var text = number.ToString(CultureInfo.InvariantCulture);
                using var answer = await client.SendAsync(Put(path, part.Bytes) with { Query = [("partNumber", text), ("uploadId", upload)] }, stop.Token);
                return new XElement("Part", new XElement("PartNumber", text), new XElement("ETag", answer.Headers.ETag?.Tag));
            }
            catch
            {
                await stop.CancelAsync();
                throw;
            }
        }
    }

    private async Task GiveUpAsync(string upload)
    {
        using var limit = new CancellationTokenSource(TimeToAbort);
        try
        {
            await AbortAsync(client, path, upload, limit.Token);
        }
        catch (Exception e) when (e is OperationCanceledException || GcsErrors.IsOfClient(e))
        {
            // The store is gone, or no longer takes the credentials. A later run discards what this one left; an error from here would hide the one that brought us here.
        }
    }

    private string Crc32C()
    {
        var crc = new byte[4];
        BinaryPrimitives.WriteUInt32BigEndian(crc, ~_crc);
        return Convert.ToBase64String(crc);
    }

    private void Append(ReadOnlySpan<byte> bytes)
    {
        _bytes += bytes.Length;
        for (; bytes.Length >= sizeof(ulong); bytes = bytes[sizeof(ulong)..])
        {
            _crc = BitOperations.Crc32C(_crc, BinaryPrimitives.ReadUInt64LittleEndian(bytes));
        }

        foreach (var b in bytes)
        {
            _crc = BitOperations.Crc32C(_crc, b);
        }
    }

    [System.Diagnostics.CodeAnalysis.SuppressMessage("Security", "CA5351", Justification = "Content-MD5 is what the protocol checks a write by; nothing secret rests on it.")]
    private static byte[] Md5(ReadOnlySpan<byte> bytes) => MD5.HashData(bytes);
}
