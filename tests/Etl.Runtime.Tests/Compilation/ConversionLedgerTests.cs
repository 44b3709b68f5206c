using Apache.Arrow;
using Apache.Arrow.Types;
using Etl.Contracts;
using Etl.Runtime.Compilation;
using Etl.Runtime.Definition;
using Etl.Runtime.Diagnostics;
using Etl.Runtime.Yaml;
using NUnit.Framework;

namespace Etl.Runtime.Tests.Compilation;

/// <summary>What a loader says of its columns, and what becomes of it without consent; none of the loaders that are there loses anything.</summary>
public sealed class ConversionLedgerTests
{
    private static readonly SourceSpan Span = new("p.yaml", 7, 5);

    [Test]
    public void A_loss_without_consent_is_an_error()
    {
        var bag = new DiagnosticBag();
        var ledger = ConversionLedger.Of(Loading([new ColumnConversion("amount", "numeric(10,0)", ConversionVerdict.Lossy, "cents are cut off")], []), bag);
        Assert.That(bag.Sorted.Select(d => d.ToString()), Is.EqualTo(new[]
        {
            "p.yaml:7:5: error ETL3120: 'target' stores amount, decimal(12,2), as numeric(10,0), and values can be lost: cents are cut off. If that is meant, say so in the load: accept_loss: [amount].",
        }));
        Assert.That(ledger["target"].Single().Accepted, Is.False);
    }

    [Test]
    public void A_loss_with_consent_is_listed_and_nothing_more()
    {
        var bag = new DiagnosticBag();
        var ledger = ConversionLedger.Of(Loading([new ColumnConversion("amount", "numeric(10,0)", ConversionVerdict.Lossy, "cents are cut off")], ["AMOUNT"]), bag);
        Assert.That(bag.Sorted, Is.Empty);
        Assert.That(ledger["target"], Is.EqualTo(new[] { new ConversionEntry("amount", "decimal(12,2)", "numeric(10,0)", ConversionVerdict.Lossy, "cents are cut off", true) }));
    }

    [Test]
    public void Consent_to_what_loses_nothing_is_a_warning()
    {
        var bag = new DiagnosticBag();
        ConversionLedger.Of(Loading([new ColumnConversion("amount", "numeric(12,2)", ConversionVerdict.Exact)], ["amount"]), bag);
        Assert.That(bag.Sorted.Select(d => (d.Code, d.Severity)), Is.EqualTo(new[] { ("ETL3122", Severity.Warning) }));
    }

    [Test]
    public void A_loader_that_says_nothing_has_no_ledger() =>
        Assert.That(ConversionLedger.Of(Loading([], []), new DiagnosticBag()), Is.Empty);

    private static CompiledPipeline Loading(IReadOnlyList<ColumnConversion> conversions, IReadOnlyList<string> accepted)
    {
        var schema = new RowSchema(new Schema([new Field("amount", new Decimal128Type(12, 2), true)], null));
        var stage = new StageDefinition
        {
            Id = "target", Kind = StageKind.Load, Component = "table", From = [], With = new YamlMap([], Span), Span = Span, IdSpan = Span, ComponentSpan = Span, ConnectionSpan = Span, ContractSpan = Span,
        };
        var plan = new LoadPlan(LoadMode.Append, [], "target", "none", []) { Conversions = conversions, AcceptedLosses = accepted };
        return new CompiledPipeline
        {
            Definition = new PipelineDefinition { File = "p.yaml", Id = "p", IdSpan = Span, Params = new Dictionary<string, ParamDefinition>(), Parameters = new Dictionary<string, object>(), Stages = [stage], Policies = new Policies() },
            Project = new Project("", new ProjectSettings(), new Dictionary<string, ConnectionDefinition>(), Project.DefaultEnvironment) { Variables = new EnvironmentVariables(_ => null, new Dictionary<string, string>()) },
            Nodes = [new LoadNode("target", [], schema, null!, plan, "", stage)],
            Connections = new Dictionary<string, IConnection>(),
            Hash = "",
            Rows = new StageRows(new Dictionary<string, RowSchema>(), new Dictionary<string, IReadOnlyDictionary<string, string>>()),
        };
    }
}
