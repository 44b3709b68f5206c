using Etl.Contracts;
using Etl.Runtime;
using Etl.Runtime.Execution;
using Etl.Runtime.Ledger;
using Etl.Runtime.Reports;

namespace Etl.Model.Tests.Protocol;

/// <summary>A project that goes through steps, beside the model that says what must come of it.</summary>
internal sealed class Shop : IDisposable
{
    private static readonly ProcessIdentity Gone = new(Environment.MachineName, int.MaxValue, 1);
    private static readonly ProcessIdentity Elsewhere = new("elsewhere", 1, 1);

    private readonly Shape _shape;
    private readonly Disk _disk = new();
    private readonly ShopModel _model;
    private readonly HashSet<int> _damaged = [];

    private readonly Sabotage _sabotage;

    private readonly Cli? _cli;

    private readonly TimeProvider _time;

    /// <param name="shape">The pipeline.</param>
    /// <param name="sabotage">What is to go wrong; null for nothing.</param>
    /// <param name="cli">Runs the pipeline in processes of their own, which are killed; null: in this one.</param>
    /// <param name="time">The runs' clock; null for the system's.</param>
    public Shop(Shape shape, Sabotage? sabotage = null, Cli? cli = null, TimeProvider? time = null)
    {
        _cli = cli;
        _time = time ?? TimeProvider.System;
        _shape = shape;
        _sabotage = sabotage ?? Sabotage.None;
        _model = new ShopModel(shape);
        _disk.Write("etl.yaml", "");
        _disk.Write("connections.yaml", Shape.Connections);
        _disk.Write("items.contract.yaml", shape.Contract);
        Edit(_model.Rules);
        File.WriteAllBytes(Path.Combine(_disk.Folder, "shop.db"), []);
        Source(shape.Table);
    }

    /// <summary>Plays the steps, then heals what they broke and runs twice: all is as the model says, and nothing is new. Throws what is wrong.</summary>
    public async Task PlayAsync(IEnumerable<Step> steps)
    {
        foreach (var step in steps.Append(new Step.Expire()))
        {
            await TakeAsync(step);
        }

        if (_damaged.Count > 0)
        {
            await TakeAsync(new Step.Run(Reading.Everything));
        }

        await TakeAsync(new Step.Run());
        Require((await RunAsync(_ => { })).Status == RunStatus.NothingNew, "a run after the last one finds something new");
    }

    /// <summary>The versions of the lake's log, as text.</summary>
    public IReadOnlyList<string> LakeLog() => [.. Directory.GetFiles(Path.Combine(_disk.Folder, "out", "files", "lake", "_delta_log")).Order(StringComparer.Ordinal).Select(File.ReadAllText)];

    public void Dispose() => _disk.Dispose();

    private async Task TakeAsync(Step step)
    {
        try
        {
            await (step switch
            {
                Step.Write write => Do(() => Write(write)),
                Step.Remove remove => Do(() => Remove(remove.Id)),
                Step.Expire => Do(() => ForEachTarget(t => t.Expire(_disk.Folder))),
                Step.Damage damage => Do(() => Damage(damage.Target)),
                Step.Edit edit => Do(() => Edit(edit)),
                Step.Run run => SettleAsync(run.Reading, _ => { }),
                Step.WriteDuring during => WriteDuringAsync(during),
                Step.Crash crash => CrashAsync(crash),
                Step.LostAnswer lost => LostAnswerAsync(lost),
                Step.Rival rival => RivalAsync(rival),
                Step.Successor successor => SuccessorAsync(successor),
                _ => throw new InvalidOperationException($"{step} is unknown"),
            });
        }
        catch (CounterexampleException e)
        {
            throw new CounterexampleException($"at {step}: {e.Message}");
        }
    }

    private static Task Do(Action action)
    {
        action();
        return Task.CompletedTask;
    }

    private void Write(Step.Write write)
    {
        var row = _model.Write(write);
        Source(FormattableString.Invariant($"insert or replace into items values ({row.Id}, {row.Value}, {(row.Deleted ? 1 : 0)}, {row.Seq})"));
    }

    private void Edit(Step.Edit edit)
    {
        _model.Rules = edit;
        _disk.Write("shop.yaml", _shape.Edited(edit));
    }

    private void Remove(int id)
    {
        _model.Remove(id);
        Source(FormattableString.Invariant($"delete from items where id = {id}"));
    }

    private void Source(string sql) => Sqlite.Lines(Path.Combine(_disk.Folder, "shop.db"), sql);

    private void Damage(int target)
    {
        if (_model.Targets[target].Epoch > 0 && _damaged.Add(target))
        {
            _shape.Targets[target].Damage(_disk.Folder);
        }
    }

    private async Task WriteDuringAsync(Step.WriteDuring during)
    {
        var written = false;
        await SettleAsync(Reading.New, point =>
        {
            if (point == during.Point && !written)
            {
                written = true;
                Write(during.Row);
            }
        });
    }

