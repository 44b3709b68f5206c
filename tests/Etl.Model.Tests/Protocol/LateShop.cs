using System.Collections.Immutable;
using Etl.Contracts;
using Etl.Runtime;
using Etl.Runtime.Execution;
using Etl.Runtime.Ledger;
using Etl.Runtime.Reports;

namespace Etl.Model.Tests.Protocol;

/// <summary>
/// A project whose source has open transactions, beside what must come of it: an upsert has the last good version of what is committed, and a log of changes has each committed version
/// that a run saw, once. How often a run reads a version again, and so how many epochs there are, other sessions of the server decide; so rows are all that is compared.
/// </summary>
internal sealed class LateShop : IAsyncDisposable
{
    private static readonly Shape Of = Shape.Late;
    private static readonly ProcessIdentity Gone = new(Environment.MachineName, int.MaxValue, 1);

    private readonly Disk _disk = new();
    private readonly LateSource _source = new();
    private readonly Consumed[] _targets = [.. Of.Targets.Select(_ => Consumed.Nothing)];
    private readonly bool _forgetsOpenTransactions;

    /// <param name="forgetsOpenTransactions">Instead of the stored position, runs go on from the newest transaction id that a snapshot knew: the guard is off.</param>
    public LateShop(bool forgetsOpenTransactions = false)
    {
        _forgetsOpenTransactions = forgetsOpenTransactions;
        _disk.Write("etl.yaml", "");
        _disk.Write("connections.yaml", Shape.Connections.Replace(
            "shop: { type: sqlite, path: shop.db }",
            $"shop: {{ type: postgres, host: \"{LateSource.Server.Host}\", port: {LateSource.Server.Port}, database: \"{LateSource.Server.Database}\", user: \"{LateSource.Server.Username}\", password: \"${{{LateSource.Password}}}\", schema: {_source.Schema} }}",
            StringComparison.Ordinal));
        _disk.Write("items.contract.yaml", Of.Contract);
        _disk.Write("shop.yaml", Of.Pipeline);
    }

    /// <summary>Plays the steps, then ends all transactions and runs once more. Throws what is wrong.</summary>
    public async Task PlayAsync(IEnumerable<LateStep> steps)
    {
        await _source.CreateAsync();
        foreach (var step in steps)
        {
            await TakeAsync(step);
        }

        foreach (var slot in _source.Open)
        {
            await _source.SettleAsync(slot, Ending.Commit);
        }

        await TakeAsync(new LateStep.Run(Refresh: false));
    }

    public async ValueTask DisposeAsync()
    {
        await _source.DisposeAsync();
        _disk.Dispose();
    }

    private async Task TakeAsync(LateStep step)
    {
        try
        {
            await (step switch
            {
                LateStep.Write write => _source.WriteAsync(write),
                LateStep.Prepare prepare => _source.PrepareAsync(prepare.Slot),
                LateStep.Settle settle => _source.SettleAsync(settle.Slot, settle.Ending),
                LateStep.Run run => RunAsync(run.Refresh, _ => { }),
                LateStep.SettleDuring during => SettleDuringAsync(during),
                LateStep.Crash crash => CrashAsync(crash.Point),
                _ => throw new InvalidOperationException($"{step} is unknown"),
            });
        }
        catch (CounterexampleException e)
        {
            throw new CounterexampleException($"at {step}: {e.Message}");
        }
    }

    private async Task SettleDuringAsync(LateStep.SettleDuring during)
    {
        var settled = false;
        await RunAsync(refresh: false, point =>
        {
            if (point == during.Point && !settled)
            {
                settled = true;
                _source.SettleAsync(during.Slot, Ending.Commit).GetAwaiter().GetResult();
            }
        });
    }

