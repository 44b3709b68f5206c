using System.Globalization;
using Etl.Contracts;
using Etl.Runtime.Reports;

namespace Etl.Cli;

/// <summary>How the process ends; a scheduler decides by it.</summary>
internal static class ExitCode
{
    public const int Done = 0;

    /// <summary>The run, or the command, failed.</summary>
    public const int Failed = 1;

    /// <summary>What was given is wrong: YAML, options, types, usage. Trying again changes nothing.</summary>
    public const int InvalidInput = 2;

    /// <summary>A data quality rule refused the run, or would: a source or a target is not what is declared.</summary>
    public const int Refused = 3;

    /// <summary>Another live run of the pipeline holds its target.</summary>
    public const int AlreadyRunning = 4;

    /// <summary>By SIGINT; by SIGTERM it is 143.</summary>
    public const int Interrupted = 130;

    /// <summary>By SIGTERM.</summary>
    public const int Terminated = 143;

    // LeaseHeldException, also when it comes as the error of a report.
    private const string LeaseHeld = "ETL4303";

    public static int Of(RunReport report, int cancelled) => report.Status switch
    {
        RunStatus.Succeeded or RunStatus.NothingNew => Done,
        RunStatus.Refused => Refused,
        RunStatus.Cancelled => cancelled,
        _ => report.Error?.Code is { } code ? Of(code) : Failed,
    };

    public static int Of(EtlException error) => Of(error.Code);

    /// <summary>1xxx to 3xxx, 460x, 4640, 466x, 602x and 6040 to 6042 are about what a person wrote, and 5xxx about the plugins that were given; 5020 is found in a run.</summary>
    private static int Of(string code) => code switch
    {
        LeaseHeld => AlreadyRunning,
        _ when int.TryParse(code.AsSpan(code.StartsWith("ETL", StringComparison.Ordinal) ? 3 : 0), NumberStyles.None, CultureInfo.InvariantCulture, out var number) =>
            number is (>= 1000 and < 4000) or (>= 4600 and < 4610) or 4640 or (>= 4660 and < 4670) or (>= 6020 and < 6030) or (>= 6040 and < 6043) or (>= 5000 and < 6000 and not 5020) ? InvalidInput : Failed,
        _ => Failed,
    };
}
