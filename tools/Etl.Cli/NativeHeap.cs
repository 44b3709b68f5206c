using System.Runtime.InteropServices;

namespace Etl.Cli;

/// <summary>
/// Settings of the C library's heap, where batches live. By default glibc keeps up to eight heaps for each processor, and a batch that one thread makes and another
/// frees leaves its room in the maker's heap: with two heaps a run holds a fifth less memory, and takes as long.
/// </summary>
internal static unsafe class NativeHeap
{
    private const int MostHeaps = -8;

    /// <summary>To be called before there are threads. Does nothing where the C library is another one.</summary>
    public static void Limit()
    {
        if (OperatingSystem.IsLinux() && NativeLibrary.TryLoad("libc.so.6", out var library) && NativeLibrary.TryGetExport(library, "mallopt", out var mallopt))
        {
            ((delegate* unmanaged<int, int, int>)mallopt)(MostHeaps, 2);
        }
    }
}
