using Etl.Contracts;
using Etl.Runtime.Definition;
using Etl.Runtime.Diagnostics;
using Etl.Runtime.Options;

namespace Etl.Runtime.Compilation;

/// <summary>A stage with its component.</summary>
/// <param name="Definition">As written.</param>
/// <param name="Component">The instance; null when it could not be made, which the bag says.</param>
/// <param name="File">The contract that it names: of what an extract reads, or of what a load gives.</param>
internal sealed record ResolvedStage(StageDefinition Definition, object? Component, ContractFile? File)
{
    public DataContract? Contract => File?.Contract;

    public string Id => Definition.Id;

    /// <summary>Adds what a component threw, at the option that it named.</summary>
    public void Report(EtlException error, DiagnosticBag bag) => bag.AddError(
        error.OptionPath is null ? Definition.ComponentSpan : OptionBinder.SpanOf(Definition.With, error.OptionPath, error.OptionOffset), error);
}
