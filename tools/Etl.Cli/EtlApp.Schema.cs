using Etl.Contracts;
using Etl.Runtime;
using Etl.Runtime.Definition;
using Etl.Runtime.Options;
using Etl.Runtime.Plugins;

namespace Etl.Cli;

internal sealed partial class EtlApp
{
    public Task<string> PipelineSchemaAsync(Scope scope, string? folder, CancellationToken cancel) => Guarded(() =>
    {
        var project = folder is null ? null : PipelineRunner.OpenProject(folder, EnvironmentOf(scope));
        var factory = Factory(scope, project);
        var components = factory.Catalog.Components.Where(c => c.Kind is ComponentKind.Extractor or ComponentKind.Transformer or ComponentKind.Loader).Select(c => Schema(factory, c));
        if (project is null)
        {
            return Task.FromResult(JsonSchemaWriter.Pipeline(components));
        }

        var types = factory.Catalog.Components.Where(c => c.Kind == ComponentKind.Connection).ToList();
        return Task.FromResult(JsonSchemaWriter.Pipeline(
            [
                .. factory.Catalog.Components.Where(c => c.Kind is ComponentKind.Extractor or ComponentKind.Transformer or ComponentKind.Loader)
                    .Select(c => Schema(factory, c) with { ConnectionTypes = TypesOf(factory, c, types) }),
                .. types.Select(t => Schema(factory, t) with { IsStore = typeof(IObjectStore).IsAssignableFrom(factory.Catalog.Load(t)) }),
            ],
            ProjectNames.Of(project, folder!)));
    });

    private static ComponentSchema Schema(ComponentFactory factory, ComponentDescriptor c) =>
        new(KindOf(c.Kind), c.Name, c.Summary, factory.OptionsType(c) is { } type ? OptionSet.For(type) : null);

    private static List<string>? TypesOf(ComponentFactory factory, ComponentDescriptor component, IReadOnlyList<ComponentDescriptor> types) => factory.ConnectionParameter(component) is not { } wanted
        ? null
        : component.For is { } only ? [only] : [.. types.Where(t => wanted.IsAssignableFrom(factory.Catalog.Load(t))).Select(t => t.Name)];
}
