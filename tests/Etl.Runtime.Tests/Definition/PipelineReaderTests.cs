using Etl.Contracts;
using Etl.Runtime.Definition;
using Etl.Runtime.Options;
using Etl.Runtime.Yaml;
using NUnit.Framework;

namespace Etl.Runtime.Tests.Definition;

public class PipelineReaderTests
{
    private const string Head = "apiVersion: etl/v1\npipeline: orders\n";
    private const string Stages = "stages:\n  - { id: a, extract: table, connection: shop }\n  - { id: b, load: table, from: a, connection: dwh }\n";

    private static readonly object[][] Wrong =
    [
        ["pipeline: orders\n" + Stages, "p.yaml:1:1: error ETL1020: apiVersion is missing. Write apiVersion: etl/v1 in the first line."],
        ["apiVersion: [1]\n", "p.yaml:1:13: error ETL1020: apiVersion is a list, which is not supported. This version reads etl/v1."],
        ["apiVersion: etl/v99\n", "p.yaml:1:13: error ETL1020: apiVersion 'etl/v99' is not supported. This version reads etl/v1."],
        ["apiVersion: etl/v1\n" + Stages, "p.yaml:1:1: error ETL2005: the property 'pipeline' is required. It names this in reports and in the state of targets: letters a-z, digits, _ and -."],
        [Head, "p.yaml:1:1: error ETL2005: the property 'stages' is required. Write apiVersion: etl/v1, pipeline: NAME and stages."],
        [Head + "stages: []\n", "p.yaml:3:9: error ETL1024: the pipeline has no stages. Write at least an extract and a load."],
        [Head + "stages: { a: 1 }\n", "p.yaml:3:9: error ETL2002: 'stages' must be a list, and this is a mapping."],
        [Head + "ownr: x\n" + Stages, "p.yaml:3:1: error ETL2001: unknown property 'ownr'. Did you mean 'owner'? Properties are: apiVersion, pipeline, description, owner, params, stages, policies, tests."],
        [Head + "stages:\n  - { id: a, trnasform: clean, from: x }\n", "p.yaml:4:5: error ETL1024: the stage has none of extract, transform and load; it must have exactly one. Write extract: NAME, transform: NAME or load: NAME.\np.yaml:4:14: error ETL2001: unknown property 'trnasform'. Did you mean 'transform'? Properties are: id, description, extract, transform, load, from, connection, contract, with."],
        [Head + "stages:\n  - { id: a, extract: table, load: table }\n", "p.yaml:4:5: error ETL1024: the stage has extract and load; it must have exactly one. Write extract: NAME, transform: NAME or load: NAME."],
        [Head + "stages:\n  - { id: a, extract: table, from: b }\n", "p.yaml:4:30: error ETL1025: an extract has no from. It reads a source; remove the line."],
        [Head + "stages:\n  - { id: a, load: table }\n", "p.yaml:4:5: error ETL1025: a load needs from. Write from: STAGE, or from: [STAGE, STAGE]."],
        [Head + "stages:\n  - { id: a, transform: sql, from: [b, c, b] }\n", "p.yaml:4:43: error ETL1026: the input 'b' is there twice. Remove one of them."],
        [Head + "stages:\n  - { id: a, for_each: [1], extract: table }\n", "p.yaml:4:14: error ETL1022: for_each is reserved for a later version. Write the stages out, or make several pipelines with `etl new`."],
        [Head + "stages:\n  - { id: a, extract: table }\n  - { id: a, load: table, from: a }\n", "p.yaml:5:11: error ETL1023: the stage id 'a' is there twice, first in line 4. Rename one of them."],
        [Head + "stages:\n  - { id: a, extract: table, with: }\n", "p.yaml:4:30: error ETL2006: 'stages[0].with' has no value. Remove it, or write a mapping."],
        [Head + Stages + "policies: { retry: { attempts: 1000000 } }\n", "p.yaml:6:32: error ETL2004: 'retry.attempts' is '1000000'; it must be from 1 to 100."],
        [Head + Stages + "policies: { retry: { base: 0s } }\n", "p.yaml:6:28: error ETL2004: 'retry.base' is '0s'; it must be from 1ms to 1h."],
        [Head + Stages + "policies: { retry: { base: 40s } }\n", "p.yaml:6:13: error ETL2010: 'retry.max' is shorter than base."],
        [Head + "params: { vat: { type: money } }\n" + Stages, "p.yaml:3:24: error ETL2003: 'params.vat.type' is 'money'; it must be one of: string, bool, integer, decimal, date, timestamp."],
        [Head + "params: { vat: { type: decimal, default: abc } }\n" + Stages, "p.yaml:3:42: error ETL1046: 'params.vat.default' is 'abc'; it must be a number of at most 28 digits.\np.yaml:3:11: error ETL1048: the parameter vat has no default and no value was given. Run with --param vat=VALUE."],
        [Head + "params: { run_x: { type: string } }\n" + Stages, "p.yaml:3:11: error ETL1045: 'run_x' cannot be the name of a parameter. Use letters, digits and _; names that start with run_ are the run's own."],
    ];

