using Etl.Contracts;
using Etl.Runtime.Diagnostics;
using Etl.Runtime.Yaml;
using FluentValidation;

namespace Etl.Runtime.Definition;

/// <summary>A folder with <c>etl.yaml</c>, and what stands beside it.</summary>
/// <param name="Folder">Absolute.</param>
/// <param name="Settings">From <c>etl.yaml</c>, or the defaults.</param>
/// <param name="Connections">By name; those of the environment have replaced their namesakes.</param>
/// <param name="Environment">The name given by <c>--env</c>, or <c>default</c>.</param>
public sealed record Project(string Folder, ProjectSettings Settings, IReadOnlyDictionary<string, ConnectionDefinition> Connections, string Environment)
{
    /// <summary>The environment when none is named.</summary>
    public const string DefaultEnvironment = "default";

    /// <summary>Where the project keeps its state: <c>.etl</c> in its folder.</summary>
    public string StateFolder => System.IO.Path.Combine(Folder, ".etl");

    /// <summary>What <c>${NAME}</c> is looked up in.</summary>
    public required EnvironmentVariables Variables { get; init; }

    internal ContractFiles Contracts { get; } = new(Settings.Checks);

    /// <summary>
    /// A connection that something names; tells the bag when there is none, and what is wrong with its values. A variable that is
    /// not set is an error only where the connection is opened: validation needs no secrets.
    /// </summary>
    /// <param name="name">The name.</param>
    /// <param name="span">Where it is named.</param>
    /// <param name="isOpened">Whether the command connects.</param>
    /// <param name="bag">Receives what is wrong.</param>
    public ConnectionDefinition? Use(string name, SourceSpan span, bool isOpened, DiagnosticBag bag)
    {
        if (!Connections.TryGetValue(name, out var connection))
        {
            var known = Connections.Count == 0
                ? $"Write it in {System.IO.Path.Combine(Folder, "connections.yaml")}."
                : $"{Suggest.Sentence(name, Connections.Keys)}Connections are: {string.Join(", ", Connections.Keys)}.";
            bag.AddError(span, "ETL1042", $"there is no connection '{name}'", known);
            return null;
        }

        foreach (var problem in connection.Problems)
        {
            bag.Add(problem.Code == "ETL1030" && !isOpened ? problem with { Severity = Diagnostics.Severity.Warning } : problem);
        }

        return connection;
    }
}

/// <summary>A named system.</summary>
/// <param name="Name">As stages write it.</param>
/// <param name="Type">The connection type's name.</param>
/// <param name="With">All but <c>type</c>, substituted: options of the connection type.</param>
/// <param name="Span">Where it is defined.</param>
public sealed record ConnectionDefinition(string Name, string Type, YamlMap With, SourceSpan Span)
{
    /// <summary>Where the type is named.</summary>
    public SourceSpan TypeSpan { get; init; } = Span;

    /// <summary>What substitution found; told when the connection is used (<see cref="Project.Use"/>), as not every pipeline uses each.</summary>
    public IReadOnlyList<Diagnostic> Problems { get; init; } = [];
}

/// <summary>What <c>etl.yaml</c> says for all pipelines of a project.</summary>
public sealed record ProjectSettings
{
    /// <summary>Plugins.</summary>
    [Option("Folders with plugins, relative to the project; searched before those of ETL_PLUGINS and the built-in ones.", Example = "[plugins]")]
    public IReadOnlyList<string> Plugins { get; init; } = [];

    /// <summary>Zone of logical dates.</summary>
    [Option("The time zone, by its IANA name, that decides which day a run's date is.", Example = "Europe/Amsterdam")]
    public string TimeZone { get; init; } = "UTC";

    /// <summary>Budget.</summary>
    [Option("Memory for the engine and for batches in flight together.", Example = "512MB", Min = 64 * 1024 * 1024)]
    public ByteSize Memory { get; init; } = new(512L << 20);

    /// <summary>The runs.</summary>
    [Option("A connection that keeps the list of runs. Absent: a file in the state folder.", Example = "dwh", Identifier = true)]
    public string? Ledger { get; init; }

    /// <summary>Refused rows.</summary>
    [Option("Where refused rows of pipelines go that do not say it themselves.")]
    public DeadLetterPolicy? DeadLetters { get; init; }

    /// <summary>Columns that contracts do not have.</summary>
    [Option("on_drift of stages that do not say it themselves: what becomes of columns that a source has and its contract does not.")]
    public OnDrift? OnDrift { get; init; }

    /// <summary>Columns that no text shows.</summary>
    [Option("Classifications of a contract's columns whose values, and what is made of them, are shown in no report, log, error or list of dead letters.", Example = "[pii, restricted]")]
    public IReadOnlyList<string> HiddenClassifications { get; init; } = ["pii", "phi", "personal", "sensitive", "confidential", "restricted", "secret"];

    /// <summary>Severities.</summary>
    [Option("What becomes of the compiler's warnings, by code: error, warning or off. What would lose or double rows is an error whatever is written here.", Example = "{ ETL3053: error }")]
    public IReadOnlyDictionary<string, CheckLevel> Checks { get; init; } = new Dictionary<string, CheckLevel>();
}

/// <summary>A time zone that exists, and checks that can be set.</summary>
public sealed class ProjectSettingsRules : OptionsRules<ProjectSettings>
{
    /// <summary>The rules.</summary>
    public ProjectSettingsRules()
    {
        RuleFor(s => s.TimeZone).Must(zone => TimeZoneInfo.TryFindSystemTimeZoneById(zone, out _)).WithMessage("is not a known time zone.");
        // The catalog is read when it is asked, which takes 10 ms.
        RuleFor(s => s.Checks).Must(checks => checks.Keys.All(code => DiagnosticCatalog.Warnings.Contains(code)))
            .WithMessage(_ => $"has a code whose severity cannot be set. It can for what is a warning: {string.Join(", ", DiagnosticCatalog.Warnings)}; an error stays one.");
    }
}