    private async Task RunAsync(bool refresh, Action<string> visit)
    {
        var seen = _source.Visible;
        var next = 0L;
        var report = await StartAsync(
            point =>
            {
                // Before the visit: what it commits, this snapshot does not see.
                if (point == "snapshot.taken")
                {
                    (seen, next) = (_source.Visible, _forgetsOpenTransactions ? _source.NextTransactionAsync().GetAwaiter().GetResult() : 0);
                }

                visit(point);
                seen = point == "lease.taken" ? _source.Visible : seen;
            },
            refresh,
            ProcessIdentity.Current);
        Require(report.Status is RunStatus.Succeeded or RunStatus.NothingNew, $"the run ended as {report.Status}: {report.Error?.Code} {report.Error?.Message}");
        for (var i = 0; i < _targets.Length; i++)
        {
            _targets[i] = _targets[i].After(Of.Targets[i].Taking, seen, refresh);
            Require(_targets[i].Text == Found(i), $"{Of.Targets[i].Name} is {Found(i)}\n  and should be {_targets[i].Text}");
        }

        if (next > 0)
        {
            Forget(next);
        }
    }

    private async Task CrashAsync(string where)
    {
        var died = false;
        var seen = _source.Visible;
        await StartAsync(
            point =>
            {
                if (point == where && !died)
                {
                    _disk.Freeze();
                    died = true;
                    throw new InvalidOperationException("killed");
                }
            },
            refresh: false,
            Gone);
        if (died)
        {
            _disk.Thaw();
        }

        for (var i = 0; i < _targets.Length; i++)
        {
            var (before, after, found) = (_targets[i], _targets[i].After(Of.Targets[i].Taking, seen, refresh: false), Found(i));
            Require(found == after.Text || (died && found == before.Text), $"{Of.Targets[i].Name} is {found}\n  and should be {after.Text} or {before.Text}");
            _targets[i] = found == after.Text ? after : before;
        }
    }

    private Task<RunReport> StartAsync(Action<string> visit, bool refresh, ProcessIdentity process) =>
        new PipelineRunner([], TimeProvider.System) { Shared = LoadedPlugins.Catalog }.RunAsync(
            new PipelineRunRequest(Path.Combine(_disk.Folder, "shop.yaml")) { FullRefresh = refresh, FailPoints = new FailPoints(visit), Process = process },
            CancellationToken.None);

    private string Found(int target) => Consumed.Lines(Of.Targets[target].Read(_disk.Folder).Rows.Select(r => Of.Targets[target].Taking == Taking.Changes ? r[..r.LastIndexOf(' ')] : r));

    private void Forget(long next)
    {
        var file = Path.Combine(_disk.Folder, "out", "lite.db");
        foreach (var json in Sqlite.Lines(file, "select checkpoint from _etl_checkpoint where checkpoint is not null"))
        {
            var checkpoint = Checkpoint.Parse(json);
            checkpoint.Sources["items"].Position["xid"] = next;
            Sqlite.Lines(file, $"update _etl_checkpoint set checkpoint = {SqlText.Literal(checkpoint.ToJson())}");
        }
    }

    private static void Require(bool condition, string otherwise)
    {
        if (!condition)
        {
            throw new CounterexampleException(otherwise);
        }
    }

    /// <summary>What a target holds, and the versions that made it so.</summary>
    private sealed record Consumed(ImmutableList<string> Rows, ImmutableHashSet<long> Versions)
    {
        public static Consumed Nothing { get; } = new([], []);

        public string Text => Lines(Rows);

        public static string Lines(IEnumerable<string> rows) => string.Join(", ", rows.Order(StringComparer.Ordinal));

        public Consumed After(Taking taking, IReadOnlyList<Row> visible, bool refresh)
        {
            var good = visible.Where(r => !r.Deleted && r.Value >= 0).Select(r => (r.Seq, Line: FormattableString.Invariant($"{r.Id}={r.Value}")));
            if (taking != Taking.Changes)
            {
                // A refused row leaves the last good one.
                var kept = refresh ? [] : Rows.RemoveAll(line => visible.Any(r => (r.Deleted || r.Value >= 0) && line.StartsWith(FormattableString.Invariant($"{r.Id}="), StringComparison.Ordinal)));
                return new(kept.AddRange(good.Select(r => r.Line)), []);
            }

            var (rows, versions) = refresh ? ([], []) : (Rows, Versions);
            var changes = good.Select(r => (r.Seq, Line: $"{r.Line} upsert")).Concat(visible.Where(r => r.Deleted).Select(r => (r.Seq, Line: FormattableString.Invariant($"{r.Id}={r.Value} delete"))));
            return new(rows.AddRange(changes.Where(c => !versions.Contains(c.Seq)).Select(c => c.Line)), versions.Union(visible.Select(r => r.Seq)));
        }
    }
}
