using CsCheck;

namespace Etl.Model.Tests.Protocol;

/// <summary>How an open transaction ends.</summary>
internal enum Ending
{
    Commit,
    Rollback,
}

/// <summary>One thing that happens where several transactions write to a source of PostgreSQL while it is read.</summary>
internal abstract record LateStep
{
    /// <summary>A row is written in a transaction; that of <paramref name="Slot"/> 0 commits at once, the others stay open. Each slot has keys of its own, so that none waits.</summary>
    public sealed record Write(int Slot, int Key, int Value, bool Deleted, bool InSavepoint) : LateStep;

    /// <summary>An open transaction is prepared: from then on no session holds it.</summary>
    public sealed record Prepare(int Slot) : LateStep;

    /// <summary>An open or prepared transaction ends.</summary>
    public sealed record Settle(int Slot, Ending Ending) : LateStep;

    /// <summary>A run, of what is new or of everything.</summary>
    public sealed record Run(bool Refresh) : LateStep;

    /// <summary>A run during which, at a point, a transaction commits.</summary>
    public sealed record SettleDuring(int Slot, string Point) : LateStep;

    /// <summary>A run that is killed at its first visit of a point.</summary>
    public sealed record Crash(string Point) : LateStep;

    /// <summary>Sequences of them.</summary>
    public static Gen<LateStep[]> All { get; } = Gen.Frequency(
        (8, Gen.Select(Gen.Int[0, 3], Gen.Int[1, 2], Gen.Int[-1, 3], Gen.Int[0, 4], Gen.Bool, (slot, key, value, deleted, savepoint) => (LateStep)new Write(slot, key, value, deleted == 0, savepoint))),
        (1, Gen.Int[1, 3].Select(slot => (LateStep)new Prepare(slot))),
        (4, Gen.Select(Gen.Int[1, 3], Gen.Int[0, 3], (slot, ending) => (LateStep)new Settle(slot, ending == 0 ? Ending.Rollback : Ending.Commit))),
        (4, Gen.Int[0, 5].Select(refresh => (LateStep)new Run(refresh == 0))),
        (2, Gen.Select(Gen.Int[1, 3], Gen.Int[0, 2], (slot, point) => (LateStep)new SettleDuring(slot, new[] { "lease.taken", "snapshot.taken", "publish.before" }[point]))),
        (2, Gen.Int[0, 6].Select(point => (LateStep)new Crash(new[] { "snapshot.taken", "staged", "publish.before", "publish.after", "sqlite.before_commit", "sqlite.after_commit", "lake.after_commit" }[point])))).Array[3, 14];
}
