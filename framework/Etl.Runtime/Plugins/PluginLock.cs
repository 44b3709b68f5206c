using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using Etl.Contracts;
using Etl.Runtime.Definition;

namespace Etl.Runtime.Plugins;

/// <summary>
/// <c>plugins.lock</c> beside <c>etl.yaml</c>: the SHA-256 of every file of every plugin that does not come with the program, so that what was
/// reviewed is what runs. A plugin is loaded from a private copy, made of the very bytes whose hashes were compared: a file that is changed
/// between the check and the load changes nothing.
/// </summary>
public sealed class PluginLock
{
    /// <summary>The file's name.</summary>
    public const string FileName = "plugins.lock";

    private const int CurrentVersion = 1;

    private static readonly JsonSerializerOptions Json = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        RespectRequiredConstructorParameters = true,
        RespectNullableAnnotations = true,
        UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
        WriteIndented = true,
        NewLine = "\n",
    };

    private readonly SortedDictionary<string, SortedDictionary<string, string>> _plugins;
    private readonly string _copies;

    private PluginLock(SortedDictionary<string, SortedDictionary<string, string>> plugins, string copies) => (_plugins, _copies) = (plugins, copies);

    // By plugin, then by file.
    private sealed record Document(int Version, SortedDictionary<string, SortedDictionary<string, string>> Plugins);

    /// <summary>The lock of a project; null when it has none. ETL5023: the file is damaged or of a newer version.</summary>
    /// <param name="projectFolder">Holds the file.</param>
    /// <param name="stateFolder">Private copies go below it.</param>
    public static PluginLock? Read(string projectFolder, string stateFolder)
    {
        var path = Path.Combine(projectFolder, FileName);
        if (!File.Exists(path))
        {
            return null;
        }

        try
        {
            var document = JsonSerializer.Deserialize<Document>(File.ReadAllBytes(path), Json) ?? throw new JsonException("it holds null");
            if (document.Plugins.Values.Any(files => files is null || files.Values.Any(hash => hash is null)))
            {
                throw new JsonException("it holds null");
            }

            return document.Version == CurrentVersion
                ? new PluginLock(new(document.Plugins, StringComparer.Ordinal), Path.Combine(stateFolder, "plugins"))
                : throw Unreadable(path, $"it has version {document.Version}, and this program reads {CurrentVersion}", null);
        }
        catch (JsonException e)
        {
            throw Unreadable(path, e.Message, e);
        }
    }

    /// <summary>The text of a lock for these plugins' folders.</summary>
    public static string Write(IEnumerable<string> folders)
    {
        var plugins = new SortedDictionary<string, SortedDictionary<string, string>>(StringComparer.Ordinal);
        foreach (var folder in folders)
        {
            plugins.Add(Path.GetFileName(folder), new(PluginFiles.List(folder).ToDictionary(f => f, f => Hash(File.ReadAllBytes(Path.Combine(folder, f)))), StringComparer.Ordinal));
        }

        return JsonSerializer.Serialize(new Document(CurrentVersion, plugins), Json) + "\n";
    }

    /// <summary>
    /// The folder from which a plugin is to be loaded: a private copy of one that is as the lock says. ETL5024: the lock does not have it;
    /// ETL5025: it has other files.
    /// </summary>
    public string Seal(string folder)
    {
        var name = Path.GetFileName(folder);
        if (!_plugins.TryGetValue(name, out var locked))
        {
            throw new EtlException("ETL5024", $"the plugin '{name}' in '{folder}' is not in {FileName}", "If it is meant to be used, review it and run `etl plugins lock`.");
        }

        var files = PluginFiles.List(folder).ToDictionary(file => file, file => File.ReadAllBytes(Path.Combine(folder, file)), StringComparer.Ordinal);
        Compare(name, files, locked);
        var digest = Hash(Encoding.UTF8.GetBytes(string.Concat(locked.Select(f => $"{f.Key}\n{f.Value}\n"))))[..16];
        var copy = Path.Combine(_copies, digest, name);
        if (!IsWhole(copy, locked))
        {
            Place(copy, files);
        }

        return copy;
    }

    private static void Compare(string name, Dictionary<string, byte[]> files, SortedDictionary<string, string> locked)
    {
        List<string> differences =
        [
            .. files.Where(f => locked.TryGetValue(f.Key, out var hash) && hash != Hash(f.Value)).Select(f => $"'{f.Key}' has other content"),
            .. files.Keys.Except(locked.Keys).Select(f => $"'{f}' is not in it"),
            .. locked.Keys.Except(files.Keys).Select(f => $"'{f}' is missing"),
        ];
        if (differences.Count > 0)
        {
            throw new EtlException("ETL5025", $"the plugin '{name}' is not what {FileName} says: {string.Join(", ", differences.Take(5))}{(differences.Count > 5 ? $" and {differences.Count - 5} more" : "")}", "If it was updated on purpose, review it and run `etl plugins lock`; otherwise find out who changed it.");
        }
    }

    // A copy that was cut off, or touched since, is made anew.
    private static bool IsWhole(string copy, SortedDictionary<string, string> locked) =>
        Directory.Exists(copy)
        && PluginFiles.List(copy).SequenceEqual(locked.Keys.Order(StringComparer.Ordinal))
        && locked.All(f => Hash(File.ReadAllBytes(Path.Combine(copy, f.Key))) == f.Value);

    private static void Place(string copy, Dictionary<string, byte[]> files)
    {
        var parent = PrivateFolder.Create(Path.GetDirectoryName(copy)!);
        var next = PrivateFolder.Create(Path.Combine(parent, $".next-{Guid.NewGuid():N}"));
        foreach (var (file, bytes) in files)
        {
            var path = Path.Combine(next, file);
            PrivateFolder.Create(Path.GetDirectoryName(path)!);
            File.WriteAllBytes(path, bytes);
        }

        if (Directory.Exists(copy))
        {
            Directory.Delete(copy, recursive: true);
        }

        try
        {
            Directory.Move(next, copy);
        }
        catch (IOException) when (Directory.Exists(copy))
        {
            // Another process placed the same bytes at this moment.
            Directory.Delete(next, recursive: true);
        }
    }

    private static string Hash(byte[] bytes) => Convert.ToHexStringLower(SHA256.HashData(bytes));

    private static EtlException Unreadable(string path, string why, Exception? inner) =>
        new("ETL5023", $"'{path}' cannot be read: {why}", "Take it from version control again, or make it anew with `etl plugins lock` after a review of the plugins.", inner);
}
