using System.Diagnostics;
using System.Text;

namespace Etl.Model.Tests.Protocol;

/// <summary>
/// The project's folder, and what a killed process leaves of it: a copy at the instant of the kill, which takes the folder's place when the run has
/// unwound. So the run's clean-up happens where nobody will look, and its open transactions and locks end as the system would end them. What
/// this cannot imitate is other threads that write during the copy, and memory; the command line, killed, does.
/// </summary>
internal sealed class Disk : IDisposable
{
    private static readonly string Fast = Directory.Exists("/dev/shm") ? "/dev/shm" : Path.GetTempPath();
    private readonly string _root = Path.Combine(Fast, $"etl-model-{Guid.NewGuid():N}");

    public Disk() => Directory.CreateDirectory(Folder);

    public string Folder => Path.Combine(_root, "project");

    private string Image => Path.Combine(_root, "image");

    public void Write(string name, string text)
    {
        var path = Path.Combine(Folder, name);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllBytes(path, Encoding.UTF8.GetBytes(text));
    }

    /// <summary>Keeps the folder as it is now. By another process: closing a file in this one would give SQLite's locks on it back.</summary>
    public void Freeze()
    {
        using var copy = Process.Start("cp", ["-a", Folder, Image]);
        copy.WaitForExit();
        if (copy.ExitCode != 0)
        {
            throw new InvalidOperationException($"cp ended with {copy.ExitCode}");
        }
    }

    /// <summary>Goes back to what was kept.</summary>
    public void Thaw()
    {
        Directory.Delete(Folder, recursive: true);
        Directory.Move(Image, Folder);
    }

    public void Dispose() => Directory.Delete(_root, recursive: true);
}
