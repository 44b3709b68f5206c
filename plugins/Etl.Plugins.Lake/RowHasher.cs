using System.Buffers.Binary;
using System.Numerics;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using Apache.Arrow;
using Apache.Arrow.Types;

namespace Etl.Plugins.Lake;

/// <summary>
/// 128-bit hashes of rows, over a canonical form of chosen columns: SipHash-2-4 (https://www.aumasson.jp/siphash/siphash.pdf, with the
/// 128-bit output of the reference code) under a random key. Equal rows have equal hashes; for others to meet, 2^64 rows are
/// needed, also where somebody chooses the values, as the key is not known. So equal hashes are taken for equal rows.
/// </summary>
internal sealed class RowHasher
{
    private readonly ulong _k0;
    private readonly ulong _k1;

    /// <summary>A hasher with a key of its own; hashes of two hashers cannot be compared.</summary>
    public RowHasher()
    {
        Span<byte> key = stackalloc byte[16];
        RandomNumberGenerator.Fill(key);
        (_k0, _k1) = (BinaryPrimitives.ReadUInt64LittleEndian(key), BinaryPrimitives.ReadUInt64LittleEndian(key[8..]));
    }

    /// <summary>For tests of the algorithm.</summary>
    internal RowHasher(ulong k0, ulong k1) => (_k0, _k1) = (k0, k1);

    /// <summary>Hashes of the first rows, one for each place in <paramref name="hashes"/>; a null column counts as one that is NULL in every row.</summary>
    public void Hash(IReadOnlyList<IArrowArray?> columns, Span<UInt128> hashes)
    {
        var buffer = new RowBytes();
        for (var row = 0; row < hashes.Length; row++)
        {
            buffer.Clear();
            foreach (var column in columns)
            {
                Encode(column, row, buffer);
            }

            hashes[row] = Hash(buffer.Written);
        }
    }

    /// <summary>SipHash-2-4-128 of bytes.</summary>
    internal UInt128 Hash(ReadOnlySpan<byte> bytes)
    {
        var v0 = _k0 ^ 0x736f6d6570736575;
        var v1 = _k1 ^ 0x646f72616e646f6d ^ 0xee;
        var v2 = _k0 ^ 0x6c7967656e657261;
        var v3 = _k1 ^ 0x7465646279746573;
        var last = (ulong)bytes.Length << 56;
        for (; bytes.Length >= 8; bytes = bytes[8..])
        {
            var word = BinaryPrimitives.ReadUInt64LittleEndian(bytes);
            v3 ^= word;
            Rounds(2, ref v0, ref v1, ref v2, ref v3);
            v0 ^= word;
        }

        for (var i = 0; i < bytes.Length; i++)
        {
            last |= (ulong)bytes[i] << (8 * i);
        }

        v3 ^= last;
        Rounds(2, ref v0, ref v1, ref v2, ref v3);
        v0 ^= last;
        v2 ^= 0xee;
        Rounds(4, ref v0, ref v1, ref v2, ref v3);
        var low = v0 ^ v1 ^ v2 ^ v3;
        v1 ^= 0xdd;
        Rounds(4, ref v0, ref v1, ref v2, ref v3);
        return new UInt128(v0 ^ v1 ^ v2 ^ v3, low);
    }

    private static void Rounds(int count, ref ulong v0, ref ulong v1, ref ulong v2, ref ulong v3)
    {
        for (var i = 0; i < count; i++)
        {
            v0 += v1;
            v1 = BitOperations.RotateLeft(v1, 13) ^ v0;
            v0 = BitOperations.RotateLeft(v0, 32);
            v2 += v3;
            v3 = BitOperations.RotateLeft(v3, 16) ^ v2;
            v0 += v3;
            v3 = BitOperations.RotateLeft(v3, 21) ^ v0;
            v2 += v1;
            v1 = BitOperations.RotateLeft(v1, 17) ^ v2;
            v2 = BitOperations.RotateLeft(v2, 32);
        }
    }

    // One byte for NULL or not; fixed-width values as they are; text, binary and lists after their length. No two rows have one form.
    private static void Encode(IArrowArray? array, int row, RowBytes buffer)
    {
        if (array is null || array.IsNull(row))
        {
            buffer.Add(0);
            return;
        }

        buffer.Add(1);
        var data = array.Data;
        var at = data.Offset + row;
        switch (data.DataType)
        {
            case BooleanType:
                buffer.Add(BitUtility.GetBit(data.Buffers[1].Span, at) ? (byte)1 : (byte)0);
                break;
            case StringType or BinaryType:
                var offsets = MemoryMarshal.Cast<byte, int>(data.Buffers[1].Span).Slice(at, 2);
                buffer.AddLength(offsets[1] - offsets[0]);
                buffer.Add(data.Buffers[2].Span[offsets[0]..offsets[1]]);
                break;
            case ListType:
                var list = (ListArray)array;
                var (start, end) = (list.ValueOffsets[row], list.ValueOffsets[row + 1]);
                buffer.AddLength(end - start);
                for (var item = start; item < end; item++)
                {
                    Encode(list.Values, item, buffer);
                }

                break;
            case FixedWidthType type:
                var width = type.BitWidth / 8;
                buffer.Add(data.Buffers[1].Span.Slice(at * width, width));
                break;
            default:
                throw new InvalidOperationException($"no canonical form of {data.DataType.Name}");
        }
    }

    private sealed class RowBytes
    {
        private byte[] _bytes = new byte[256];
        private int _length;

        public ReadOnlySpan<byte> Written => _bytes.AsSpan(0, _length);

        public void Clear() => _length = 0;

        public void Add(byte value)
        {
            Reserve(1);
            _bytes[_length++] = value;
        }

        public void AddLength(int length)
        {
            Reserve(4);
            BinaryPrimitives.WriteInt32LittleEndian(_bytes.AsSpan(_length), length);
            _length += 4;
        }

        public void Add(ReadOnlySpan<byte> bytes)
        {
            Reserve(bytes.Length);
            bytes.CopyTo(_bytes.AsSpan(_length));
            _length += bytes.Length;
        }

        private void Reserve(int bytes)
        {
            if (_length + bytes > _bytes.Length)
            {
                System.Array.Resize(ref _bytes, Math.Max(_length + bytes, _bytes.Length * 2));
            }
        }
    }
}
