using System.Collections.Concurrent;
using Etl.Runtime.Diagnostics;

namespace Etl.Runtime.Definition;

/// <summary>Contracts of a project that is open: each is read once, however many pipelines name it.</summary>
/// <param name="checks">What becomes of warnings.</param>
internal sealed class ContractFiles(IReadOnlyDictionary<string, CheckLevel> checks)
{
    private readonly ConcurrentDictionary<string, Lazy<(ContractFile? Contract, IReadOnlyList<Diagnostic> Problems)>> _read = new(StringComparer.Ordinal);

    /// <summary>The contract in a file; null when the bag was told of an error.</summary>
    public ContractFile? Read(string file, DiagnosticBag bag)
    {
        var (contract, problems) = _read.GetOrAdd(file, f => new(() =>
        {
            var own = new DiagnosticBag(checks);
            return (ContractReader.ReadFile(f, own), own.Sorted);
        })).Value;
        foreach (var problem in problems)
        {
            bag.Add(problem);
        }

        return contract;
    }
}
