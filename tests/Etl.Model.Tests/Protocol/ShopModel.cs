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

    /// <summary>Rows that wait for a replay, by the epoch that refused them, the oldest first. The model's: what is in a target shows when they are replayed.</summary>
    public ImmutableList<OpenLetters> Open { get; init; } = [];

    public override string ToString() =>
        $"epoch {Epoch}, position {Position?.ToString(System.Globalization.CultureInfo.InvariantCulture) ?? "none"}, rows [{Text(Rows)}], refused [{Text(Letters)}]";

    private static string Text(IEnumerable<string> lines) => string.Join(", ", lines.Order(StringComparer.Ordinal));
}

/// <summary>Rows that an epoch refused, and the position that it reached.</summary>
internal sealed record OpenLetters(long? Position, ImmutableList<Row> Rows);

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

    /// <summary>The pipeline as it is now.</summary>
    public Step.Edit Rules { get; set; } = Step.Edit.None;

    /// <summary>What target <paramref name="index"/> is after a run that reads <paramref name="source"/>; the same when nothing is new for it.</summary>
    public TargetState After(int index, Reading reading, IReadOnlyList<Row> source)
    {
        var before = Targets[index];
        var read = Read(before, reading, source);
        if (reading == Reading.Letters ? before.Open.Count == 0 : read.Count == 0 && reading != Reading.Everything)
        {
            return before;
        }

        var newest = shape.Keeps == Keeps.Newest ? read : [.. read.GroupBy(r => r.Id).Select(versions => versions.MaxBy(r => r.Seq)!)];
        var taking = shape.Targets[index].Taking;
        var deletions = newest.Where(r => r.Deleted && shape.SeesDeletions).ToList();
        var excluded = newest.Except(deletions).Where(r => shape.Refuses && Rules.WithoutThree && r.Value == 3).ToList();
        var refused = newest.Except(deletions).Except(excluded).Where(r => shape.Refuses && r.Value < Rules.Least).ToImmutableList();
        var good = newest.Except(deletions).Except(excluded).Except(refused).ToList();
        var rows = reading == Reading.Everything ? [] : before.Rows;
        var epoch = before.Epoch + 1;
        rows = taking switch
        {
            Taking.Append => rows.AddRange(good.Select(Line)),
            Taking.Changes => rows.AddRange(good.Select(r => $"{Line(r)} upsert {epoch}")).AddRange(deletions.Select(r => $"{Line(r)} delete {epoch}")),
            _ => rows.RemoveAll(Of(good.Concat(deletions).Concat(taking == Taking.Delete ? refused.Concat(excluded) : []))).AddRange(good.Select(Line)),
        };
        var position = reading is Reading.New or Reading.Everything ? read.Count > 0 ? read.Max(r => r.Seq) : null : before.Position;
        var open = reading is Reading.Everything or Reading.Letters ? [] : before.Open;
        return new TargetState(epoch, position, rows, [.. refused.Select(Line)]) { Open = refused.Count == 0 ? open : open.Add(new OpenLetters(position, refused)) };
    }

    private List<Row> Read(TargetState before, Reading reading, IReadOnlyList<Row> source) => reading switch
    {
        Reading.New => [.. source.Where(r => before.Position is null || r.Seq > before.Position)],
        Reading.Everything => [.. source],
        Reading.Range => [.. source.Where(r => r.Id >= Shape.Range.From && r.Id < Shape.Range.To)],
        _ when !shape.LooksUp => [.. before.Open.SelectMany(o => o.Rows)],
        // The rows' keys, as they are now. One that changed since it was refused is left to the run that reads it, unless all versions of a key are needed.
        _ => [.. source.Where(r => before.Open.FindLast(o => o.Rows.Any(refused => refused.Id == r.Id)) is { } letters
            && (shape.Keeps != Keeps.Newest || letters.Position is null || r.Seq <= letters.Position))],
    };

    private static string Line(Row row) => $"{row.Id}={row.Value}";

    private static Predicate<string> Of(IEnumerable<Row> rows)
    {
        var keys = rows.Select(r => $"{r.Id}=").ToHashSet(StringComparer.Ordinal);
        return line => keys.Contains(line[..(line.IndexOf('=', StringComparison.Ordinal) + 1)]);
    }
}
