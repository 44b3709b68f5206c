using Etl.Contracts;
using Etl.Runtime.Definition;
using Etl.Runtime.Diagnostics;
using Etl.Runtime.Options;
using Etl.Runtime.Plugins;
using Etl.Runtime.Yaml;

namespace Etl.Runtime.Compilation;

/// <summary>The passes "resolve components" and "bind options": from names to instances.</summary>
internal static class StageResolver
{
    private const string OnDriftOption = "on_drift";

    public static IReadOnlyList<ResolvedStage> Resolve(
        Project project, PipelineDefinition definition, ComponentFactory factory, ConnectionPool connections, Redactor redactor, DiagnosticBag bag, IReadOnlyDictionary<string, DataContract>? contracts)
    {
        var stages = new List<ResolvedStage>();
        foreach (var stage in definition.Stages)
        {
            var contract = stage.Contract is null ? null : ReadContract(project, stage, bag);
            if (contract is not null && contracts?.GetValueOrDefault(stage.Id) is { } evolved)
            {
                contract = contract with { Contract = evolved };
            }

            var component = Make(project, stage, factory, connections, redactor, bag);
            // Without its contract an extractor would only say once more that there is none.
            stages.Add(new ResolvedStage(stage, stage.Contract is not null && contract is null ? null : component, contract));
        }

        return stages;
    }

    private static ContractFile? ReadContract(Project project, StageDefinition stage, DiagnosticBag bag)
    {
        if (File.Exists(stage.Contract))
        {
            return project.Contracts.Read(stage.Contract, bag);
        }

        bag.AddError(stage.ContractSpan, "ETL3001", $"the contract '{stage.Contract}' is not there", $"Write it from the live table: etl contract import --connection {stage.Connection} --table {(stage.With["table"] as YamlScalar)?.Value ?? "TABLE"}");
        return null;
    }

    private static object? Make(Project project, StageDefinition stage, ComponentFactory factory, ConnectionPool connections, Redactor redactor, DiagnosticBag bag)
    {
        var kind = stage.Kind switch { StageKind.Extract => ComponentKind.Extractor, StageKind.Load => ComponentKind.Loader, _ => ComponentKind.Transformer };
        var connection = stage.Connection is null ? null : connections.Find(stage.Connection, stage.ConnectionSpan);
        if (stage.Connection is not null && connection is null)
        {
            return null;
        }

        var descriptor = factory.Catalog.Find(kind, stage.Component, connection?.Type);
        if (descriptor is null)
        {
            ReportUnknown(stage, kind, connection, factory.Catalog, bag);
            return null;
        }

        try
        {
            object? options = null;
            if (factory.OptionsType(descriptor) is { } type && (options = OptionBinder.Bind(type, WithDefaults(project, stage, type), stage.ComponentSpan, bag, redactor)) is null)
            {
                return null;
            }

            if (factory.ConnectionParameter(descriptor) is null && stage.Connection is not null)
            {
                bag.AddError(stage.ConnectionSpan, "ETL3005", $"'{stage.Component}' uses no connection", "Remove the line.");
                return null;
            }

            var opened = connection is null ? null : connections.Open(connection);
            return connection is not null && opened is null ? null : factory.Create(descriptor, options, opened);
        }
        catch (EtlException e) when (e.Code == "ETL3002" && connection is not null)
        {
            bag.AddError(stage.ConnectionSpan, e);
            return null;
        }
        catch (EtlException e)
        {
            new ResolvedStage(stage, null, null).Report(e, bag);
            return null;
        }
    }

    // What etl.yaml says for all stages that have such an option, and do not say it themselves.
    private static YamlMap WithDefaults(Project project, StageDefinition stage, Type options) =>
        project.Settings.OnDrift is { } onDrift && stage.With[OnDriftOption] is null && OptionSet.For(options).Options.Any(o => o.Name == OnDriftOption)
            ? stage.With with { Entries = [.. stage.With.Entries, new YamlEntry(OnDriftOption, stage.ComponentSpan, new YamlScalar(onDrift.ToString().ToLowerInvariant(), YamlStyle.Plain, stage.ComponentSpan))] }
            : stage.With;

    private static void ReportUnknown(StageDefinition stage, ComponentKind kind, ConnectionDefinition? connection, PluginCatalog catalog, DiagnosticBag bag)
    {
        var what = kind.ToString().ToLowerInvariant();
        var named = catalog.Named(kind, stage.Component).Select(c => c.For!).ToList();
        if (named.Count > 0)
        {
            bag.AddError(
                connection is null ? stage.ComponentSpan : stage.ConnectionSpan, "ETL3006",
                connection is null ? $"{what} '{stage.Component}' needs a connection" : $"there is no {what} '{stage.Component}' for connection '{connection.Name}' of type {connection.Type}",
                $"'{stage.Component}' is offered for: {string.Join(", ", named)}.");
            return;
        }

        var names = catalog.Components.Where(c => c.Kind == kind).Select(c => c.Name).Distinct().ToList();
        bag.AddError(stage.ComponentSpan, "ETL3007", $"no plugin offers the {what} '{stage.Component}'", $"{Suggest.Sentence(stage.Component, names)}Installed: {string.Join(", ", names)}.");
    }
}
