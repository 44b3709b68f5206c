using Apache.Arrow;
using Etl.Contracts;
using Etl.Testing;
using FluentValidation;
using NUnit.Framework;

namespace Etl.Runtime.Tests.Plugins;

/// <summary>The kit finds each mistake of a component that makes all of them.</summary>
public sealed class ConformanceKitTests
{
    private static readonly IReadOnlyList<string> Found = [.. PluginConformance.CheckAssembly(typeof(ConformanceKitTests).Assembly).Select(f => f.ToString())];

    private const string Options = "Etl.Runtime.Tests.Plugins.WrongOptions";

    [TestCase("loader Wrong-Name has a name that does not match [a-z0-9]+(_[a-z0-9]+)*")]
    [TestCase("loader Wrong-Name has no summary that is a sentence with its full stop")]
    [TestCase("loader Wrong-Name must implement ILoader")]
    [TestCase("loader Wrong-Name has a constructor that takes 'settings': neither a parameter named 'options', nor a connection, nor a PluginContext")]
    [TestCase("transformer wrong_connection takes the connection 'store', which only extractors, loaders and notifiers are given")]
    [TestCase("extractor wrong_constructors has 2 public constructors, and must have one")]
    [TestCase(Options + ".Forgotten has no [Option], so that no pipeline can give it")]
    [TestCase(Options + ".speed has no description that is a sentence with its full stop")]
    [TestCase(Options + ".speed has the example fast, which is refused: 'speed' is 'fast'; it must be a whole number")]
    [TestCase(Options + ".speed has the default 10, which is refused: 'speed' is '10'; it must be from 1 to 9")]
    [TestCase("Etl.Runtime.Tests.Plugins.OverlookedRules is never run: rules derive from OptionsRules<WrongOptions>")]
    [TestCase("Etl.Runtime.Tests.Plugins.RulesOfNothing is never run: String is no options record of a component")]
    public void A_mistake_is_found(string finding) => Assert.That(Found, Has.Member(finding));

    [Test]
    public void A_library_without_components_is_found() => Assert.That(
        PluginConformance.CheckAssembly(typeof(PluginConformance).Assembly).Select(f => f.ToString()),
        Is.EqualTo((string[])["plugin Etl.Testing offers no component: a component is a public class with an attribute such as [Extractor]"]));
}

[Loader("Wrong-Name", "Nothing")]
public sealed class WrongLoader(WrongOptions options, string settings)
{
    public string Text => settings + options;
}

[Transformer("wrong_connection", "Asks for what it is not given.")]
public sealed class WrongTransformer(WrongOptions options, IObjectStore store) : IRelationalTransformer
{
    public RelationalStep Describe(IReadOnlyList<RelationalInput> inputs) => new SetStep($"select '{options}', '{store.Root}'", []);
}

[Extractor("wrong_constructors", "Can be made in two ways.")]
public sealed class WrongExtractor : IExtractor
{
    public WrongExtractor()
    {
    }

    public WrongExtractor(WrongOptions options) => Given = options;

    public WrongOptions? Given { get; }

    public ExtractorCapabilities Capabilities => throw new NotSupportedException();

    public RowSchema DescribeOutput(DataContract? contract) => new(new Schema([], null));

    public ValueTask<IExtraction> OpenAsync(ExtractRequest request, CancellationToken cancel) => throw new NotSupportedException();
}

public sealed record WrongOptions
{
    [Option("Fast", Example = "fast", Min = 1, Max = 9)]
    public int Speed { get; init; } = 10;

    public string Forgotten { get; init; } = "";
}

public sealed class OverlookedRules : AbstractValidator<WrongOptions>;

public sealed class RulesOfNothing : OptionsRules<string>;
