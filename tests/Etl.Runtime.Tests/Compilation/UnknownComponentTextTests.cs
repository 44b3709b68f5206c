using Apache.Arrow;
using Apache.Arrow.Types;
using Etl.Contracts;
using Etl.Runtime.Compilation;
using Etl.Runtime.Tests.Definition;
using NUnit.Framework;

namespace Etl.Runtime.Tests.Compilation;

/// <summary>What a person reads when a plugin's component is none that a graph is made of, whole.</summary>
public sealed class UnknownComponentTextTests
{
    private const string Hint = "This is an error of the plugin: an extractor implements IExtractor, a transformer IRelationalTransformer or IBatchTransformer, a loader ILoader.";
    private const string Name = "Etl.Runtime.Tests.Compilation.UnknownComponentTextTests+";

    [TestCase("a", $"p.yaml:4:23: error ETL5009: '{Name}Nothing' implements none of the interfaces of an extractor. {Hint}")]
    [TestCase("b", $"p.yaml:5:25: error ETL5009: '{Name}Nothing' implements none of the interfaces of a transformer. {Hint}")]
    [TestCase("c", $"p.yaml:6:20: error ETL5009: '{Name}Nothing' implements none of the interfaces of a loader. {Hint}")]
    [TestCase("", $"p.yaml:5:25: error ETL5009: '{Name}OtherStep' is no step that this version knows. This is an error of the plugin, or it needs a newer version: there are RowLocalStep, DeduplicateStep, LookupStep and SetStep.")]
    public void It_is_told_at_the_stage(string wrong, string told)
    {
        using var files = new Workspace();
        var definition = files.Pipeline("""
            apiVersion: etl/v1
            pipeline: p
            stages:
              - { id: a, extract: numbers }
              - { id: b, transform: strange, from: a }
              - { id: c, load: tally, from: a }
            """)!;
        GraphTyper.Type(definition, [.. definition.Stages.Select(s => new ResolvedStage(s, ComponentOf(s.Id, wrong), null))], files.Bag, out _);
        Assert.That(files.Told, Is.EqualTo(told));
    }

    private static object? ComponentOf(string stage, string wrong) => stage == wrong ? new Nothing() : stage switch
    {
        "a" => new Numbers(),
        "b" when wrong.Length == 0 => new Strange(),
        _ => null,
    };

    private sealed class Nothing;

    private sealed record OtherStep : RelationalStep;

    private sealed class Strange : IRelationalTransformer
    {
        public RelationalStep Describe(IReadOnlyList<RelationalInput> inputs) => new OtherStep();
    }

    private sealed class Numbers : IExtractor
    {
        public ExtractorCapabilities Capabilities => new("test/1", Incremental: false, "exact", "");

        public RowSchema DescribeOutput(DataContract? contract) => new(new Schema([new Field("n", Int64Type.Default, false)], null));

        public ValueTask<IExtraction> OpenAsync(ExtractRequest request, CancellationToken cancel) => throw new NotSupportedException();
    }
}
