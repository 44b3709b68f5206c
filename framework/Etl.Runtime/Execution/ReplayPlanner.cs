using Etl.Contracts;
using Etl.Runtime.Compilation;
using Etl.Runtime.Sql;

namespace Etl.Runtime.Execution;

/// <summary>From open dead letters to the rounds that replay them: one for all targets that stand at one position and have the same letters open.</summary>
internal static class ReplayPlanner
{
    /// <summary>The rounds; a target without such letters is in none.</summary>
    public static async Task<IReadOnlyList<RoundPlan>> PlanAsync(
        CompiledPipeline pipeline, IReadOnlyList<LoadHold> holds, Func<LoadHold, string> position, LetterSelection selection, string folder, FailPoints failPoints, CancellationToken cancel)
    {
        var groups = new Dictionary<string, (List<LoadHold> Loads, ExtractNode Source, IReadOnlyList<LetterFile> Files, LetterKey? Key)>(StringComparer.Ordinal);
        foreach (var hold in holds)
        {
            try
            {
                var files = (await LetterLog.ReadAsync(pipeline, hold.Node, cancel)).Where(selection.Fits).ToList();
                if (files.Count == 0)
                {
                    continue;
                }

                RequireHistory(hold.Node);
                var (source, key) = Find(pipeline, hold.Node, files);
                var same = string.Join('\n', [position(hold), source.Id, .. key?.LetterColumns ?? [], .. key?.SourceColumns ?? [], .. files.Select(f => f.File.Path)]);
                if (!groups.TryGetValue(same, out var group))
                {
                    groups.Add(same, group = ([], source, files, key));
                }

                group.Loads.Add(hold);
            }
            catch (EtlException e)
            {
                e.Data[Round.StageOf] = hold.Node.Id;
                throw;
            }
        }

        return [.. groups.Values.Select(g =>
        {
            var own = $"{folder}-{g.Loads[0].Node.Id}";
            ILetterReplay replay = g.Key is { } key
                ? new KeyedReplay(pipeline, g.Source, g.Files, selection.Rule, key, own, failPoints)
                : new StoredReplay(pipeline, g.Source, g.Files, selection.Rule, [.. g.Files.Select(f => StoredColumns(pipeline, g.Source, f))], own, failPoints);
            return new RoundPlan(pipeline.With(g.Source with { Extractor = replay }), g.Loads)
            {
                Moves = false,
                MakesEmptyEpoch = () => replay.HasLetters,
                Closed = _ => [.. replay.Closed()],
                Note = "replay of dead letters",
            };
        })];
    }

    /// <summary>ETL4222: the target does not keep what became of dead letters; ETL4224: it has no use for it.</summary>
    public static void RequireHistory(LoadNode load)
    {
        if (load.Loader is not IEpochHistory)
        {
            throw new EtlException("ETL4222", $"{load.Plan.Target} does not keep its epochs, so nothing can say which dead letters of '{load.Id}' are closed", "Correct the rows in the source so that the next run reads them, or run with --full-refresh.");
        }

        if (load.Plan.Mode is LoadMode.Replace or LoadMode.ReplacePartitions)
        {
            throw ReadsEverything(load);
        }
    }

    // No key: the rows are replayed as they were read.
    private static (ExtractNode Source, LetterKey? Key) Find(CompiledPipeline pipeline, LoadNode load, IReadOnlyList<LetterFile> files)
    {
        var path = pipeline.MainPath(load);
        var source = (ExtractNode)pipeline.Node(path[^1].Id);
        if (!source.Extractor.Capabilities.Incremental)
        {
            throw ReadsEverything(load);
        }

        var isKeyed = source.Extractor is IKeyedExtractor && source.Schema.Key.Count > 0;
        if (!isKeyed && load.Plan.Mode != LoadMode.Append)
        {
            var (why, remedy) = source.Extractor is IKeyedExtractor
                ? ("its contract declares no primary key", "Declare it, correct")
                : ($"'{source.Stage.Component}' does not look rows up by a key", "Correct");
            throw new EtlException("ETL4223", $"rows of '{source.Id}' cannot be read again one by one: {why}", $"{remedy} the rows in the source so that the next run reads them, or run with --full-refresh.");
        }

        foreach (var stage in files.Select(f => f.File.Stage).Distinct())
        {
            if (path.All(s => s.Id != stage))
            {
                throw new EtlException(
                    "ETL4225", pipeline.Definition.Stages.Any(s => s.Id == stage)
                        ? $"'{stage}' refused rows that others are joined with: replayed alone they would not reach the rows that were loaded without them"
                        : $"dead letters are of the stage '{stage}', which the pipeline does not have any more",
                    "Select others with --stage; run with --full-refresh for these, or close them with `etl dead-letters discard`.");
            }
        }

        if (!isKeyed)
        {
            RequireRowLocal(pipeline, load);
            foreach (var file in files)
            {
                StoredColumns(pipeline, source, file);
            }

            return (source, null);
        }

        var columns = SourceColumns(pipeline, load, source);
        var unique = source.Schema.IsUniqueBy([.. columns]);
        if (!unique && load.Plan.Mode != LoadMode.Upsert)
        {
            throw SeesOthers(load);
        }

        RequireRowLocal(pipeline, load);
        return (source, new LetterKey(LetterColumns(pipeline, load, files, columns), columns, unique));
    }

