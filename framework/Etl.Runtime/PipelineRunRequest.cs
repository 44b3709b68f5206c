using Etl.Contracts;
using Etl.Runtime.Compilation.Sealing;
using Etl.Runtime.Diagnostics;
using Etl.Runtime.Execution;
using Etl.Runtime.Ledger;
using Etl.Runtime.Reports;
using Etl.Runtime.Telemetry;

namespace Etl.Runtime;

/// <summary>What a person or a scheduler asks for.</summary>
/// <param name="File">The pipeline's file.</param>
public sealed record PipelineRunRequest(string File)
{
    /// <summary><c>--env</c>.</summary>
    public string? Environment { get; init; }

    /// <summary>Texts of <c>--param name=value</c>.</summary>
    public IReadOnlyDictionary<string, string> Params { get; init; } = new Dictionary<string, string>();

    /// <summary>The logical date; null for today in the project's time zone.</summary>
    public DateOnly? Date { get; init; }

    /// <summary>Runs only if it is this plan that runs; null for whatever the files say.</summary>
    public SealedPlan? Plan { get; init; }

    /// <summary>Reads everything and replaces the targets.</summary>
    public bool FullRefresh { get; init; }

    /// <summary>Replays these dead letters instead of reading what is new.</summary>
    public LetterSelection? Replay { get; init; }

    /// <summary>Reads this range again instead of what is new.</summary>
    public BackfillRange? Backfill { get; init; }

    /// <summary>Compares targets with everything that the sources have instead of reading what is new.</summary>
    public Reconciliation? Reconcile { get; init; }

    /// <summary>Rules accepted for this run.</summary>
    public IReadOnlySet<string> Accepted { get; init; } = new HashSet<string>();

    /// <summary>Why; required with <see cref="Accepted"/>.</summary>
    public string? AcceptedReason { get; init; }

    /// <summary>False when nothing will be connected, as for a plan: then a connection may lack its secrets.</summary>
    public bool Connects { get; init; } = true;

    /// <summary>Waits for another run of the same pipeline.</summary>
    public bool Wait { get; init; }

    /// <summary>Reports where the time went.</summary>
    public bool Profile { get; init; }

    /// <summary>Instead of the project's.</summary>
    public ByteSize? Memory { get; init; }

    /// <summary>Learns the secrets that are resolved, and takes them out of what is reported.</summary>
    public Redactor Redactor { get; init; } = new();

    /// <summary>Given redacted text.</summary>
    public JsonLog Log { get; init; } = JsonLog.None;

    /// <summary>Called from many threads.</summary>
    public Action<RunProgress> Progress { get; init; } = _ => { };

    /// <summary>Receives the compiler's warnings.</summary>
    public Action<IReadOnlyList<Diagnostic>> Warn { get; init; } = _ => { };

    /// <summary>See <see cref="RunSettings.FailPoints"/>.</summary>
    internal FailPoints FailPoints { get; init; } = FailPoints.Current;

    /// <summary>See <see cref="RunSettings.Process"/>.</summary>
    internal ProcessIdentity Process { get; init; } = ProcessIdentity.Current;
}
