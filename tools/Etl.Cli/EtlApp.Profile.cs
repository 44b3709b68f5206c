using Etl.Runtime;
using Etl.Runtime.Profiling;

namespace Etl.Cli;

internal sealed partial class EtlApp
{
    public Task<SourceProfile> ProfileAsync(Scope scope, ProfileRequest request, CancellationToken cancel) => Guarded(() =>
    {
        var project = PipelineRunner.OpenProject(Environment.CurrentDirectory, EnvironmentOf(scope));
        return new Profiler(project, Factory(scope, project), _redactor).ProfileAsync(request, cancel);
    });
}
