namespace Etl.Runtime.Execution;

/// <summary>
/// A project's <c>tmp</c> in the state folder, held by each run as long as it lives. Runs that were killed leave files there; the first
/// run that finds nobody else in it clears it. The system gives a dead process's hold back, so nothing depends on clocks or process ids.
/// </summary>
internal sealed class TemporaryFolder : IDisposable
{
    private readonly FileStream _held;

    private TemporaryFolder(FileStream held) => _held = held;

    /// <summary>Clears the folder if no other run is in it, and holds it.</summary>
    public static TemporaryFolder Hold(string stateFolder)
    {
        var folder = Directory.CreateDirectory(Path.Combine(stateFolder, "tmp")).FullName;
        var door = Path.Combine(folder, ".held");
        try
        {
            using var alone = new FileStream(door, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
            Clear(folder, door);
        }
        catch (IOException)
        {
            // Another run is in it: what lies there may be its own.
        }

        return new TemporaryFolder(Enter(door));
    }

    public void Dispose() => _held.Dispose();

    // Another run may be clearing at this moment, which is short.
    private static FileStream Enter(string door)
    {
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                return new FileStream(door, FileMode.OpenOrCreate, FileAccess.Read, FileShare.Read);
            }
            catch (IOException) when (attempt < 200)
            {
                Thread.Sleep(50);
            }
        }
    }

    private static void Clear(string folder, string door)
    {
        foreach (var entry in new DirectoryInfo(folder).EnumerateFileSystemInfos().Where(e => e.FullName != door))
        {
            if (entry is DirectoryInfo inner)
            {
                inner.Delete(recursive: true);
            }
            else
            {
                entry.Delete();
            }
        }
    }
}
