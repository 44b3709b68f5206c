using CsCheck;

namespace Etl.Model.Tests.Protocol;

/// <summary>One thing that happens in the life of a pipeline. Records, so that a counterexample prints itself.</summary>
internal abstract record Step
{
    /// <summary>A row is inserted or updated at the source. A negative value is bad, which a check refuses.</summary>
    public sealed record Write(int Id, int Value, bool Deleted) : Step;

    /// <summary>A row goes without a trace, which an increment cannot see.</summary>
    public sealed record Remove(int Id) : Step;

    /// <summary>The pipeline is edited: from which value on a row is good, and whether rows of the value 3 are left out.</summary>
    public sealed record Edit(int Least, bool WithoutThree) : Step
    {
        /// <summary>As it is at first.</summary>
        public static Edit None { get; } = new(0, WithoutThree: false);
    }

    /// <summary>A run that nothing happens to.</summary>
    public sealed record Run(Reading Reading = Reading.New) : Step;

    /// <summary>A run whose process is killed at its nth visit of a point; of one on another machine nobody knows that it is gone.</summary>
    public sealed record Crash(string Point, int Visit, Reading Reading, bool Elsewhere) : Step;

    /// <summary>A run in which the connection breaks during the nth commit, which was done or was not.</summary>
    public sealed record LostAnswer(int Visit, bool Committed) : Step;

    /// <summary>A second run of the pipeline, from its start to its end, while the first stands at a point, with its leases.</summary>
    public sealed record Rival(string Point) : Step;

    /// <summary>The same, and the first one's leases have run out, and a row is new.</summary>
    public sealed record Successor(string Point, Write Row) : Step;

    /// <summary>A row is written while a run stands at a point.</summary>
    public sealed record WriteDuring(string Point, Write Row) : Step;

    /// <summary>A minute goes by: leases that nobody renews end.</summary>
    public sealed record Expire : Step;

    /// <summary>Somebody edits a target's checkpoint.</summary>
    public sealed record Damage(int Target) : Step;
}

/// <summary>What a run is asked to read.</summary>
internal enum Reading
{
    /// <summary>What is beyond the position.</summary>
    New,

    /// <summary>Everything, by <c>--full-refresh</c>.</summary>
    Everything,

    /// <summary>The rows that were refused, by <c>etl dead-letters replay</c>.</summary>
    Letters,

    /// <summary>The keys of <see cref="Range"/>, by <c>--from</c> and <c>--to</c>.</summary>
    Range,
}

/// <summary>Sequences that a shape can go through.</summary>
internal static class Steps
{
    private static readonly Gen<Step.Write> Write = Gen.Select(Gen.Int[1, 4], Gen.Int[-2, 4], Gen.Int[0, 5], (id, value, deleted) => new Step.Write(id, value, deleted == 0));

    private static readonly string[] BetweenTransactions = ["lease.taken", "snapshot.taken", "staged", "dead_letters.written", "publish.before", "publish.after"];

    private static readonly Gen<Step> Writes = Write.Select(w => (Step)w);

    private static readonly Gen<Step> Runs = Gen.Const((Step)new Step.Run());

    private static readonly Gen<Step> Edits = Gen.Select(Gen.Int[-2, 1], Gen.Bool, (least, without) => (Step)new Step.Edit(least, without));

    /// <summary>Changes, runs, and runs that go through what <paramref name="faults"/> gives.</summary>
    public static Gen<Step[]> With(params Step[] faults) => Gen.Frequency((4, Writes), (1, Runs), (3, Gen.OneOf([.. faults.Select(Gen.Const)]))).Array[2, 12];

    /// <summary>What can be done to the command line from outside: it is killed at the first visit of a point.</summary>
    public static Gen<Step[]> ForCli(Shape shape) => Gen.Frequency(
        (6, Writes),
        (1, Edits),
        (1, Readings(shape).Select(reading => (Step)new Step.Run(reading))),
        (6, Gen.Select(OneOf(Points(shape)), Readings(shape), (point, reading) => (Step)new Step.Crash(point, 1, reading, Elsewhere: false)))).Array[3, 6];

    /// <summary>All that can happen.</summary>
    public static Gen<Step[]> Of(Shape shape)
    {
        var points = Points(shape);
        return Gen.Frequency(
            (9, Writes),
            (1, Gen.Int[1, 4].Select(id => (Step)new Step.Remove(id))),
            (1, Edits),
            (3, Runs),
            (3, Readings(shape).Select(reading => (Step)new Step.Run(reading))),
            (4, Gen.Select(OneOf(points), Gen.Int[1, 2], Readings(shape), Gen.Int[0, 2], (point, visit, reading, elsewhere) => (Step)new Step.Crash(point, visit, reading, elsewhere == 0))),
            (1, Gen.Select(Gen.Int[1, 2], Gen.Bool, (visit, committed) => (Step)new Step.LostAnswer(visit, committed))),
            (1, OneOf(BetweenTransactions).Select(point => (Step)new Step.Rival(point))),
            (1, Gen.Select(OneOf(BetweenTransactions), Write, (point, row) => (Step)new Step.Successor(point, row))),
            (1, Gen.Select(OneOf("lease.taken", "snapshot.taken", "staged", "publish.before"), Write, (point, row) => (Step)new Step.WriteDuring(point, row))),
            (1, Gen.Const((Step)new Step.Expire())),
            (1, Gen.Int[0, shape.Targets.Count - 1].Select(t => (Step)new Step.Damage(t)))).Array[2, 12];
    }

    private static Gen<Reading> Readings(Shape shape) => Gen.Frequency(
        (3, Gen.Const(Reading.New)),
        (2, Gen.Const(Reading.Everything)),
        (shape.Refuses ? 3 : 0, Gen.Const(Reading.Letters)),
        (shape.HasRange ? 2 : 0, Gen.Const(Reading.Range)));

    private static string[] Points(Shape shape) => [.. BetweenTransactions.Append("replay.keys").Concat(shape.Targets.SelectMany(t => t.Points)).Distinct()];

    private static Gen<string> OneOf(params string[] names) => Gen.Int[0, names.Length - 1].Select(i => names[i]);
}
