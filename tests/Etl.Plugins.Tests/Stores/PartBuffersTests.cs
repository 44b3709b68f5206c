using System.Security.Cryptography;
using Etl.Contracts;
using NUnit.Framework;

namespace Etl.Plugins.Tests.Stores;

/// <summary>What uploads hold in memory: the whole of each stream passes, never more parts than were said, and what breaks gives its room back.</summary>
public sealed class PartBuffersTests
{
    private const int PartBytes = 1_000;

    [TestCase(0, 0)]
    [TestCase(999, 1)]
    [TestCase(1_000, 1)]
    [TestCase(1_001, 2)]
    [TestCase(3_000, 3)]
    public async Task Parts_make_up_the_stream_and_none_is_empty(int length, int parts)
    {
        var buffers = new PartBuffers(PartBytes);
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        await using var content = new MadeStream(1, length);
        using var first = await buffers.FillAsync(content, hash, default);
        Assert.That(first.IsLast, Is.EqualTo(length < PartBytes));
        using var seen = new MemoryStream();
        var count = 0;
        await foreach (var part in buffers.FromAsync(first, content, hash, default))
        {
            using (part)
            {
                count++;
                await using var bytes = part.Open();
                await bytes.CopyToAsync(seen);
            }
        }

        Assert.That(count, Is.EqualTo(parts));
        Assert.That(Convert.ToHexString(SHA256.HashData(seen.ToArray())), Is.EqualTo(MadeStream.DigestOf(1, length)));
        Assert.That(Convert.ToHexString(hash.GetHashAndReset()), Is.EqualTo(MadeStream.DigestOf(1, length)));
    }

    [Test]
    public async Task Many_uploads_hold_no_more_parts_than_one_and_all_of_them_end()
    {
        const int Count = 3;
        var buffers = new PartBuffers(PartBytes, Count);
        var (held, most) = (0, 0);
        await Task.WhenAll(Enumerable.Range(0, 20).Select(n => Task.Run(() => UploadAsync(n))));
        Assert.That(most, Is.InRange(2, Count));

        async Task UploadAsync(int n)
        {
            using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
            // Each third breaks in its midst.
            await using var content = new MadeStream(n, 10_500) { BreaksAfter = n % 3 == 0 ? 2_500 : int.MaxValue };
            var sent = new List<Task>();
            try
            {
                using var first = await buffers.FillAsync(content, hash, default);
                await foreach (var part in buffers.FromAsync(first, content, hash, default))
                {
                    sent.Add(SendAsync(part));
                }
            }
            catch (IOException) when (n % 3 == 0)
            {
                // As it was made to.
            }

            await Task.WhenAll(sent);
        }

        async Task SendAsync(PartBuffers.Part part)
        {
            using (part)
            {
                var now = Interlocked.Increment(ref held);
                lock (buffers)
                {
                    most = Math.Max(most, now);
                }

                await Task.Delay(2);
                Interlocked.Decrement(ref held);
            }
        }
    }

    [Test]
    public async Task A_part_that_was_given_back_holds_nothing()
    {
        var buffers = new PartBuffers(PartBytes, 1);
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var part = await buffers.FillAsync(new MadeStream(1, 10), hash, default);
        part.Dispose();
        part.Dispose();
        Assert.That(() => part.Bytes, Throws.TypeOf<ObjectDisposedException>());
        using var next = await buffers.FillAsync(new MadeStream(1, 10), hash, default);
        using var soon = new CancellationTokenSource(TimeSpan.FromMilliseconds(100));
        Assert.That(async () => await buffers.FillAsync(new MadeStream(1, 10), hash, soon.Token), Throws.InstanceOf<OperationCanceledException>(), "given back twice, it made room for one");
    }
}
