using System.Collections.Immutable;
using System.Security.Cryptography;
using System.Text;

namespace Etl.Runtime.Compilation.Lineage;

/// <summary>What is known of a value, or of the rows of a relation, while a query is followed: the source columns behind it, and how it is computed.</summary>
internal sealed record Flow(ImmutableHashSet<LineageEdge> Edges, ImmutableList<string> Stages, bool Opaque, string Formula)
{
    /// <summary>Of no source; <paramref name="text"/> tells it from others.</summary>
    public static Flow Constant(string text) => new([], [], false, Hash(text));

    /// <summary>A column as it leaves its source.</summary>
    public static Flow Source(SourceColumn column, string formula) => new([new LineageEdge(column, Influence.Identity)], [], false, formula);

    /// <summary>Made of parts, each of which bears as <see cref="As"/> has already said.</summary>
    public static Flow Of(IEnumerable<Flow> parts, string text)
    {
        var all = parts.ToList();
        return new Flow(
            [.. all.SelectMany(p => p.Edges)], [.. all.SelectMany(p => p.Stages).Distinct()], all.Exists(p => p.Opaque),
            Hash($"{text}\n{string.Join('\n', all.Select(p => p.Formula))}"));
    }

    /// <summary>
    /// The same columns, bearing in another way: what gave the value now gives it by <paramref name="influence"/>; what only decided about it
    /// still does, and an aggregate stays one.
    /// </summary>
    public Flow As(Influence influence) => this with
    {
        Edges = [.. Edges.Select(e => !e.IsDirect || (e.Influence == Influence.Aggregation && influence <= Influence.Aggregation) ? e : e with { Influence = influence })],
    };

    /// <summary>With the stage that computed it last.</summary>
    public Flow By(string? stage) => stage is null || Stages.Contains(stage) ? this : this with { Stages = Stages.Add(stage) };

    /// <summary>With what bears on it beside its own; its formula stays.</summary>
    public Flow With(IEnumerable<LineageEdge> edges) => this with { Edges = Edges.Union(edges) };

    /// <summary>16 hex characters.</summary>
    public static string Hash(string text) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text)).AsSpan(0, 8));
}

/// <summary>A table of a query: its columns, and what decides which rows it has.</summary>
/// <param name="Columns">In order. A name is null where DuckDB makes one up.</param>
/// <param name="Rows">Only edges that decide, none that give a value.</param>
internal sealed record Relation(IReadOnlyList<(string? Name, Flow Flow)> Columns, Flow Rows)
{
    /// <summary>Columns that each are made of all that goes in, as far as can be told.</summary>
    public static Relation Opaque(IEnumerable<string> columns, IEnumerable<Relation> inputs, string text, string stage)
    {
        var all = inputs.ToList();
        var value = Flow.Of(all.SelectMany(i => i.Columns.Select(c => c.Flow.As(Influence.Transformation)).Append(i.Rows)), text).By(stage) with { Opaque = true };
        var rows = Flow.Of(all.SelectMany(i => i.Columns.Select(c => c.Flow.As(Influence.Filter)).Append(i.Rows)), text).By(stage) with { Opaque = true };
        return new Relation([.. columns.Select(c => ((string?)c, value with { Formula = Flow.Hash($"{value.Formula} {c}") }))], rows);
    }

    /// <summary>A column by name, ignoring case.</summary>
    public Flow? Find(string name) => Columns.FirstOrDefault(c => string.Equals(c.Name, name, StringComparison.OrdinalIgnoreCase)).Flow;

    /// <summary>The same with other names; columns without a new one keep theirs.</summary>
    public Relation Named(IReadOnlyList<string> names) => this with { Columns = [.. Columns.Select((c, i) => (i < names.Count ? names[i] : c.Name, c.Flow))] };
}
