using System.Text.Json;
using Etl.Contracts;
using Etl.Runtime.Definition;
using Etl.Runtime.Diagnostics;
using Etl.Runtime.Options;
using Etl.Runtime.Yaml;
using NUnit.Framework;

namespace Etl.Runtime.Tests.Options;

/// <summary>What is made of a declaration, as a whole text: a change here is a change that users see.</summary>
public class OptionProductsTests
{
    private static readonly JsonSerializerOptions Lines = new() { WriteIndented = true, Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping, NewLine = "\n" };

    public sealed record Small
    {
        [Option("Columns to keep, in output order.", Example = "[id, email]")]
        public required IReadOnlyList<string> Columns { get; init; }

        [Option("What to do when a column is absent.")]
        public SampleMode OnMissing { get; init; } = SampleMode.DropNulls;

        [Option("Rows of a batch.", Min = 1, Max = 1000)]
        public int Rows { get; init; } = 10;

        [Option("How | long.")]
        public TimeSpan Wait { get; init; } = TimeSpan.FromMilliseconds(200);

        [Option("The password.", Secret = true)]
        public string? Password { get; init; }

        [Option("Rules.")]
        public IReadOnlyList<SampleRule> Rules { get; init; } = [];
    }

    [TestCase("plain words", "plain words")]
    [TestCase("", "\"\"")]
    [TestCase(",", "','")]
    [TestCase("\"", "'\"'")]
    [TestCase("it's", "it's")]
    [TestCase("'", "''''")]
    [TestCase("*", "'*'")]
    [TestCase("a: b", "'a: b'")]
    [TestCase("\t", "\"\\t\"")]
    [TestCase("dead-letters/", "dead-letters/")]
    public void A_text_is_shown_as_the_yaml_that_gives_it(string text, string yaml)
    {
        var read = YamlReader.ReadText("o.yaml", System.Text.Encoding.UTF8.GetBytes($"text: {yaml}\nlist: [{yaml}]\n"), "file", new DiagnosticBag())!;

        Assert.That(OptionText.Of(text), Is.EqualTo(yaml));
        Assert.That((((YamlScalar)read.Find("text")!.Value).Value, ((YamlScalar)((YamlList)read.Find("list")!.Value).Items[0]).Value), Is.EqualTo((text, text)));
    }

    [Test]
    public void A_schema_says_what_the_declaration_says() => Assert.That(OptionSchema.Of(OptionSet.For(typeof(Small))).ToJsonString(Lines), Is.EqualTo("""
        {
          "type": "object",
          "additionalProperties": false,
          "properties": {
            "columns": {
              "type": "array",
              "items": {
                "type": [
                  "string",
                  "number",
                  "boolean"
                ]
              },
              "description": "Columns to keep, in output order.",
              "examples": [
                [
                  "id",
                  "email"
                ]
              ]
            },
            "on_missing": {
              "anyOf": [
                {
                  "enum": [
                    "keep_all",
                    "drop_nulls"
                  ]
                },
                {
                  "type": "string",
                  "pattern": "\\$\\{|\\{\\{"
                }
              ],
              "description": "What to do when a column is absent.",
              "default": "drop_nulls"
            },
            "rows": {
              "anyOf": [
                {
                  "type": "integer",
                  "minimum": 1,
                  "maximum": 1000
                },
                {
                  "type": "string",
                  "pattern": "\\$\\{|\\{\\{"
                }
              ],
              "description": "Rows of a batch.",
              "default": 10
            },
            "wait": {
              "anyOf": [
                {
                  "type": "string",
                  "pattern": "^[0-9]+(\\.[0-9]+)? ?(ms|s|m|h|d)$"
                },
                {
                  "type": "string",
                  "pattern": "\\$\\{|\\{\\{"
                }
              ],
              "description": "How | long.",
              "default": "200ms"
            },
            "password": {
              "type": "string",
              "pattern": "\\$\\{",
              "description": "The password."
            },
            "rules": {
              "type": "array",
              "items": {
                "type": "object",
                "additionalProperties": false,
                "properties": {
                  "name": {
                    "type": [
                      "string",
                      "number",
                      "boolean"
                    ],
                    "description": "Name."
                  },
                  "expect": {
                    "type": [
                      "string",
                      "number",
                      "boolean"
                    ],
                    "description": "Condition."
                  }
                },
                "required": [
                  "name"
                ]
              },
              "description": "Rules."
            }
          },
          "required": [
            "columns"
          ]
        }
        """));

    [Test]
    public void A_table_for_people_says_it_too() => Assert.That(OptionReference.Render(OptionSet.For(typeof(Small))), Is.EqualTo("""
        | option | type | default | description |
        | --- | --- | --- | --- |
        | `columns` | list of text | required | Columns to keep, in output order. Example: `[id, email]`. |
        | `on_missing` | keep_all, drop_nulls | `drop_nulls` | What to do when a column is absent. |
        | `rows` | whole number, 1 to 1000 | `10` | Rows of a batch. |
        | `wait` | duration | `200ms` | How \| long. |
        | `password` | text |  | The password. Secret: a `${NAME}` or `${file:PATH}` reference. |
        | `rules` | list of options | `[]` | Rules. |
        | `rules[].name` | text | required | Name. |
        | `rules[].expect` | text |  | Condition. |

        """));

    [TestCase("MaxRatio", "max_ratio")]
    [TestCase("UseSSLMode", "use_ssl_mode")]
    [TestCase("Table", "table")]
    public void A_key_is_its_propertys_name_in_snake_case(string property, string key) => Assert.That(OptionText.SnakeCase(property), Is.EqualTo(key));

    [Test]
    public void The_frameworks_own_options_can_be_bound() => Assert.That(
        new[] { typeof(TableExtractOptions), typeof(QueryExtractOptions), typeof(TableLoadOptions), typeof(Policies), typeof(ProjectSettings) }.Select(t => OptionSet.For(t).Options.Count),
        Has.All.GreaterThan(0));
}
