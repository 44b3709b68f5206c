using System.Buffers;
using System.Buffers.Binary;
using System.Globalization;
using System.Numerics;
using System.Runtime.ExceptionServices;
using System.Security.Cryptography;
using System.Text;
using System.Xml.Linq;

namespace Etl.Plugins.Gcs;

/// <summary>What was sent of an object.</summary>
/// <param name="Bytes">How many.</param>
/// <param name="Sha256">Of all of them, in lower case hex.</param>
/// <param name="Crc32C">As the store tells it of what it has, in Base64.</param>
internal sealed record Sent(long Bytes, string Sha256, string Crc32C);

/// <summary>Writes one object: by one request if it is small, otherwise in parts, of which some are under way at a time. What fails leaves no part behind.</summary>
internal sealed class GcsUpload(GcsClient client, string path, int partSize)
{
    private const int PartsAtATime = 4;
    private static readonly TimeSpan TimeToAbort = TimeSpan.FromSeconds(30);

    private readonly IncrementalHash _hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
    private uint _crc = uint.MaxValue;
    private long _bytes;

    /// <summary>Writes all of the stream, and says what that was. Called once.</summary>
    public async Task<Sent> WriteAsync(Stream content, CancellationToken cancel)
    {
        var first = ArrayPool<byte>.Shared.Rent(partSize);
        var length = await FillAsync(content, first, cancel);
        if (length == partSize)
        {
            await InPartsAsync(content, first, cancel);
        }
        else
        {
            try
            {
                await client.SendOffAsync(Put(path, first.AsMemory(0, length)), cancel);
            }
            finally
            {
                ArrayPool<byte>.Shared.Return(first);
            }
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

    private async Task InPartsAsync(Stream content, byte[] first, CancellationToken cancel)
    {
        var upload = (await client.SendForXmlAsync(new(HttpMethod.Post, path) { Query = [("uploads", "")] }, cancel)).Elements().First(e => e.Name.LocalName == "UploadId").Value;
        var parts = new List<Task<XElement>>();
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        using var places = new SemaphoreSlim(PartsAtATime);
        try
        {
            var (buffer, length) = (first, partSize);
            while (length > 0)
            {
                await places.WaitAsync(stop.Token);
                parts.Add(SendAsync(upload, parts.Count + 1, buffer, length, places, stop));
                if (length < partSize)
                {
                    break;
                }

                buffer = ArrayPool<byte>.Shared.Rent(partSize);
                length = await FillAsync(content, buffer, stop.Token);
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

    private async Task<XElement> SendAsync(string upload, int number, byte[] buffer, int length, SemaphoreSlim places, CancellationTokenSource stop)
    {
        try
        {
            await Task.Yield();
            var text = number.ToString(CultureInfo.InvariantCulture);
            using var answer = await client.SendAsync(Put(path, buffer.AsMemory(0, length)) with { Query = [("partNumber", text), ("uploadId", upload)] }, stop.Token);
            return new XElement("Part", new XElement("PartNumber", text), new XElement("ETag", answer.Headers.ETag?.Tag));
        }
        catch
        {
            await stop.CancelAsync();
            throw;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
            places.Release();
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

    private async Task<int> FillAsync(Stream content, byte[] buffer, CancellationToken cancel)
    {
        try
        {
            var length = await content.ReadAtLeastAsync(buffer.AsMemory(0, partSize), partSize, throwOnEndOfStream: false, cancel);
            _hash.AppendData(buffer, 0, length);
            Append(buffer.AsSpan(0, length));
            _bytes += length;
            return length;
        }
        catch
        {
            ArrayPool<byte>.Shared.Return(buffer);
            throw;
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