    [TestCaseSource(nameof(Wrong))]
    public void What_is_wrong_is_told_with_its_place_and_the_way_out(string text, string expected)
    {
        using var files = new Workspace();
        files.Pipeline(text);
        Assert.That(files.Told.Split('\n').Order(StringComparer.Ordinal), Is.EqualTo(expected.Split('\n').Order(StringComparer.Ordinal)));
    }

    [TestCase("../x")]
    [TestCase("a/b")]
    [TestCase("a b")]
    [TestCase("Orders")]
    [TestCase("CON")]
    [TestCase("9a")]
    [TestCase("\"\"")]
    [TestCase("\"a\\n\"")]
    [TestCase("emoji-😀")]
    [TestCase("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa")]
    public void An_id_is_a_name_that_every_system_can_hold(string id)
    {
        using var files = new Workspace();
        Assert.That(files.Pipeline($"apiVersion: etl/v1\npipeline: {id}\n{Stages}"), Is.Null);
        Assert.That(files.Told, Does.StartWith("p.yaml:2:11: error ETL1021: the id '").And.EndsWith("' is not allowed. An id starts with a-z and has at most 63 characters of a-z, 0-9, _ and -."));
    }

    [Test]
    public void A_pipeline_is_read_with_positions_and_defaults()
    {
        using var files = new Workspace();
        files.Variables["REGION"] = "eu";
        var p = files.Pipeline("""
            apiVersion: etl/v1
            pipeline: orders
            description: d
            owner: team
            params:
              vat: { type: decimal, default: 0.21 }
              since: { type: date, default: 2026-01-01 }
            stages:
              - id: orders
                extract: table
                connection: shop
                contract: ../contracts/shop.orders.yaml
                with:
                  table: orders
                  path: "{{ run.date | date.add_days 1 | date.to_string '%Y/%m' }}/${REGION}/{{ params.vat }}"
              - id: joined
                transform: sql
                from: [orders, customers]
              - { id: out, load: table, from: joined, connection: dwh }
            policies:
              retry: { attempts: 3 }
              dead_letters: { connection: lake, path: dl/, max_ratio: 0.05 }
            tests: [ { name: x } ]
            """, Workspace.Run with { Params = new Dictionary<string, string> { ["since"] = "2026-02-03" } })!;
        Assert.That(files.Told, Is.Empty);
        Assert.That((p.Id, p.Description, p.Owner, p.IdSpan.Line, p.IdSpan.Column), Is.EqualTo(("orders", "d", "team", 2, 11)));
        Assert.That(p.Parameters.Keys, Is.EqualTo(new[] { "vat", "since", "run_id", "run_date", "run_started_at" }));
        Assert.That((p.Parameters["vat"], p.Parameters["since"], p.Parameters["run_date"]), Is.EqualTo((0.21m, new DateOnly(2026, 2, 3), new DateOnly(2026, 1, 31))));
        var orders = p.Stages[0];
        Assert.That((orders.Kind, orders.Component, orders.Connection, orders.ComponentSpan.Line), Is.EqualTo((StageKind.Extract, "table", "shop", 10)));
        Assert.That(orders.Contract, Is.EqualTo(Path.GetFullPath(Path.Combine(files.Folder, "../contracts/shop.orders.yaml"))));
        Assert.That(((YamlScalar)orders.With["path"]!).Value, Is.EqualTo("2026/02/eu/0.21"));
        Assert.That(p.Stages[1].From.Select(f => f.Stage), Is.EqualTo(new[] { "orders", "customers" }));
        Assert.That(p.Stages[2].With.Entries, Is.Empty);
        Assert.That((p.Policies.Retry.Attempts, p.Policies.Retry.Max, p.Policies.CircuitBreaker.ConsecutiveFailures, p.Policies.DeadLetters!.MaxRatio), Is.EqualTo((3, TimeSpan.FromSeconds(30), 5, 0.05)));
        Assert.That(p.Tests, Is.InstanceOf<YamlList>());
    }

