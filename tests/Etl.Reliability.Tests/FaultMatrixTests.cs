using System.Globalization;
using System.Text.RegularExpressions;
using Etl.EndToEnd.Tests;
using NUnit.Framework;

namespace Etl.Reliability.Tests;

/// <summary>
/// The faults that a run must survive with nothing lost and nothing doubled, by their numbers. A test of one says so: <c>[Property("Fault", 42)]</c>, in whichever
/// project it is.
/// </summary>
public sealed partial class FaultMatrixTests
{
    private const int LeastAutomated = 68;

    private static readonly string[] Faults =
    [
        "killed while validating", "killed with the lease taken", "killed with the checkpoint read", "killed while extracting", "killed in a query",
        "killed while staging", "killed between staging and publishing", "killed inside the publishing transaction", "killed between commit and answer", "killed between commit and audit",
        "killed while cleaning up", "killed between dead letters and commit", "killed during an upload in parts", "killed between data files and the log", "log written, answer lost",
        "source session ended in a batch", "source session ended between batches", "target session ended in COPY, MERGE, COMMIT", "server crashed and came back", "peer silent",
        "connection reset after N bytes", "slow network", "host unreachable", "certificate wrong", "password changed during a run",
        "permission denied", "disk full: temporary files", "disk full: data files", "disk full: dead letters", "fsync fails",
        "write fails the N-th time", "disk full: target", "store answers 500 and 503", "store answers 200 with an error", "store answers 409",
        "store keeps a damaged body", "store lists stale pages", "credentials expire during an upload", "statement or lock timeout at the publish", "deadlock of two upserts",
        "serialisation failure", "two runs of a pipeline", "stopped beyond its lease", "two pipelines into one table", "clock jumps",
        "late commit below the watermark", "transaction open for long", "many rows of one cursor", "row changed while it is read", "row deleted at the source",
        "cursor NULL or going back", "source columns change", "target table changed or dropped", "poison row", "dead letters cannot be written",
        "key twice in a batch", "key twice with equal cursors", "too little memory", "killed by the kernel", "plugin throws or ends the process",
        "plugin hangs", "plugin leaks", "signals, closed pipes", "scheduler killed", "retries without end",
        "another server under the same name", "checkpoint edited or deleted", "pipeline changed between runs", "state of a newer version", "interrupted plan or validation",
    ];

    [Test]
    public void Enough_of_the_faults_are_tested_and_those_that_are_not_are_named()
    {
        var tested = Directory.EnumerateFiles(Path.Combine(ShippedCli.Repository, "tests"), "*.cs", SearchOption.AllDirectories)
            .Where(f => !f.Contains("/obj/", StringComparison.Ordinal) && !f.Contains("/bin/", StringComparison.Ordinal))
            .SelectMany(f => Annotation().Matches(File.ReadAllText(f)).Select(m => int.Parse(m.Groups[1].ValueSpan, CultureInfo.InvariantCulture)))
            .ToHashSet();
        TestContext.Out.WriteLine($"{tested.Count} of {Faults.Length} faults are tested; these are not:");
        foreach (var (number, what) in Faults.Index().Where(f => !tested.Contains(f.Index + 1)))
        {
            TestContext.Out.WriteLine($"{number + 1} {what}");
        }

        Assert.That(tested, Is.All.InRange(1, Faults.Length));
        Assert.That(tested, Has.Count.AtLeast(LeastAutomated));
    }

    [GeneratedRegex("""^\s*\[Property\("Fault", (\d+)\)\]""", RegexOptions.Multiline)]
    private static partial Regex Annotation();
}
