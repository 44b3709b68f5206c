using System.ComponentModel;
using System.Runtime.InteropServices;
using Etl.Contracts;
using Microsoft.Win32.SafeHandles;

namespace Etl.Plugins.Files;

/// <summary>
/// What .NET does not do: fsync whose error is seen (FileStream.Flush(true) ignores EIO), fsync of a folder (a new name is lost in a
/// power cut without it), and link(2), which makes a name only where there is none.
/// </summary>
internal static partial class Durable
{
    private const int Exists = 17; // EEXIST, on Linux, macOS and the BSDs

    private static readonly bool IsUnix = !OperatingSystem.IsWindows();

    /// <summary>The file's bytes are on the disk, or ETL4531.</summary>
    public static void Sync(FileStream file)
    {
        file.Flush(flushToDisk: !IsUnix);
        if (IsUnix)
        {
            SyncHandle(file.SafeFileHandle, file.Name);
        }
    }

    /// <summary>The folder's names are on the disk. Windows journals them by itself.</summary>
    public static void SyncFolder(string folder)
    {
        if (IsUnix)
        {
            using var handle = OpenReadOnly(folder, 0);
            if (handle.IsInvalid)
            {
                throw Failed(folder, Marshal.GetLastPInvokeError());
            }

            SyncHandle(handle, folder);
        }
    }

    /// <summary>Gives a written file its name if there is none of it: false when there is. One atomic step.</summary>
    public static bool PlaceIfAbsent(string temporary, string path)
    {
        if (!IsUnix)
        {
            try
            {
                File.Move(temporary, path, overwrite: false);
                return true;
            }
            catch (IOException) when (File.Exists(path))
            {
                return false;
            }
        }

        if (Link(temporary, path) == 0)
        {
            return true;
        }

        // Whoever placed the name may have removed what was written for it.
        var error = Marshal.GetLastPInvokeError();
        return error is Exists || File.Exists(path) ? false : throw Failed(path, error);
    }

    /// <summary>Makes missing folders, for the owner only, and their names durable. ETL4532: a file stands where one should be.</summary>
    public static void MakeFolder(string folder)
    {
        if (Directory.Exists(folder))
        {
            return;
        }

        if (File.Exists(folder))
        {
            throw new EtlException("ETL4532", $"'{folder}' is a file, and objects of the store need a folder there", "Move the file, or correct root of the connection.");
        }

        var parent = Path.GetDirectoryName(folder)!;
        MakeFolder(parent);
        if (!OperatingSystem.IsWindows())
        {
            Directory.CreateDirectory(folder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        }
        else
        {
            Directory.CreateDirectory(folder);
        }

        SyncFolder(parent);
    }

    /// <summary>A new file for the owner only.</summary>
    public static FileStream Create(string path)
    {
        var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write, Share = FileShare.None, BufferSize = 0 };
        if (!OperatingSystem.IsWindows())
        {
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        }

        return new FileStream(path, options);
    }

    private static void SyncHandle(SafeFileHandle handle, string path)
    {
        if (Fsync(handle) != 0)
        {
            throw Failed(path, Marshal.GetLastPInvokeError());
        }
    }

    private static EtlException Failed(string path, int error) => new(
        "ETL4531", $"'{path}' could not be made durable: {new Win32Exception(error).Message}", "Look at the disk: space, quota, mount options, and whether the file system has hard links.");

    [LibraryImport("libc", EntryPoint = "fsync", SetLastError = true)]
    private static partial int Fsync(SafeFileHandle handle);

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial SafeFileHandle OpenReadOnly(string path, int flags);

    [LibraryImport("libc", EntryPoint = "link", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Link(string from, string to);
}
