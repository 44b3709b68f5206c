using System.Text;
using Etl.Contracts;

namespace Etl.Runtime.Documentation;

/// <summary>What a page on the disk is, next to what the project says.</summary>
public enum PageState
{
    /// <summary>It is not there yet.</summary>
    Missing,

    /// <summary>It says something else.</summary>
    Stale,

    /// <summary>What it was about is gone from the project.</summary>
    Left,
}

/// <summary>A page that is not as the project says.</summary>
/// <param name="Path">In the folder of pages, with <c>/</c>.</param>
/// <param name="State">What it is.</param>
/// <param name="Line">The first line that differs, from 1; 0 unless it is stale.</param>
/// <param name="Is">What stands there; null for the end of the page.</param>
/// <param name="ShouldBe">What should; null for the end of the page.</param>
public sealed record PageChange(string Path, PageState State, int Line = 0, string? Is = null, string? ShouldBe = null);

/// <summary>A folder that pages are written into, beside whatever else it holds: only what has their marker is ever replaced or removed.</summary>
/// <param name="folder">Absolute; it need not exist.</param>
/// <param name="shown">The folder as a person named it.</param>
internal sealed class PageFolder(string folder, string shown)
{
    // Where pages are, the folder itself first.
    private static readonly IReadOnlyList<string> Folders = ["", "pipelines", "datasets"];

    /// <summary>The pages that differ, by path. ETL6042: a file that is no page of ours stands where one belongs. ETL6044: the folder cannot be read.</summary>
    public IReadOnlyList<PageChange> Compare(IReadOnlyDictionary<string, string> pages) => Guarded("read", IReadOnlyList<PageChange> () =>
    {
        var changes = new List<PageChange>();
        foreach (var (path, text) in pages)
        {
            if (!File.Exists(Of(path)))
            {
                changes.Add(Directory.Exists(Of(path)) ? throw InTheWay(path) : new PageChange(path, PageState.Missing));
            }
            else if (Read(path) is { } there)
            {
                changes.AddRange(Difference(path, there, text) is { } change ? [change] : []);
            }
            else
            {
                throw InTheWay(path);
            }
        }

        changes.AddRange(Folders.Where(f => Directory.Exists(Of(f))).SelectMany(f => Directory.EnumerateFiles(Of(f), "*.md"))
            .Select(file => Path.GetRelativePath(folder, file).Replace('\\', '/')).Where(p => !pages.ContainsKey(p) && Read(p) is not null)
            .Select(p => new PageChange(p, PageState.Left)));
        return changes.OrderBy(c => c.Path, StringComparer.Ordinal).ToList();
    });

    /// <summary>Makes the folder as the project says. Each page is whole at any moment. ETL6044: the folder cannot be written.</summary>
    public IReadOnlyList<PageChange> Apply(IReadOnlyDictionary<string, string> pages, IReadOnlyList<PageChange> changes) => Guarded("written", () =>
    {
        foreach (var change in changes)
        {
            if (change.State == PageState.Left)
            {
                File.Delete(Of(change.Path));
                continue;
            }

            Directory.CreateDirectory(Path.GetDirectoryName(Of(change.Path))!);
            var unfinished = Of(change.Path) + ".unfinished";
            File.WriteAllText(unfinished, pages[change.Path], new UTF8Encoding(false));
            File.Move(unfinished, Of(change.Path), overwrite: true);
        }

        return changes;
    });

    // Null for a file without the marker.
    private string? Read(string path) => File.ReadAllText(Of(path)).ReplaceLineEndings("\n") is var text && text.StartsWith(MarkdownPage.Marker + "\n", StringComparison.Ordinal) ? text : null;

    private static PageChange? Difference(string path, string there, string should)
    {
        if (there == should)
        {
            return null;
        }

        var (old, now) = (there.TrimEnd('\n').Split('\n'), should.TrimEnd('\n').Split('\n'));
        var line = old.Zip(now).TakeWhile(l => l.First == l.Second).Count();
        return new PageChange(path, PageState.Stale, line + 1, line < old.Length ? old[line] : null, line < now.Length ? now[line] : null);
    }

    private EtlException InTheWay(string path) => new(
        "ETL6042", $"{shown}/{path} was not written by `etl docs`, and a page belongs there", "Nothing was written. Move it, or name another folder with --out.");

    private string Of(string path) => Path.Combine(folder, path);

    private T Guarded<T>(string what, Func<T> work)
    {
        try
        {
            return work();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new EtlException("ETL6044", $"the pages in {shown} cannot be {what}: {e.Message.Replace(folder, shown, StringComparison.Ordinal)}", "Pages are replaced one by one, each as a whole: when the cause is gone, the same command makes them right.", e);
        }
    }
}