    [Test]
    public void A_whole_pipeline_as_people_write_it_is_read_without_a_word()
    {
        using var files = new Workspace();
        var p = files.Pipeline("""
            # yaml-language-server: $schema=../schemas/pipeline.schema.json
            apiVersion: etl/v1
            pipeline: orders
            description: The shop's orders, cleaned and checked, to the warehouse and to the lake.
            owner: data-team

            params:
              vat: { type: decimal, default: 0.21 }

            stages:
              - id: orders
                extract: table
                connection: shop
                contract: ../schemas/contracts/shop.orders.yaml
                with:
                  table: orders
                  incremental: { cursor: updated_at, key: [order_id], deleted_when: "deleted_at is not null" }

              - id: tidy
                transform: clean
                from: orders
                with:
                  trim: [email, status]
                  lower: [email]
                  empty_to_null: [note]
                  fill: { currency: EUR }

              - id: priced
                transform: derive
                from: tidy
                with:
                  columns:
                    gross: "round(amount * (1 + $vat), 2)"
                    order_date: "cast(created_at as date)"

              - id: checked
                transform: check
                from: priced
                with:
                  rules:
                    - { name: amount_positive, expect: "amount > 0",                      on_fail: dead_letter }
                    - { name: status_known,    accepted: { status: [new, paid, sent] },   on_fail: dead_letter }
                    - { name: few_refusals,    expect_table: "refused_ratio < 0.02",      on_fail: fail, min_rows: 1000 }

              - id: warehouse
                load: table
                from: checked
                connection: dwh
                with: { table: orders, mode: upsert, key: [order_id], on_excluded: keep }

              - id: lake
                load: parquet
                from: checked
                connection: lake
                with: { path: "data/orders/{year}/{month}/{day}/", partition_by: order_date, mode: upsert, key: [order_id], compression: snappy }

            policies:
              retry: { attempts: 5, backoff: exponential, base: 200ms, max: 30s }
              circuit_breaker: { consecutive_failures: 5, break: 30s }
              dead_letters: { connection: lake, path: "dead-letters/orders/", max_ratio: 0.05 }

            tests:
              - name: negative amounts are refused
                given: { orders: [ { order_id: 1, amount: -5.00 } ] }        # other columns are filled from the contract
                expect: { warehouse: [], dead_letters: [ { rule: amount_positive } ] }
            """)!;
        Assert.That(files.Told, Is.Empty);
        Assert.That(p.Stages.Select(s => $"{s.Kind} {s.Component} {s.Id} <- {string.Join(",", s.From.Select(f => f.Stage))}"), Is.EqualTo(new[]
        {
            "Extract table orders <- ", "Transform clean tidy <- orders", "Transform derive priced <- tidy", "Transform check checked <- priced",
            "Load table warehouse <- checked", "Load parquet lake <- checked",
        }));
    }

    [Test]
    public void Parameters_of_a_run_are_checked()
    {
        using var files = new Workspace();
        files.Pipeline(Head + "params: { vat: { type: decimal }, day: { type: date } }\n" + Stages, Workspace.Run with { Params = new Dictionary<string, string> { ["vta"] = "1", ["day"] = "tomorrow" } });
        Assert.That(files.Told, Is.EqualTo(
            "p.yaml:1:1: error ETL1047: the pipeline has no parameter 'vta'. Did you mean 'vat'? Parameters are: vat, day.\n" +
            "p.yaml:3:11: error ETL1048: the parameter vat has no default and no value was given. Run with --param vat=VALUE.\n" +
            "p.yaml:3:35: error ETL1046: the parameter day is 'tomorrow'; it must be a date such as 2026-01-31. Give it with --param day=VALUE."));
    }

    [Test]
    public void An_error_in_sql_has_its_line_in_a_folded_text()
    {
        using var files = new Workspace();
        var p = files.Pipeline(Head + "stages:\n  - id: a\n    extract: query\n    with:\n      query: >\n        select id,\n               totl\n        from orders\n")!;
        var text = ((YamlScalar)p.Stages[0].With["query"]!).Value;
        Assert.That(OptionBinder.SpanOf(p.Stages[0].With, "query", text.IndexOf("totl", StringComparison.Ordinal)).ToString(), Does.EndWith("p.yaml:9:16"));
    }

    [Test]
    public void The_schema_of_pipelines_is_the_same_text_in_any_order()
    {
        ComponentSchema[] components =
        [
            new("extract", "table", "Reads a table.", OptionSet.For(typeof(TableExtractOptions))),
            new("extract", "table", "Reads a table of another system.", OptionSet.For(typeof(TableExtractOptions))),
            new("load", "table", "Writes a table.", OptionSet.For(typeof(TableLoadOptions))),
            new("transform", "noop", "Does nothing.", null),
            new("connection", "postgres", "A server.", null),
        ];
        var schema = JsonSchemaWriter.Pipeline(components);
        Assert.That(JsonSchemaWriter.Pipeline(components.Reverse()), Is.EqualTo(schema));
        using var json = System.Text.Json.JsonDocument.Parse(schema);
        var stage = json.RootElement.GetProperty("properties").GetProperty("stages").GetProperty("items");
        Assert.That(stage.GetProperty("additionalProperties").GetBoolean(), Is.False);
        Assert.That(stage.GetProperty("allOf").GetArrayLength(), Is.EqualTo(3), "one for each kind and name");
        var table = stage.GetProperty("allOf")[0].GetProperty("then").GetProperty("properties").GetProperty("with");
        Assert.That(table.GetProperty("required")[0].GetString(), Is.EqualTo("table"));
        Assert.That(table.GetProperty("properties").GetProperty("incremental").GetProperty("properties").GetProperty("null_cursor").GetProperty("default").GetString(), Is.EqualTo("fail"));
        Assert.That(JsonSchemaWriter.Connections(components), Does.Contain("\"const\": \"postgres\""));
    }
}
