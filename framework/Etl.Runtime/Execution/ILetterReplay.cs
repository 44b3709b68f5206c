using Etl.Contracts;

namespace Etl.Runtime.Execution;

/// <summary>Stands in for a source while dead letters are replayed.</summary>
internal interface ILetterReplay : IExtractor
{
    /// <summary>Whether any row is selected: of rules only the files tell. Known once it is open.</summary>
    bool HasLetters { get; }

    /// <summary>What became of the letters, once everything was read.</summary>
    IEnumerable<DeadLetterClosing> Closed();
}
