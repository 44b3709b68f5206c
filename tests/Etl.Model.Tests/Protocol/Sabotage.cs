namespace Etl.Model.Tests.Protocol;

/// <summary>
/// Takes a guard of the protocol away from outside, by writing into the target's state what an implementation without the guard would leave there. So a
/// product without a switch for it can still be seen to fail without it.
/// </summary>
internal class Sabotage
{
    public static Sabotage None { get; } = new();

    /// <summary>A run begins.</summary>
    public virtual Visits OfRun(string folder) => new(_ => { }, _ => { });

    /// <summary>A run was killed at a point.</summary>
    public virtual void AfterCrash(string folder, string point)
    {
    }

    /// <summary>What is done at points of a run, before and after the step's own part there.</summary>
    public sealed record Visits(Action<string> Before, Action<string> After);
}

/// <summary>No fence: the lake's log is written whether the version is there or not.</summary>
internal sealed class NoFence : Sabotage
{
    public override Visits OfRun(string folder)
    {
        var log = Path.Combine(folder, "out", "files", "lake", "_delta_log");
        var next = 0;
        return new Visits(
            point =>
            {
                if (point == "lease.taken")
                {
                    next = Directory.Exists(log) ? Directory.GetFiles(log, "*.json").Length : 0;
                }
            },
            point =>
            {
                if (point == "lake.before_commit" && Directory.Exists(log))
                {
                    File.Delete(Path.Combine(log, $"{next:D20}.json"));
                }
            });
    }
}

/// <summary>The checkpoint in a transaction of its own, after that of the SQLite target's rows: a crash in between loses it.</summary>
internal sealed class CheckpointApart : Sabotage
{
    private string? _before;

    public override Visits OfRun(string folder) => new(
        point =>
        {
            if (point == "lease.taken")
            {
                _before = Sqlite.Lines(File(folder), "select 'n = ' || n || ', checkpoint = ' || coalesce(quote(checkpoint), 'null') from _etl_checkpoint").Single();
            }
        },
        _ => { });

    public override void AfterCrash(string folder, string point)
    {
        if (point == "sqlite.after_commit")
        {
            Sqlite.Lines(File(folder), $"update _etl_checkpoint set {_before}");
            Sqlite.Lines(File(folder), "delete from _etl_epoch where n > (select n from _etl_checkpoint)");
        }
    }

    private static string File(string folder) => Path.Combine(folder, "out", "lite.db");
}
