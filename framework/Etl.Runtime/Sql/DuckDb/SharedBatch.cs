using System.Buffers;
using System.Runtime.InteropServices;
using Apache.Arrow;

namespace Etl.DuckDb;

/// <summary><c>struct ArrowArray</c> of the Arrow C data interface.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct CArray
{
    public long Length;
    public long NullCount;
    public long Offset;
    public long BufferCount;
    public long ChildCount;
    public void** Buffers;
    public CArray** Children;
    public CArray* Dictionary;
    public delegate* unmanaged<CArray*, void> Release;
    public void* PrivateData;
}

/// <summary>
/// A batch that is lent out in windows, each a shallow array that points into it. It is disposed when the last holder lets go:
/// the maker holds it once, every window once.
/// </summary>
internal sealed unsafe class SharedBatch
{
    private readonly RecordBatch _batch;
    private readonly List<MemoryHandle> _pins;
    private readonly GCHandle _self;
    private readonly CArray* _columns;
    private int _holders = 1;

    public SharedBatch(RecordBatch batch)
    {
        _batch = batch;
        _pins = new List<MemoryHandle>(batch.ColumnCount * 3);
        _self = GCHandle.Alloc(this);
        _columns = (CArray*)NativeMemory.AllocZeroed((nuint)Math.Max(1, batch.ColumnCount), (nuint)sizeof(CArray));
        for (var i = 0; i < batch.ColumnCount; i++)
        {
            Fill(_columns + i, batch.Column(i).Data);
        }
    }

    /// <summary>Rows.</summary>
    public int Length => _batch.Length;

    /// <summary>Writes to <paramref name="target"/> a struct array of one column's rows; whoever takes it calls its release.</summary>
    public void Window(int column, int offset, int rows, CArray* target)
    {
        Interlocked.Increment(ref _holders);
        var block = (WindowBlock*)NativeMemory.AllocZeroed((nuint)sizeof(WindowBlock));
        block->Owner = GCHandle.ToIntPtr(_self);
        block->Column = _columns[column];
        block->Column.Length = rows;
        block->Column.Offset += offset;
        block->Column.NullCount = block->Column.NullCount == 0 ? 0 : -1;
        block->Column.Release = &ReleaseNothing;
        block->Children = &block->Column;
        *target = new CArray
        {
            Length = rows,
            BufferCount = 1,
            ChildCount = 1,
            Buffers = &block->Buffers,
            Children = &block->Children,
            Release = &ReleaseWindow,
            PrivateData = block,
        };
    }

    /// <summary>One holder lets go.</summary>
    public void Release()
    {
        if (Interlocked.Decrement(ref _holders) > 0)
        {
            return;
        }

        for (var i = 0; i < _batch.ColumnCount; i++)
        {
            FreeContent(_columns + i);
        }

        NativeMemory.Free(_columns);
        foreach (var pin in _pins)
        {
            pin.Dispose();
        }

        _batch.Dispose();
        _self.Free();
    }

    private void Fill(CArray* target, ArrayData data)
    {
        target->Length = data.Length;
        target->NullCount = data.NullCount;
        target->Offset = data.Offset;
        target->BufferCount = data.Buffers.Length;
        target->Buffers = (void**)NativeMemory.AllocZeroed((nuint)data.Buffers.Length, (nuint)sizeof(void*));
        for (var i = 0; i < data.Buffers.Length; i++)
        {
            if (!data.Buffers[i].IsEmpty)
            {
                var pin = data.Buffers[i].Memory.Pin();
                _pins.Add(pin);
                target->Buffers[i] = pin.Pointer;
            }
        }

        var children = data.Children ?? [];
        target->ChildCount = children.Length;
        target->Children = (CArray**)NativeMemory.AllocZeroed((nuint)Math.Max(1, children.Length), (nuint)sizeof(CArray*));
        for (var i = 0; i < children.Length; i++)
        {
            target->Children[i] = (CArray*)NativeMemory.AllocZeroed((nuint)sizeof(CArray));
            target->Children[i]->Release = &ReleaseNothing;
            Fill(target->Children[i], children[i]);
        }
    }

    private static void FreeContent(CArray* array)
    {
        for (var i = 0; i < array->ChildCount; i++)
        {
            FreeContent(array->Children[i]);
            NativeMemory.Free(array->Children[i]);
        }

        NativeMemory.Free(array->Children);
        NativeMemory.Free(array->Buffers);
    }

    // The consumer may have moved the struct: only its private data is sure to be the block.
    [UnmanagedCallersOnly]
    private static void ReleaseWindow(CArray* window)
    {
        var block = (WindowBlock*)window->PrivateData;
        var owner = (SharedBatch)GCHandle.FromIntPtr(block->Owner).Target!;
        window->Release = null;
        NativeMemory.Free(block);
        owner.Release();
    }

    [UnmanagedCallersOnly]
    private static void ReleaseNothing(CArray* array) => array->Release = null;

    [StructLayout(LayoutKind.Sequential)]
    private struct WindowBlock
    {
        public nint Owner;
        public void* Buffers;
        public CArray* Children;
        public CArray Column;
    }
}
