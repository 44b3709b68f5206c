namespace Etl.Runtime.Definition;

/// <summary>Folders below a project's state folder, which hold rows and code: nobody but their owner may look into them.</summary>
internal static class PrivateFolder
{
    /// <summary>Makes a folder, 0700 where the system has modes; one that is there stays as it is. Its absolute path.</summary>
    public static string Create(string path)
    {
        const UnixFileMode owner = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;
        return (OperatingSystem.IsWindows() ? Directory.CreateDirectory(path) : Directory.CreateDirectory(path, owner)).FullName;
    }

    /// <summary>How to open a new file with rows in it, 0600 where the system has modes.</summary>
    public static FileStreamOptions NewFile(int bufferSize)
    {
        var options = new FileStreamOptions { Mode = FileMode.Create, Access = FileAccess.ReadWrite, Share = FileShare.None, BufferSize = bufferSize };
        if (!OperatingSystem.IsWindows())
        {
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        }

        return options;
    }
}
