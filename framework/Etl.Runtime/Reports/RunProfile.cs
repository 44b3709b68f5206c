using System.Diagnostics;

namespace Etl.Runtime.Reports;

/// <summary>
/// Where a stage's time went, in seconds since the run's start. Its workers were busy or waited; an extract stage that waits for its source counts as busy, and
/// so does a load that waits for its target.
/// </summary>
/// <param name="From">When it began.</param>
/// <param name="To">When it ended.</param>
/// <param name="Busy">What is left of the time between.</param>
/// <param name="WaitedForInput">The stages before it were behind; the mean of its workers.</param>
/// <param name="WaitedForOutput">The stages after it were behind; the mean of its workers.</param>
/// <param name="SpilledBytes">The most that its query had on disk at a time; null for none.</param>
public sealed record StageProfile(double From, double To, double Busy, double WaitedForInput, double WaitedForOutput, long? SpilledBytes = null);

/// <summary>Where a publish's time went.</summary>
/// <param name="From">When it began, in seconds since the run's start.</param>
/// <param name="Seconds">How long it took.</param>
/// <param name="Steps">In their order; what they do not add up to was spent between them.</param>
public sealed record PublishProfile(double From, double Seconds, IReadOnlyList<PublishStep> Steps);

/// <summary>A step of a publish, such as a statement.</summary>
/// <param name="Name">In a few words.</param>
/// <param name="Seconds">How long it took.</param>
public sealed record PublishStep(string Name, double Seconds);

/// <summary>What the process took from its start.</summary>
/// <param name="CpuSeconds">On all processors.</param>
/// <param name="PeakBytes">The most memory that was resident at a time.</param>
/// <param name="GcPauseSeconds">For how long the runtime's memory management stopped all else.</param>
public sealed record ProcessProfile(double CpuSeconds, long PeakBytes, double GcPauseSeconds)
{
    /// <summary>Of this process, until now.</summary>
    public static ProcessProfile OfThis()
    {
        using var self = Process.GetCurrentProcess();
        return new ProcessProfile(self.TotalProcessorTime.TotalSeconds, self.PeakWorkingSet64, GC.GetTotalPauseDuration().TotalSeconds);
    }
}
