using System.Buffers.Binary;
using System.Runtime.ExceptionServices;
using System.Security.Cryptography;
using Azure.Storage.Blobs.Models;
using Azure.Storage.Blobs.Specialized;
using Etl.Contracts;

namespace Etl.Plugins.Azure;

/// <summary>
/// A blob of any length from a stream that is read once: several blocks on the way at a time, and none of them seen before the list of them is
/// committed. The service drops the blocks of an upload that failed within a week, or with the next blob of that name; it has no call to drop them.
/// </summary>
internal static class BlockUpload
{
    /// <summary>With the service's limit of 50,000 blocks, blobs of up to 390 GB.</summary>
    public const int BlockBytes = 8 << 20;

    /// <summary>Writes the whole of <paramref name="content"/>, or nothing. Gives its SHA-256 in lower case hex; the service takes no block whose MD5 is another than it was sent with.</summary>
    public static async Task<string> RunAsync(BlockBlobClient blob, PartBuffers buffers, Stream content, CancellationToken cancel)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        using var first = await buffers.FillAsync(content, hash, cancel);
        if (first.IsLast)
        {
            using var whole = first.Open();
            await blob.UploadAsync(whole, new BlobUploadOptions(), cancel);
            return Convert.ToHexStringLower(hash.GetHashAndReset());
        }

        // Two uploads of one name must not mix their blocks, and all ids of a blob have to be of one length.
        var upload = Guid.NewGuid();
        var blocks = new List<string>();
        var onTheWay = new List<Task>();
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        try
        {
            await foreach (var block in buffers.FromAsync(first, content, hash, stop.Token))
            {
                blocks.Add(BlockId(upload, blocks.Count));
                onTheWay.Add(StageAsync(blob, blocks[^1], block, stop));
            }

            await Task.WhenAll(onTheWay);
        }
        catch
        {
            // The first failure is the one to tell; the others end before their client is disposed.
            await stop.CancelAsync();
            await Task.WhenAll(onTheWay).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (onTheWay.Select(b => b.Exception?.InnerException).FirstOrDefault(e => e is not null) is { } failed)
            {
                ExceptionDispatchInfo.Throw(failed);
            }

            throw;
        }

        await blob.CommitBlockListAsync(blocks, new CommitBlockListOptions(), cancel);
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    private static async Task StageAsync(BlockBlobClient blob, string id, PartBuffers.Part block, CancellationTokenSource stop)
    {
        using (block)
        {
            try
            {
                using var bytes = block.Open();
                await blob.StageBlockAsync(id, bytes, new BlockBlobStageBlockOptions(), stop.Token);
            }
            catch
            {
                await stop.CancelAsync();
                throw;
            }
        }
    }

    private static string BlockId(Guid upload, int number)
    {
        Span<byte> id = stackalloc byte[20];
        upload.TryWriteBytes(id);
        BinaryPrimitives.WriteInt32BigEndian(id[16..], number);
        return Convert.ToBase64String(id);
    }
}