    /// <summary>
    /// The source's columns that tell rows apart: an upsert replaces all that its key holds, so they are those that its key comes from; elsewhere they are the source's own key.
    /// </summary>
    public static IReadOnlyList<string> SourceColumns(CompiledPipeline pipeline, LoadNode load, ExtractNode source)
    {
        if (load.Plan.Mode != LoadMode.Upsert)
        {
            return source.Schema.Key;
        }

        var origins = pipeline.Rows.Origins[load.Stage.From[0].Stage];
        return [.. load.Plan.Key.Select(k => origins.TryGetValue(k, out var origin) ? origin : throw new EtlException(
            "ETL4226", $"the key column '{k}' of '{load.Id}' is made on the way, so rows of '{source.Id}' cannot be found by it",
            "Correct the rows in the source so that the next run reads them, or run with --full-refresh."))];
    }

    private static List<string> StoredColumns(CompiledPipeline pipeline, ExtractNode source, LetterFile letters)
    {
        var origins = pipeline.Rows.Origins[InputOf(pipeline, letters.File.Stage)];
        return [.. source.Schema.Names.Select(c => origins.FirstOrDefault(o => o.Value == c).Key ?? throw new EtlException(
            "ETL4223", $"rows of '{source.Id}' cannot be read again one by one, and those that '{letters.File.Stage}' refused do not hold the column '{c}' as it was read",
            "Keep all columns of the source up to the stage that refuses, declare the primary key in the contract, or run with --full-refresh."))];
    }

    private static List<string> LetterColumns(CompiledPipeline pipeline, LoadNode load, IReadOnlyList<LetterFile> files, IReadOnlyList<string> sourceColumns)
    {
        var named = files.Select(f => f.File.Stage).Distinct().Select(stage =>
        {
            var origins = pipeline.Rows.Origins[InputOf(pipeline, stage)];
            return sourceColumns.Select(c => origins.FirstOrDefault(o => o.Value == c).Key ?? throw new EtlException(
                "ETL4226", $"the rows that '{stage}' refuses do not hold the column '{c}', by which they would be found in the source", "Keep the key's columns on the way to it.")).ToList();
        }).ToList();
        return named.All(n => n.SequenceEqual(named[0], StringComparer.OrdinalIgnoreCase))
            ? named[0]
            : throw new EtlException("ETL4226", $"the key of '{load.Id}' has different names in the stages that refused rows", "Replay the letters of one stage at a time: --stage ID.");
    }

    // What a stage refuses has the columns that it took; an extract refuses, by its contract, what it read.
    private static string InputOf(CompiledPipeline pipeline, string stage) => pipeline.Definition.Stages.First(s => s.Id == stage).From is [var input, ..] ? input.Stage : stage;

    /// <summary>
    /// ETL4225: a stage sees other rows too, and gives another result for a row that comes alone. Only a choice among rows of one key is the same, when all of them come.
    /// </summary>
    public static void RequireRowLocal(CompiledPipeline pipeline, LoadNode load)
    {
        if (!IsRowLocal(pipeline, load))
        {
            throw SeesOthers(load);
        }
    }

    /// <summary>Whether a load's row comes from one row of the source, or from those of its key.</summary>
    public static bool IsRowLocal(CompiledPipeline pipeline, LoadNode load)
    {
        for (var node = pipeline.Node(load.Inputs[0]); node.Inputs.Count > 0; node = pipeline.Node(node.Inputs[0]))
        {
            var segment = (node as SegmentNode)?.Segment;
            if (segment is null || segment.Stages.Any(s => s.Opaque) || (load.Plan.Mode != LoadMode.Upsert && segment.Verdicts.Any(v => v.Fate == Fate.Deduplicated)))
            {
                return false;
            }
        }

        return true;
    }

    private static EtlException SeesOthers(LoadNode load) => new(
        "ETL4225", $"a stage above '{load.Id}' looks at several rows at once: rows that are replayed alone would come out otherwise",
        "Correct the rows in the source so that the next run reads them, or run with --full-refresh.");

    private static EtlException ReadsEverything(LoadNode load) => new(
        "ETL4224", $"'{load.Id}' is loaded from everything in each run: the next run reads the refused rows again", "Run the pipeline.");
}
