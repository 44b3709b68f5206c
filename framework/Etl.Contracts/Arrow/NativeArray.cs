using System.Runtime.InteropServices;

namespace Etl.Contracts.Arrow;

/// <summary>
/// <c>struct ArrowArray</c> of the Arrow C data interface, whose buffers come from <see cref="NativeMemory.AlignedAlloc"/> and are freed by
/// its release callback. Layout and rules: https://arrow.apache.org/docs/format/CDataInterface.html.
/// </summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct NativeArray
{
    public long Length;
    public long NullCount;
    public long Offset;
    public long BufferCount;
    public long ChildCount;
    public void** Buffers;
    public NativeArray** Children;
    public NativeArray* Dictionary;
    public delegate* unmanaged<NativeArray*, void> Release;
    public void* PrivateData;

    public static void Init(NativeArray* array, long length, long nullCount, int buffers, int children)
    {
        *array = default;
        array->Length = length;
        array->NullCount = nullCount;
        array->BufferCount = buffers;
        array->ChildCount = children;
        array->Buffers = (void**)NativeMemory.AllocZeroed((nuint)buffers, (nuint)sizeof(void*));
        if (children > 0)
        {
            array->Children = (NativeArray**)NativeMemory.AllocZeroed((nuint)children, (nuint)sizeof(NativeArray*));
            for (var i = 0; i < children; i++)
            {
                array->Children[i] = (NativeArray*)NativeMemory.AllocZeroed((nuint)sizeof(NativeArray));
            }
        }

        array->Release = &Free;
    }

    public static void* Allocate(long bytes) => NativeMemory.AlignedAlloc((nuint)Math.Max(64, bytes), 64);

    public static void* Grow(void* buffer, long used, long bytes)
    {
        var larger = Allocate(bytes);
        if (buffer is not null)
        {
            Buffer.MemoryCopy(buffer, larger, bytes, used);
            NativeMemory.AlignedFree(buffer);
        }

        return larger;
    }

    [UnmanagedCallersOnly]
    private static void Free(NativeArray* array)
    {
        for (var i = 0; i < array->BufferCount; i++)
        {
            NativeMemory.AlignedFree(array->Buffers[i]);
        }

        NativeMemory.Free(array->Buffers);
        for (var i = 0; i < array->ChildCount; i++)
        {
            var child = array->Children[i];
            if (child->Release is not null)
            {
                child->Release(child);
            }

            NativeMemory.Free(child);
        }

        NativeMemory.Free(array->Children);
        array->Release = null;
    }
}
