using Etl.Contracts;
using Etl.DuckDb;
using Etl.Runtime.Compilation.Lineage;
using Apache.Arrow.Types;

namespace Etl.Runtime.Documentation;

/// <summary>What each page needs of all: the dictionary, the way to other pages, and words that are the same everywhere.</summary>
/// <param name="Dictionary">What the pages are about.</param>
/// <param name="Names">Of all pages.</param>
/// <param name="Folder">Where the pages lie, absolute.</param>
internal sealed record PageContext(DataDictionary Dictionary, PageNames Names, string Folder)
{
    private bool IsInProject => !Path.GetRelativePath(Dictionary.Project.Folder, Folder).StartsWith("..", StringComparison.Ordinal) && !Path.IsPathRooted(Path.GetRelativePath(Dictionary.Project.Folder, Folder));

    /// <summary>A link to a pipeline's page.</summary>
    public string Link(string from, DocumentedPipeline pipeline) => Markdown.Link(Markdown.Text(pipeline.Id), PageNames.Relative(from, Names.PageOf(pipeline)));

    /// <summary>A link to a data set's page.</summary>
    public string Link(string from, DocumentedDataset dataset) => Markdown.Link(Markdown.Text(dataset.Name), PageNames.Relative(from, Names.PageOf(dataset)));

    /// <summary>A file by its path in the project; linked where the pages lie in the project too, so that the way there is the same on each machine.</summary>
    public string File(string from, string path)
    {
        var shown = Path.GetRelativePath(Dictionary.Project.Folder, Path.GetFullPath(path)).Replace('\\', '/');
        var page = Path.GetDirectoryName(Path.Combine(Folder, from))!;
        return IsInProject ? Markdown.Link(Markdown.Code(shown), Path.GetRelativePath(page, Path.GetFullPath(path)).Replace('\\', '/')) : Markdown.Code(shown);
    }

    /// <summary>The type of a column as SQL writes it, with unit and zone where values have them.</summary>
    public static string TypeOf(IArrowType type) => type switch
    {
        TimestampType { Timezone: { Length: > 0 } zone } => $"timestamp, µs, {zone}",
        TimestampType => "timestamp, µs, no zone",
        Time64Type => "time, µs",
        _ => DuckType.Of(type).ToString().ToLowerInvariant(),
    };

    /// <summary>What is special about a column's values: that there may be none, or that they are its row's key.</summary>
    public static string Trait(bool isNullable, bool isKey) => (isNullable, isKey) switch { (_, true) => "key", (false, _) => "not null", _ => "" };

    /// <summary>A mode as a pipeline writes it, with the key.</summary>
    public static string ModeOf(LoadPlan plan) => $"{Markdown.Code(Options.OptionText.SnakeCase(plan.Mode.ToString()))}{(plan.Key.Count == 0 ? "" : $" by {Markdown.Codes(plan.Key)}")}";

    /// <summary>
    /// The columns that a value comes from: those that give it, then those that decide about it. <paramref name="name"/> gives a column's source as
    /// Markdown; all columns of a source are told in two words.
    /// </summary>
    public static string Origins(ColumnLineage column, Func<string, string> name, Func<string, int> columnsOf)
    {
        var parts = new List<string>();
        if (Sources(column.From.Where(e => e.IsDirect), name, columnsOf) is { Length: > 0 } direct)
        {
            parts.Add(direct);
        }

        foreach (var kind in column.From.Where(e => !e.IsDirect).GroupBy(e => e.Influence).OrderBy(k => k.Key))
        {
            parts.Add($"*{LineageText.Word(kind.Key).Replace('_', ' ')}* {Sources(kind, name, columnsOf)}");
        }

        return string.Join("; ", parts);
    }

    /// <summary>Columns by the stages that yield them.</summary>
    public static string Sources(IEnumerable<LineageEdge> edges, Func<string, string> name, Func<string, int> columnsOf) => string.Join(", ", edges.Select(e => e.From).Distinct().GroupBy(c => c.Stage)
        .Select(s => s.Count() is > 3 and var count && count == columnsOf(s.Key) ? $"all of {name(s.Key)}" : $"{name(s.Key)} {Markdown.Codes(s.Select(c => c.Column))}"));
}
