using System.Buffers.Binary;
using Etl.Plugins.Lake;
using NUnit.Framework;

namespace Etl.Plugins.Tests.Lake;

public class RowHasherTests
{
    // Of the reference code's vectors for 128 bits: the key is 00 01 .. 0f, the input the bytes 00, 01, 02, ...
    [TestCase(0, "a3817f04ba25a8e66df67214c7550293")]
    [TestCase(1, "da87c1d86b99af44347659119b22fc45")]
    [TestCase(2, "8177228da4a45dc7fca38bdef60affe4")]
    public void The_hash_is_siphash(int length, string expected)
    {
        var hasher = new RowHasher(0x0706050403020100, 0x0f0e0d0c0b0a0908);
        var bytes = new byte[16];
        BinaryPrimitives.WriteUInt128LittleEndian(bytes, hasher.Hash([.. Enumerable.Range(0, length).Select(i => (byte)i)]));
        Assert.That(Convert.ToHexStringLower(bytes), Is.EqualTo(expected));
    }

    [Test]
    public void Every_length_of_input_has_its_own_hash()
    {
        var hasher = new RowHasher();
        Assert.That(Enumerable.Range(0, 200).Select(n => hasher.Hash(new byte[n])).ToHashSet(), Has.Count.EqualTo(200));
    }
}
