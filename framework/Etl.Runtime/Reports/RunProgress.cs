namespace Etl.Runtime.Reports;

/// <summary>What a stage is doing.</summary>
public enum StagePhase
{
    /// <summary>Rows move.</summary>
    Running,

    /// <summary>A load makes its rows visible.</summary>
    Publishing,

    /// <summary>It has ended well.</summary>
    Done,

    /// <summary>It has ended badly.</summary>
    Failed,
}

/// <summary>
/// How far a stage is. Sent when a phase changes and in between as often as the engine likes; whoever shows it thins it out.
/// </summary>
/// <param name="Stage">The stage's id.</param>
/// <param name="Phase">What it is doing.</param>
/// <param name="Rows">Rows read by an extract stage, passed by a transform stage, staged by a load stage, so far.</param>
/// <param name="ExpectedRows">Rows at the end, if that is known; an estimate that may be passed.</param>
/// <param name="Bytes">Bytes of Arrow data so far; 0 where they are not counted.</param>
public sealed record RunProgress(string Stage, StagePhase Phase, long Rows, long? ExpectedRows, long Bytes);
