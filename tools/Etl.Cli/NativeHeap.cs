using System.Runtime.InteropServices;

namespace Etl.Cli;

/// <summary>
/// Settings of the C library's heap, where batches live. By default glibc keeps up to eight heaps for each processor, and a batch that one thread makes and another
/// frees leaves its room in the maker's heap: with two heaps a run holds a fifth less memory, and takes as long. It also learns from the first large buffer that is freed to keep
/// such buffers instead of giving them back, and then holds what passed through: a load of 20 million rows by day peaked at 572 MB, and with large buffers given back at 454 MB, for the same
/// processor time.
/// </summary>
internal static unsafe class NativeHeap
{
    private const int TrimThreshold = -1;
    private const int MmapThreshold = -3;
    private const int MostHeaps = -8;

    /// <summary>To be called before there are threads. Does nothing where the C library is another one.</summary>
    public static void Limit()
    {
        if (OperatingSystem.IsLinux() && NativeLibrary.TryLoad("libc.so.6", out var library) && NativeLibrary.TryGetExport(library, "mallopt", out var mallopt))
        {
            var set = (delegate* unmanaged<int, int, int>)mallopt;
            set(MostHeaps, 2);
            // A column of a full batch is larger than this, so that what waits between stages is in nobody's heap.
            set(MmapThreshold, 256 << 10);
            set(TrimThreshold, 1 << 20);
        }
    }
}
