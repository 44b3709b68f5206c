using System.Collections.Immutable;

namespace Etl.Model.Tests.Protocol;

/// <summary>A row of the source in its newest version; <paramref name="Seq"/> is the cursor.</summary>
internal sealed record Row(int Id, int Value, bool Deleted, long Seq);

/// <summary>What a target should hold after its epoch: as lines, so that model and target are compared as text.</summary>
/// <param name="Epoch">How often it was published.</param>
/// <param name="Position">The cursor of the last row consumed; null: none.</param>
/// <param name="Rows">Its rows.</param>
/// <param name="Letters">Rows refused in the last epoch.</param>
internal sealed record TargetState(long Epoch, long? Position, ImmutableList<string> Rows, ImmutableList<string> Letters)
{
    public static TargetState Empty { get; } = new(0, null, [], []);

    public override string ToString() =>
        $"epoch {Epoch}, position {Position?.ToString(System.Globalization.CultureInfo.InvariantCulture) ?? "none"}, rows [{Text(Rows)}], refused [{Text(Letters)}]";

    private static string Text(IEnumerable<string> lines) => string.Join(", ", lines.Order(StringComparer.Ordinal));
}

/// <summary>How a target takes what a run read.</summary>
internal enum Taking
{
    /// <summary>The newest good version of each key; a key whose newest version is refused keeps its last good one.</summary>
    Keep,

    /// <summary>The newest version of each key, if it is good.</summary>
    Delete,

    /// <summary>Every version that was read, once.</summary>
    Append,

    /// <summary>Every version and every deletion that was read, once, with its epoch.</summary>
    Changes,
}

/// <summary>The promise in a dictionary: what the targets hold if each row version that was read takes effect once.</summary>
internal sealed class ShopModel(Shape shape)
{
    private readonly List<Row> _source = [];
    private long _seq;

    public TargetState[] Targets { get; } = [.. shape.Targets.Select(_ => TargetState.Empty)];

    public IReadOnlyList<Row> Source => [.. _source];

    public Row Write(Step.Write write)
    {
        var row = new Row(write.Id, write.Value, write.Deleted, ++_seq);
        if (shape.Keeps == Keeps.Newest)
        {
            Remove(row.Id);
        }

        _source.Add(row);
        return row;
    }

    public void Remove(int id) => _source.RemoveAll(r => r.Id == id);

    /// <summary>What target <paramref name="index"/> is after a run that reads <paramref name="source"/>; the same when nothing is new for it.</summary>
    public TargetState After(int index, bool refresh, IReadOnlyList<Row> source)
    {
        var before = Targets[index];
        var read = source.Where(r => refresh || before.Position is null || r.Seq > before.Position).ToList();
        if (read.Count == 0 && !refresh)
        {
            return before;
        }

        var newest = read.GroupBy(r => r.Id).Select(versions => versions.MaxBy(r => r.Seq)!).ToList();
        var taking = shape.Targets[index].Taking;
        var deletions = newest.Where(r => r.Deleted && shape.SeesDeletions).ToList();
        var refused = newest.Except(deletions).Where(r => r.Value < 0).ToList();
        var good = newest.Except(deletions).Except(refused).ToList();
        var rows = refresh ? [] : before.Rows;
        var epoch = before.Epoch + 1;
        rows = taking switch
        {
            Taking.Append => rows.AddRange(good.Select(Line)),
            Taking.Changes => rows.AddRange(good.Select(r => $"{Line(r)} upsert {epoch}")).AddRange(deletions.Select(r => $"{Line(r)} delete {epoch}")),
            _ => rows.RemoveAll(Of(good.Concat(deletions).Concat(taking == Taking.Delete ? refused : []))).AddRange(good.Select(Line)),
        };
        return new TargetState(epoch, read.Count > 0 ? read.Max(r => r.Seq) : null, rows, [.. refused.Select(Line)]);
    }

    private static string Line(Row row) => $"{row.Id}={row.Value}";

    private static Predicate<string> Of(IEnumerable<Row> rows)
    {
        var keys = rows.Select(r => $"{r.Id}=").ToHashSet(StringComparer.Ordinal);
        return line => keys.Contains(line[..(line.IndexOf('=', StringComparison.Ordinal) + 1)]);
    }
}
