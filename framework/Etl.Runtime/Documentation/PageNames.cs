using System.Text;
using Etl.Runtime.Compilation.Lineage;

namespace Etl.Runtime.Documentation;

/// <summary>
/// What pages and the nodes of charts are called: as what they are about, as far as its characters go. Where two would be called the same, on a disk that ignores
/// case too, each gets a part that only it has. What is added to a project changes no other name than that.
/// </summary>
internal sealed class PageNames
{
    public const string Index = "README.md";

    private const int LongestName = 100;

    private readonly Dictionary<object, string> _pages = [];
    private readonly Dictionary<object, string> _nodes = [];

    public PageNames(DataDictionary dictionary)
    {
        Add(dictionary.Pipelines, p => p.Id, p => p.Id, "pipelines/", ".md", "p_");
        Add(dictionary.Datasets, d => d.Dataset.Connection is null ? d.Dataset.Name : $"{d.Dataset.Connection}.{d.Dataset.Name}", d => $"{d.Dataset.Connection}\n{d.Dataset.Name}", "datasets/", ".md", "d_");
    }

    /// <summary>The path of a page in the folder of all, with <c>/</c>.</summary>
    public string PageOf(object thing) => _pages[thing];

    /// <summary>Letters, digits and <c>_</c>.</summary>
    public string NodeOf(object thing) => _nodes[thing];

    /// <summary>The way from one page to another.</summary>
    public static string Relative(string from, string to)
    {
        var folder = from[..(from.LastIndexOf('/') + 1)];
        return folder.Length > 0 && to.StartsWith(folder, StringComparison.Ordinal) ? to[folder.Length..] : string.Concat(Enumerable.Repeat("../", from.Count(c => c == '/'))) + to;
    }

    private void Add<T>(IReadOnlyList<T> things, Func<T, string> name, Func<T, string> identity, string folder, string extension, string prefix) where T : notnull
    {
        Give(_pages, "-", "-_.", folder, extension);
        Give(_nodes, "_", "_", prefix, "");

        void Give(Dictionary<object, string> names, string instead, string allowed, string before, string after)
        {
            foreach (var same in things.GroupBy(t => Slug(name(t), instead, allowed), StringComparer.OrdinalIgnoreCase))
            {
                var isShared = same.Skip(1).Any() || same.Key.Length is 0 or > LongestName;
                foreach (var thing in same)
                {
                    var slug = Slug(name(thing), instead, allowed);
                    names.Add(thing, $"{before}{(isShared ? $"{slug[..Math.Min(slug.Length, LongestName)]}{instead}{Flow.Hash(identity(thing))[..8]}" : slug)}{after}");
                }
            }
        }
    }

    // A run of characters that cannot be in a name is one that can; none stand at the ends.
    private static string Slug(string name, string instead, string allowed)
    {
        var slug = new StringBuilder();
        foreach (var c in name)
        {
            if (char.IsAsciiLetterOrDigit(c) || allowed.Contains(c, StringComparison.Ordinal))
            {
                // clicks/**/*.json is clicks.json.
                slug.Length -= c == '.' && slug.Length > 0 && slug[^1] == instead[0] ? 1 : 0;
                slug.Append(c);
            }
            else if (slug.Length > 0 && slug[^1] != instead[0])
            {
                slug.Append(instead);
            }
        }

        return slug.ToString().Trim('-', '.');
    }
}
