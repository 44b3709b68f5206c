using Etl.Contracts;
using Etl.Runtime.Definition;
using Etl.Runtime.Diagnostics;
using Etl.Runtime.Plugins;

namespace Etl.Runtime.Compilation;

/// <summary>
/// From a definition to a plan, offline. <c>validate</c>, <c>plan</c>, <c>test</c> and <c>run</c> all call this, so what validates runs. Each pass adds what it
/// finds to one bag; a later pass works on what the earlier ones could make sense of.
/// </summary>
public static class Compiler
{
    /// <summary>The plan, or null when the bag has errors.</summary>
    /// <param name="project">Where it stands.</param>
    /// <param name="definition">What was written.</param>
    /// <param name="factory">Makes components.</param>
    /// <param name="redactor">Learns secrets.</param>
    /// <param name="connects">Whether the caller connects.</param>
    /// <param name="bag">Receives what is wrong.</param>
    /// <param name="contracts">By extract stage, instead of those that the files hold; null for none.</param>
    public static async ValueTask<CompiledPipeline?> CompileAsync(
        Project project, PipelineDefinition definition, ComponentFactory factory, Redactor redactor, bool connects, DiagnosticBag bag, IReadOnlyDictionary<string, DataContract>? contracts = null)
    {
        var connections = new ConnectionPool(project, factory, redactor, connects, bag);
        CompiledPipeline? compiled = null;
        try
        {
            var stages = StageResolver.Resolve(project, definition, factory, connections, redactor, bag, contracts);
            var letters = OpenDeadLetters(project, definition, connections, bag);
            GraphLinker.Link(definition, stages, bag);
            var nodes = GraphTyper.Type(definition, stages, bag, out var rows);
            PlanChecks.Check(nodes, rows, bag);
            CheckDeadLetters(letters, nodes, connections, bag);
            if (bag.HasErrors)
            {
                return null;
            }

            var typed = new CompiledPipeline
            {
                Definition = definition,
                Project = project,
                Nodes = nodes,
                Connections = connections.Opened,
                Hash = PlanHash.Of(definition, nodes),
                Rows = rows,
            };
            typed.Conversions = ConversionLedger.Of(typed, bag);
            typed.Hidden = HiddenColumns.Of(typed, stages.Where(s => s.Contract is not null).ToDictionary(s => s.Id, s => s.Contract!));
            return compiled = bag.HasErrors ? null : typed;
        }
        finally
        {
            if (compiled is null)
            {
                foreach (var connection in connections.Opened.Values)
                {
                    await connection.DisposeAsync();
                }
            }
        }
    }

    // Their folder; null for the state folder. No stage may use the connection.
    private static string? OpenDeadLetters(Project project, PipelineDefinition definition, ConnectionPool connections, DiagnosticBag bag)
    {
        if ((definition.Policies.DeadLetters ?? project.Settings.DeadLetters) is not { Connection: { } name } policy || connections.Find(name, definition.IdSpan) is not { } found || connections.Open(found) is not { } opened)
        {
            return null;
        }

        if (opened is IObjectStore store)
        {
            return $"{store.Root}{string.Concat(policy.Path.Split('/', StringSplitOptions.RemoveEmptyEntries).Select(s => s + "/"))}";
        }

        bag.AddError(definition.IdSpan, "ETL3065", $"the connection '{name}', which dead_letters names, keeps no objects: it is {opened.Display}", "Name one of type file or s3, or leave `connection` out for the state folder.");
        return null;
    }

    // In a folder of data they would be taken for data, or for what nobody needs any more.
    private static void CheckDeadLetters(string? letters, IReadOnlyList<PlanNode> nodes, ConnectionPool connections, DiagnosticBag bag)
    {
        foreach (var load in nodes.OfType<LoadNode>().Where(l => letters is not null && l.Stage.Connection is { } name && connections.Opened[name] is IObjectStore))
        {
            var target = load.Plan.Target.TrimEnd('/') + "/";
            if (letters!.StartsWith(target, StringComparison.Ordinal) || target.StartsWith(letters, StringComparison.Ordinal))
            {
                bag.AddError(
                    load.Stage.With["path"]?.Span ?? load.Stage.ComponentSpan, "ETL3066", $"'{load.Id}' loads into {target}, and dead letters go to {letters}: what is in one would be taken for what is in the other",
                    "Give dead_letters a `path` beside what is loaded, such as dead-letters/.");
            }
        }
    }
}
