using Apache.Arrow;
using Apache.Arrow.Types;
using Etl.Contracts;
using Etl.Runtime.Compilation;
using Etl.Runtime.Tests.Definition;
using NUnit.Framework;

namespace Etl.Runtime.Tests.Compilation;

/// <summary>What a plugin's steps do with a part of a source's rows is told as of ours: by their SQL, whatever they are called.</summary>
public sealed class PartialUseTests
{
    private const string Aggregate = "p.yaml:6:20: error ETL3044: 'c' takes the aggregate 'b' over 'a', which reads only what changed: totals of a part would replace totals of the whole. Remove `incremental` from the extract.";

    private const string Opaque = "p.yaml:6:20: error ETL3044: 'c' takes the query 'b', which may need all rows, over 'a', which reads only what changed: what comes of a part would replace what comes of the whole. Remove `incremental` from the extract.";

    private static readonly (RelationalStep Step, bool Incremental, string Told)[] Cases =
    [
        (new SetStep("select n, 1 as m from a", ["n"]), true, ""),
        (new SetStep("select m as n, sum(n) as m from a group by m", ["n"]), true, Aggregate),
        (new SetStep("select m as n, sum(n) as m from a group by m", ["n"]), false, ""),
        (new SetStep("select n, sum(m) as m from a group by n", []), true, ""),
        (new SetStep("with recursive r as (select n, m from a union all select n, m + 1 from r where m < 3) select * from r", ["n"]), true, Opaque),
        (new RowLocalStep([], [new ColumnExpression("n", "\"n\""), new ColumnExpression("m", "sum(\"m\") over ()")]), true,
            "p.yaml:6:20: error ETL3044: 'c' takes the window functions of 'b' over 'a', which reads only what changed: what comes of a part would replace what comes of the whole. Remove `incremental` from the extract; to keep one row of each key, use `deduplicate`."),
        (new RowLocalStep([new Refusal("most", RefusalAction.Exclude, "\"m\" < (select max(m) from a)", "not the most")], null), true, Aggregate),
        (new RowLocalStep([], [new ColumnExpression("n", "\"n\""), new ColumnExpression("m", "sum(\"m\") over (partition by \"n\")")]), true, ""),
        (new DeduplicateStep(["n"], ["\"m\" ASC"]), true, ""),
        (new DeduplicateStep(["m"], ["\"n\" ASC"]), true,
            "p.yaml:6:20: error ETL3044: 'c' takes the one row that 'b' keeps of each (m) over 'a', which reads only what changed: each run would keep its own. Upsert by (m), or remove `incremental` from the extract."),
        (new DeduplicateStep(["m"], ["\"n\" ASC"]), false, ""),
    ];

    [TestCaseSource(nameof(Cases))]
    public void It_is_told_by_what_the_step_does((RelationalStep Step, bool Incremental, string Told) expected)
    {
        using var files = new Workspace();
        var definition = files.Pipeline("""
            apiVersion: etl/v1
            pipeline: p
            stages:
              - { id: a, extract: numbers }
              - { id: b, transform: strange, from: a }
              - { id: c, load: tally, from: b }
            """)!;
        object[] components = [new Numbers(expected.Incremental), new Strange(expected.Step), new Upsert()];
        var nodes = GraphTyper.Type(definition, [.. definition.Stages.Zip(components, (s, c) => new ResolvedStage(s, c, null))], files.Bag, out var rows);
        PlanChecks.Check(nodes, rows, files.Bag);
        Assert.That(string.Join('\n', files.Told.Split('\n').Where(l => l.Contains("ETL3044", StringComparison.Ordinal))), Is.EqualTo(expected.Told));
    }

    private sealed class Strange(RelationalStep step) : IRelationalTransformer
    {
        public RelationalStep Describe(IReadOnlyList<RelationalInput> inputs) => step;
    }

    private sealed class Numbers(bool incremental) : IExtractor
    {
        public ExtractorCapabilities Capabilities => new("test/1", incremental, "exact", "");

        public RowSchema DescribeOutput(DataContract? contract) => new(new Schema([new Field("n", Int64Type.Default, false), new Field("m", Int64Type.Default, false)], null), ["n"]);

        public ValueTask<IExtraction> OpenAsync(ExtractRequest request, CancellationToken cancel) => throw new NotSupportedException();
    }

    private sealed class Upsert : ILoader
    {
        public LoadPlan Describe(RowSchema input) => new(LoadMode.Upsert, ["n"], "n", "exact", []);

        public ValueTask<Checkpoint?> ReadCheckpointAsync(CheckpointKey key, CancellationToken cancel) => throw new NotSupportedException();

        public ValueTask<ILoadSession> OpenAsync(LoadRequest request, CancellationToken cancel) => throw new NotSupportedException();
    }
}