    // A run that comes to its end: refused whole, or everything is as the model says.
    private async Task SettleAsync(Reading reading, Action<string> visit)
    {
        var blocked = Blocked(reading);
        // Each group of targets reads at a snapshot of its own.
        var groups = _model.Targets.Select((t, i) => (t.Position, t.Epoch, Index: i)).GroupBy(t => reading == Reading.Everything ? null : t.Epoch == 0 ? "never" : $"after {t.Position}").Select(g => g.Select(t => t.Index).ToList()).ToList();
        var expected = _model.Targets.Select((_, i) => _model.After(i, reading, _model.Source)).ToArray();
        var group = 0;
        void Snapshot()
        {
            foreach (var index in groups[group])
            {
                expected[index] = _model.After(index, reading, _model.Source);
            }

            group++;
        }

        var report = await RunAsync(
            point =>
            {
                if (point == "snapshot.taken" && reading is Reading.New or Reading.Everything)
                {
                    // Groups for which nothing was new took theirs without passing here.
                    while (group < groups.Count && groups[group].All(i => _model.After(i, reading, _model.Source) == _model.Targets[i]))
                    {
                        group++;
                    }

                    Snapshot();
                }

                visit(point);
            },
            reading);
        if (blocked is not null)
        {
            Require(report.Status == RunStatus.Failed && report.Loads.All(l => l.Status == LoadStatus.NotPublished), $"{blocked}, and the run ended as {Text(report)}");
            Compare();
            return;
        }

        var news = Enumerable.Range(0, expected.Length).Where(i => expected[i] != _model.Targets[i]).ToList();
        Require(report.Status == (news.Count > 0 ? RunStatus.Succeeded : RunStatus.NothingNew), $"the run ended as {Text(report)}");
        Require(report.Balance().Count == 0, $"books: {string.Join("; ", report.Balance())}");
        for (var i = 0; i < expected.Length; i++)
        {
            Require(report.Loads[i].Status == (news.Contains(i) ? LoadStatus.Published : LoadStatus.NothingNew), $"{report.Loads[i].Stage} is told as {report.Loads[i].Status}");
        }

        expected.CopyTo(_model.Targets, 0);
        _damaged.Clear();
        Compare();
    }

    private async Task CrashAsync(Step.Crash crash)
    {
        if (Blocked(crash.Reading) is not null)
        {
            await SettleAsync(crash.Reading, _ => { });
            return;
        }

        var visits = 0;
        var published = 0;
        var died = false;
        if (_cli is not null)
        {
            var ended = await _cli.RunAsync(_disk.Folder, crash.Reading, crash.Point);
            Require(ended is null or { Status: RunStatus.Succeeded or RunStatus.NothingNew }, $"the run ended as {(ended is null ? "" : Text(ended))}");
            Adopt(crash.Reading, 0, _shape.Targets.Count);
            return;
        }

        var report = await RunAsync(
            point =>
            {
                // What the dead do, nobody will see: it closes what is open.
                if (died)
                {
                    return;
                }

                if (point == crash.Point && Interlocked.Increment(ref visits) == crash.Visit)
                {
                    _disk.Freeze();
                    died = true;
                    throw new InvalidOperationException("killed");
                }

                published += point == "publish.after" ? 1 : 0;
            },
            crash.Reading,
            crash.Elsewhere ? Elsewhere : Gone);
        if (died)
        {
            _disk.Thaw();
            _sabotage.AfterCrash(_disk.Folder, crash.Point);
            // At publish.after, the one that was published is not counted yet.
            Adopt(crash.Reading, published + (crash.Point == "publish.after" ? 1 : 0), published + (crash.Point is "publish.after" || IsCommitPoint(crash.Point) ? 1 : 0));
        }
        else
        {
            Require(report.Status is RunStatus.Succeeded or RunStatus.NothingNew, $"the run ended as {Text(report)}");
            Adopt(crash.Reading, 0, _shape.Targets.Count);
            Require(Enumerable.Range(0, _shape.Targets.Count).All(i => crash.Reading != Reading.New || _model.After(i, Reading.New, _model.Source) == _model.Targets[i]), "not all was published");
        }
    }

    private bool IsCommitPoint(string point) => _shape.Targets.Any(t => t.Commit.After == point);

    private async Task LostAnswerAsync(Step.LostAnswer lost)
    {
        var commits = _shape.Targets.Select(t => lost.Committed ? t.Commit.After : t.Commit.Before).ToHashSet(StringComparer.Ordinal);
        var visits = 0;
        var thrown = false;
        if (Blocked(Reading.New) is not null)
        {
            await SettleAsync(Reading.New, _ => { });
            return;
        }

        var news = Enumerable.Range(0, _shape.Targets.Count).Count(i => _model.After(i, Reading.New, _model.Source) != _model.Targets[i]);
        var report = await RunAsync(point =>
        {
            if (commits.Contains(point) && ++visits == lost.Visit)
            {
                thrown = true;
                throw new CommitOutcomeUnknownException("the connection broke", new IOException("broken pipe"));
            }
        });
        var failed = thrown && !lost.Committed;
        Require(report.Status == (failed ? RunStatus.Failed : news > 0 ? RunStatus.Succeeded : RunStatus.NothingNew), $"the run ended as {Text(report)}");
        Adopt(Reading.New, failed ? news - 1 : news, failed ? news - 1 : news);
    }

