using Etl.Runtime.Diagnostics;
using Etl.Runtime.Yaml;

namespace Etl.Runtime.Definition;

/// <summary>A test of <c>tests:</c> as written: its stages and columns are names, its values YAML.</summary>
/// <param name="Name">Unique in the file.</param>
/// <param name="Span">Where the test starts.</param>
/// <param name="Existing">Rows that targets hold before the first run.</param>
/// <param name="Runs">The first run, and those of <c>then</c>, in order.</param>
public sealed record TestDefinition(string Name, SourceSpan Span, IReadOnlyList<TestRows> Existing, IReadOnlyList<TestRun> Runs);

/// <summary>A run of a test.</summary>
/// <param name="Span">Where it starts.</param>
/// <param name="Clock">What the clock shows, from the start to the end.</param>
/// <param name="Date">The logical date; null for the clock's day in the project's time zone.</param>
/// <param name="Params">Texts by the name of a parameter.</param>
/// <param name="Given">Rows that the sources give.</param>
/// <param name="Expect">What must come of it.</param>
public sealed record TestRun(SourceSpan Span, DateTimeOffset Clock, DateOnly? Date, IReadOnlyDictionary<string, string> Params, IReadOnlyList<TestRows> Given, TestExpectation Expect);

/// <summary>Rows of a stage.</summary>
/// <param name="Stage">Its id.</param>
/// <param name="Span">Where the stage is named.</param>
/// <param name="Rows">Each maps columns to values.</param>
public sealed record TestRows(string Stage, SourceSpan Span, IReadOnlyList<YamlMap> Rows);

/// <summary>What must come of a run. Null members are not looked at.</summary>
/// <param name="Span">Where it is written.</param>
/// <param name="Targets">All rows that a load's target then holds, by the columns that are listed.</param>
/// <param name="DeadLetters">All rows that were refused.</param>
/// <param name="Rules">How rules came out: a number of rows, or a word.</param>
/// <param name="Stages">Counts by stage.</param>
/// <param name="Status">How the run ends; null: well.</param>
/// <param name="Error">The code of the error that ended it.</param>
public sealed record TestExpectation(
    SourceSpan Span, IReadOnlyList<TestRows> Targets, TestLetters? DeadLetters, IReadOnlyList<YamlEntry> Rules, IReadOnlyList<TestCounts> Stages, YamlScalar? Status, YamlScalar? Error)
{
    /// <summary>Keys of <c>expect</c> that are no loads.</summary>
    public static readonly IReadOnlyList<string> Words = ["dead_letters", "rules", "stages", "status", "error"];
}

/// <summary>Refused rows that are expected.</summary>
/// <param name="Span">Where the list is named.</param>
/// <param name="Letters">One for each row.</param>
public sealed record TestLetters(SourceSpan Span, IReadOnlyList<TestLetter> Letters);

/// <summary>A refused row.</summary>
/// <param name="Span">Where it is written.</param>
/// <param name="Rule">The rule that refused it.</param>
/// <param name="Stage">The stage that did; null for whichever.</param>
/// <param name="Row">Columns of the row as the stage saw it.</param>
public sealed record TestLetter(SourceSpan Span, YamlScalar Rule, YamlScalar? Stage, YamlMap? Row);

/// <summary>What a stage is expected to have counted.</summary>
/// <param name="Stage">Its id.</param>
/// <param name="Span">Where it is named.</param>
/// <param name="Counts">Rows by one of <see cref="Words"/>.</param>
public sealed record TestCounts(string Stage, SourceSpan Span, IReadOnlyList<YamlEntry> Counts)
{
    /// <summary>What a stage counts.</summary>
    public static readonly IReadOnlyList<string> Words = ["in", "out", "excluded", "deduplicated", "dead_lettered"];
}
