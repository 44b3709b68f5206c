using System.Text;
using Etl.Runtime.Diagnostics;
using Etl.Runtime.Documentation;
using Etl.Runtime.Yaml;
using NUnit.Framework;

namespace Etl.Runtime.Tests.Documentation;

/// <summary>Options as a page shows them: in one form, whatever they were written like.</summary>
public sealed class YamlTextTests
{
    [TestCase("{ table: orders, key: [a, b], empty: {}, none: [] }", "table: orders\nkey: [a, b]\nempty: {}\nnone: []")]
    [TestCase("query: |\n  select 1\n\n  from t\nkey: [x]", "query: |\n  select 1\n\n  from t\nkey: [x]")]
    [TestCase("expect: \"a > 0, b\"\npath: '{{ run.date }}/${NAME}'", "expect: 'a > 0, b'\npath: '{{ run.date }}/${NAME}'")]
    [TestCase("rules:\n- { name: one }\n- name: two\n  expect: |\n    a\n    b", "rules:\n  - { name: one }\n  - name: two\n    expect: |\n      a\n      b")]
    [TestCase("columns: { a_long_name_of_a_column: a_long_expression_with_many_words, another_long_name: another_long_expression }", "columns:\n  a_long_name_of_a_column: a_long_expression_with_many_words\n  another_long_name: another_long_expression")]
    public void It_is_laid_out_in_one_way(string yaml, string expected)
    {
        var shown = YamlText.Block(Read(yaml));
        Assert.That(shown, Is.EqualTo(expected));
        Assert.That(YamlText.Block(Read(shown)), Is.EqualTo(expected), "and it is the same YAML");
    }

    private static YamlMap Read(string yaml)
    {
        var bag = new DiagnosticBag();
        var map = YamlReader.ReadText("x.yaml", Encoding.UTF8.GetBytes(yaml), "test", bag);
        Assert.That(bag.Sorted, Is.Empty);
        return map!;
    }
}