    private async Task RivalAsync(Step.Rival rival)
    {
        RunReport? second = null;
        await SettleAsync(Reading.New, point =>
        {
            if (point == rival.Point && second is null)
            {
                second = RunAsync(_ => { }, Reading.New, Elsewhere).GetAwaiter().GetResult();
            }
        });
        Require(second is null or { Status: RunStatus.Failed }, "a target was taken, and a second run was let in");
    }

    private async Task SuccessorAsync(Step.Successor successor)
    {
        if (Blocked(Reading.New) is not null)
        {
            await SettleAsync(Reading.New, _ => { });
            return;
        }

        RunReport? second = null;
        await RunAsync(point =>
        {
            if (point == successor.Point && second is null)
            {
                Adopt(Reading.New, 0, _shape.Targets.Count);
                Write(successor.Row);
                ForEachTarget(t => t.Expire(_disk.Folder));
                second = RunAsync(_ => { }, Reading.New, Elsewhere).GetAwaiter().GetResult();
            }
        });
        Adopt(Reading.New, 0, _shape.Targets.Count);
        Require(Enumerable.Range(0, _shape.Targets.Count).All(i => _model.After(i, Reading.New, _model.Source) == _model.Targets[i]), "of two runs, none published it all");
        Require(second is null or { Status: RunStatus.Succeeded }, $"the leases had run out, and a second run ended as {(second is null ? "" : Text(second))}");
    }

    // Why no run may publish now; null when it may.
    private string? Blocked(Reading reading) =>
        _damaged.Count > 0 && reading != Reading.Everything ? "a checkpoint is damaged"
        : _shape.Targets.Any(t => t.Holder(_disk.Folder) == Elsewhere.ToString()) ? "a target is held by another machine"
        : reading == Reading.Range && _model.Targets.Any(t => t.Epoch == 0) ? "a target was never loaded"
        : null;

    // What became of a run that ended halfway: each target is before or after it, and so many are after.
    private void Adopt(Reading reading, int atLeast, int atMost)
    {
        var after = 0;
        for (var i = 0; i < _shape.Targets.Count; i++)
        {
            var next = _model.After(i, reading, _model.Source);
            if (_damaged.Contains(i) && !CanRead(i))
            {
                continue;
            }

            var found = _shape.Targets[i].Read(_disk.Folder);
            if (found.Epoch == next.Epoch && next.Epoch != _model.Targets[i].Epoch)
            {
                _model.Targets[i] = next;
                _damaged.Remove(i);
                after++;
            }
        }

        Require(after >= atLeast && after <= atMost, $"{after} targets were published, and it should be {atLeast} to {atMost}");
        Compare();
    }

    private bool CanRead(int target)
    {
        try
        {
            _shape.Targets[target].Read(_disk.Folder);
            return true;
        }
        catch (EtlException)
        {
            return false;
        }
    }

    private void Compare()
    {
        for (var i = 0; i < _shape.Targets.Count; i++)
        {
            if (!_damaged.Contains(i))
            {
                var (wanted, found) = (_model.Targets[i].ToString(), _shape.Targets[i].Read(_disk.Folder).ToString());
                Require(wanted == found, $"{_shape.Targets[i].Name} is {found}\n  and should be {wanted}");
            }
        }
    }

    private void ForEachTarget(Action<Target> action)
    {
        foreach (var target in _shape.Targets)
        {
            action(target);
        }
    }

    private Task<RunReport> RunAsync(Action<string> visit, Reading reading = Reading.New, ProcessIdentity? process = null)
    {
        if (_cli is not null)
        {
            return _cli.EndAsync(_disk.Folder, reading);
        }

        var sabotage = _sabotage.OfRun(_disk.Folder);
        var points = new FailPoints(point =>
        {
            sabotage.Before(point);
            visit(point);
            sabotage.After(point);
        });
        return new PipelineRunner([], _time) { Shared = LoadedPlugins.Catalog }.RunAsync(
            new PipelineRunRequest(Path.Combine(_disk.Folder, "shop.yaml"))
            {
                FullRefresh = reading == Reading.Everything,
                Replay = reading == Reading.Letters ? new LetterSelection() : null,
                Backfill = reading == Reading.Range ? new BackfillRange(Text(Shape.Range.From), Text(Shape.Range.To)) : null,
                FailPoints = points,
                Process = process ?? ProcessIdentity.Current,
            },
            CancellationToken.None);
    }

    private static string Text(int number) => number.ToString(System.Globalization.CultureInfo.InvariantCulture);

    private static string Text(RunReport report) => $"{report.Status}: {report.Error?.Code} {report.Error?.Message}";

    private static void Require(bool condition, string otherwise)
    {
        if (!condition)
        {
            throw new CounterexampleException(otherwise);
        }
    }
}

/// <summary>A sequence after which the framework did not keep its promise.</summary>
internal sealed class CounterexampleException(string message) : Exception(message);
