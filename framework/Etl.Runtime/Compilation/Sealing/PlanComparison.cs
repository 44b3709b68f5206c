using System.Text.Json.Nodes;
using Etl.Contracts;
using Etl.Runtime.Definition;
using Etl.Runtime.Diagnostics;
using Etl.Runtime.Plugins;

namespace Etl.Runtime.Compilation.Sealing;

/// <summary>A sealed plan against a project as it is now: what has changed, in words.</summary>
/// <param name="plan">What was reviewed.</param>
/// <param name="project">As it is now.</param>
/// <param name="file">The pipeline that is to run.</param>
/// <param name="date"><c>--date</c> of this run.</param>
/// <param name="plugins">The plugins of this run.</param>
/// <param name="redactor">Knows the secrets of this run.</param>
internal sealed class PlanComparison(SealedPlan plan, Project project, string file, DateOnly? date, PluginCatalog plugins, Redactor redactor)
{
    private const int MostTold = 20;

    /// <summary>ETL3133 if a pipeline that does not compile is not what the plan was made from.</summary>
    public void RequireSameInputs()
    {
        var changes = Inputs().ToList();
        Require(changes.Count == 0 ? [] : [.. changes, "the pipeline does not compile any more"]);
    }

    /// <summary>ETL3133 if a run of this would not be a run of the plan.</summary>
    public void RequireSame(CompiledPipeline now) => Require([.. Inputs(), .. Compiled(now)]);

    // What can be told before anything is compiled.
    private IEnumerable<string> Inputs()
    {
        var inputs = plan.Inputs;
        var (run, planned) = (PlanInputs.NameOf(project, file), plan.File);
        IEnumerable<string> first =
        [
            .. run == planned ? [] : (string[])[$"the pipeline is '{run}', and the plan is of '{planned}'"],
            .. project.Environment == plan.Environment ? [] : (string[])[$"the environment is '{project.Environment}', and the plan is for '{plan.Environment}'"],
            .. date == inputs.Date ? [] : (string[])[$"the date is {Day(date)}, and the plan is for {Day(inputs.Date)}"],
        ];
        return first
            .Concat(Differences(inputs.Files, PlanInputs.FilesOf(project, inputs.Files.Keys), n => $"'{n}' has other content", n => $"'{n}' is gone", n => $"'{n}' is new"))
            .Concat(Differences(inputs.Plugins, PlanInputs.PluginsOf(plugins, inputs.Plugins.Keys), n => $"{n} is another build", n => $"the plugin {n} is gone", n => $"the plugin {n} is new"));
    }

    private List<string> Compiled(CompiledPipeline now)
    {
        var then = plan.Inputs;
        var (parameters, connections) = (PlanInputs.ParametersOf(now, redactor), PlanInputs.ConnectionsOf(now));
        List<string> changes =
        [
            .. then.Parameters.Where(p => parameters.TryGetValue(p.Key, out var value) && p.Value is not null && value is not null && value != p.Value)
                .Select(p => $"the parameter {p.Key} is {parameters[p.Key]}, and {p.Value} in the plan"),
            .. Differences(then.Connections, connections, n => $"the connection {n} leads to {connections[n]}, and to {then.Connections[n]} in the plan", _ => null, _ => null),
            .. Differences(then.Variables, PlanInputs.VariablesOf(now, redactor), n => $"a variable in the options of '{n}' has another value", _ => null, _ => null),
            .. Differences(ById(plan.Nodes), ById(SealedPlan.NodesOf(now)), n => $"'{n}' compiles to something else", n => $"'{n}' is gone", n => $"'{n}' is new"),
        ];
        if (changes.Count == 0 && now.Hash != plan.Hash)
        {
            changes.Add("a parameter that is a secret, or a variable, has another value");
        }

        return changes;
    }

    private SortedDictionary<string, string> ById(JsonArray nodes) =>
        new(nodes.ToDictionary(n => n!["id"]!.GetValue<string>(), n => SealedPlan.Canonical(SealedPlan.Redacted(n, redactor))), StringComparer.Ordinal);

    private IEnumerable<string> Differences(SortedDictionary<string, string> then, SortedDictionary<string, string> now, Func<string, string?> changed, Func<string, string?> gone, Func<string, string?> added) =>
        then.Keys.Union(now.Keys).Order(StringComparer.Ordinal).Select(name =>
            !now.TryGetValue(name, out var value) ? gone(name) : !then.TryGetValue(name, out var old) ? added(name) : redactor.Redact(value) == redactor.Redact(old) ? null : changed(name)).OfType<string>();

    private void Require(IReadOnlyList<string> changes)
    {
        if (changes.Count > 0)
        {
            var told = changes.Take(MostTold).Append(changes.Count > MostTold ? FormattableString.Invariant($"and {changes.Count - MostTold} more") : null).OfType<string>();
            throw new EtlException("ETL3133", $"this is not what the plan '{plan.Path}' was made from: {string.Join("; ", told)}", "Nothing was read or written. Review the change and plan again: etl plan PIPELINE --json FILE.");
        }
    }

    private static string Day(DateOnly? day) => day is null ? "that of the run" : FormattableString.Invariant($"{day:yyyy-MM-dd}");
}
