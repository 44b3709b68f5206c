using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;
using NUnit.Framework;

namespace Etl.EndToEnd.Tests;

/// <summary>What <c>etl profile</c> says of tables and files, and that what it proposes compiles and holds.</summary>
public sealed class ProfileTests
{
    private const string Header = "order_id,sku,status,amount,quantity,zip,email,note,day,placed_at,gift";

    [Test]
    public async Task A_csv_file_is_told_as_text()
    {
        using var project = Orders();
        var result = await project.RunAsync("profile", "orders.csv");
        Assert.That(result.ExitCode, Is.Zero, result.ToString());
        Golden.Check("commands/profile.txt", result.Out, project);
    }

    [TestCase("contract")]
    [TestCase("checks")]
    public async Task A_proposal_is_pinned(string what)
    {
        using var project = Orders();
        var result = await project.RunAsync("profile", "orders.csv", "--propose", what);
        Assert.That(result.ExitCode, Is.Zero, result.ToString());
        Golden.Check($"commands/profile_{what}.yaml", result.Out, project);
    }

    // DuckDB reads the same file by itself, as text: two ways to the same numbers.
    [Test]
    public async Task The_numbers_are_those_of_another_reader()
    {
        using var project = Orders();
        var profile = await ProfileAsync(project, "orders.csv");
        using (Assert.EnterMultipleScope())
        {
            Assert.That(profile["rows"]!.GetValue<long>(), Is.EqualTo(240));
            foreach (var column in profile["columns"]!.AsArray())
            {
                var name = column!["name"]!.GetValue<string>();
                var expected = project.DuckRows(null, $"SELECT concat_ws(' ', count(*) - count({name}), count(DISTINCT {name})) FROM read_csv('{project.PathOf("orders.csv")}', all_varchar = true)");
                Assert.That($"{column["nulls"]} {column["distinct"]}", Is.EqualTo(expected.Single()), name);
            }

            Assert.That(Of(profile, "amount"), Is.EqualTo("decimal(18,2) 0.00 89.25 44.625"));
            Assert.That(Of(profile, "day"), Is.EqualTo("date 2026-03-01 2026-03-28 "));
            Assert.That(Of(profile, "placed_at"), Is.EqualTo("timestamptz 2026-03-01 10:00:00+00 2026-03-28 10:00:55+00 "));
            Assert.That(Of(profile, "zip"), Is.EqualTo("text 00000 00956 "));
            Assert.That(profile["candidate_keys"]!.ToJsonString(), Is.EqualTo("""[{"columns":["order_id"],"is_declared":false},{"columns":["zip"],"is_declared":false},{"columns":["placed_at"],"is_declared":false}]"""));
        }
    }

    [TestCase("csv", "orders.csv", "")]
    [TestCase("json", "orders.ndjson", "")]
    [TestCase("json", "all.json", "")]
    [TestCase("delta", "lake/orders", "")]
    [TestCase("parquet", "lake/orders/**/*.parquet", "")]
    [TestCase("table", "orders", "shop")]
    public async Task What_is_proposed_compiles_and_refuses_none_of_the_rows(string format, string source, string connection)
    {
        using var project = Orders();
        await MakeOthersAsync(project);
        string[] profile = ["profile", source, .. connection.Length > 0 ? ["--connection", connection] : Array.Empty<string>()];
        var contract = await project.RunAsync([.. profile, "--propose", "contract", "--out", "proposed/contract.yaml"]);
        var checks = await project.RunAsync([.. profile, "--propose", "checks"]);
        Assert.That((contract.ExitCode, checks.ExitCode), Is.EqualTo((0, 0)), $"{contract}{checks}");
        Assert.That(checks.Out, Does.Contain("not_null: [").And.Contain("range: {").And.Contain("accepted: { status: [new, paid, sent] }"));
        project.Write("again.yaml", $$"""
            apiVersion: etl/v1
            pipeline: again
            stages:
            - id: source
              extract: {{format}}
              connection: {{(connection.Length > 0 ? connection : "here")}}
              contract: proposed/contract.yaml
              with: { {{(connection.Length > 0 ? "table" : "path")}}: "{{source}}" }
            {{checks.Out.Replace(FromOf(checks.Out), "from: source", StringComparison.Ordinal)}}
            - id: target
              load: table
              from: checked
              connection: dwh
              with: { table: again, mode: replace }
            """);
        var report = await project.ReportAsync("run", "again.yaml");
        using (Assert.EnterMultipleScope())
        {
            Assert.That(report["status"]!.GetValue<string>(), Is.EqualTo("succeeded"));
            Assert.That(report["dead_letters"]?.AsArray().Count ?? 0, Is.Zero, report["dead_letters"]?.ToJsonString());
            Assert.That(project.DuckRows("dwh.db", "SELECT count(*) FROM again"), Is.EqualTo(new[] { "240" }));
        }
    }

    [Test]
    public async Task A_proposal_refuses_rows_of_another_kind()
    {
        using var project = Orders();
        var checks = await project.RunAsync("profile", "orders.csv", "--propose", "checks");
        await project.RunAsync("profile", "orders.csv", "--propose", "contract", "--out", "contract.yaml");
        project.Write("orders.csv", project.Read("orders.csv") + "900,AB-1,lost,-5.00,99,1234,nobody,,1999-01-01,2026-03-01T10:00:00Z,true\n");
        project.Write("again.yaml", $$"""
            apiVersion: etl/v1
            pipeline: again
            stages:
            - id: orders
              extract: csv
              connection: here
              contract: contract.yaml
              with: { path: orders.csv }
            {{checks.Out}}
            - id: target
              load: table
              from: checked
              connection: dwh
              with: { table: again, mode: replace }
            policies: { dead_letters: { max_ratio: 1 } }
            """);
        var report = await project.ReportAsync("run", "again.yaml");
        Assert.That(project.DuckRows("dwh.db", "SELECT count(*) FROM again"), Is.EqualTo(new[] { "240" }), report.ToJsonString());
    }

    [Test]
    public async Task Values_that_a_contract_classifies_are_shown_nowhere()
    {
        using var project = Orders();
        await project.RunAsync("profile", "orders.csv", "--propose", "contract", "--out", "contract.yaml");
        foreach (var column in (string[])["email", "status", "amount"])
        {
            project.Replace("contract.yaml", $"      - name: {column}\n", $"      - name: {column}\n        classification: restricted\n");
        }

        project.Replace("contract.yaml", "      - name: sku\n", "      - name: sku\n        classification: public\n");
        var told = new StringBuilder();
        foreach (var more in (string[][])[[], ["--output", "json"], ["--propose", "contract"], ["--propose", "checks"]])
        {
            var result = await project.RunAsync(["profile", "orders.csv", "--contract", "contract.yaml", .. more]);
            Assert.That(result.ExitCode, Is.Zero, result.ToString());
            told.Append(result.Out);
        }

        using (Assert.EnterMultipleScope())
        {
            Assert.That(told.ToString(), Does.Contain("Values of email are not shown: the contract calls it restricted.").And.Contain("AAA-999").And.Contain("classification: restricted"));
            Assert.That(told.ToString(), Does.Not.Contain("example").And.Not.Contain("paid").And.Not.Contain("@").And.Not.Contain("89.25").And.Not.Contain("44.6"));
        }
    }

    [Test]
    public async Task A_sample_says_that_it_is_one()
    {
        using var project = Orders();
        var text = await project.RunAsync("profile", "orders.csv", "--rows", "50", "--columns", "sku,quantity");
        var json = JsonNode.Parse((await project.RunAsync("profile", "orders.csv", "--rows", "50", "--output", "json")).Out)!;
        using (Assert.EnterMultipleScope())
        {
            Assert.That(text.Out, Does.StartWith("orders.csv (csv): the first 50 rows, 2 columns\nThese are the rows that came first").And.Not.Contain("status"), text.ToString());
            Assert.That((json["rows"]!.GetValue<long>(), json["sampled"]!.GetValue<bool>()), Is.EqualTo((50, true)));
            Assert.That((await ProfileAsync(project, "orders.csv"))["sampled"]!.GetValue<bool>(), Is.False);
        }
    }

    [Test]
    public async Task A_csv_file_of_another_form_is_read_by_the_extractors_options()
    {
        using var project = ProjectFolder.With(("semi.txt", "1;7,5\n2;8\n"));
        var profile = JsonNode.Parse((await project.RunAsync("profile", "semi.txt", "--as", "csv", "--with", "delimiter=;", "--with", "header=false", "--output", "json")).Out)!;
        Assert.That(profile["columns"]!.AsArray().Select(c => $"{c!["name"]} {c["type"]}"), Is.EqualTo(new[] { "column_1 bigint", "column_2 text" }));
        Assert.That(Directory.Exists(project.PathOf(".etl")), Is.False, "a profile leaves nothing behind");
    }

    private static IEnumerable<TestCaseData> Mistakes()
    {
        yield return Case("unknown_format", "profile", "notes.txt");
        yield return Case("unknown_extractor", "profile", "orders.csv", "--as", "cvs");
        yield return Case("missing_file", "profile", "ordres.csv");
        yield return Case("missing_table", "profile", "ordres", "--connection", "shop");
        yield return Case("missing_column", "profile", "orders.csv", "--columns", "skuu");
        yield return Case("unknown_option", "profile", "orders.csv", "--with", "delimter=;");
        yield return Case("no_rows", "profile", "empty.csv", "--propose", "checks");
        yield return Case("file_is_there", "profile", "orders.csv", "--propose", "contract", "--out", "etl.yaml");
        yield return Case("no_description", "profile", "x.rows", "--connection", "here", "--as", "numbers", "--plugins", "plugins");

        static TestCaseData Case(string name, params string[] arguments) => new TestCaseData(name, arguments).SetArgDisplayNames(name);
    }

    [TestCaseSource(nameof(Mistakes))]
    public async Task A_mistake_is_told_with_what_to_do(string name, string[] arguments)
    {
        using var project = Orders();
        project.Write("notes.txt", "hello");
        project.Write("empty.csv", Header + "\n");
        PluginTests.CopySample(project);
        var result = await project.RunAsync(arguments);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(result.ExitCode, Is.EqualTo(2), result.ToString());
            Golden.Check($"errors/profile_{name}.txt", result.Out + result.Error, project);
            Assert.That(project.Read("etl.yaml"), Is.EqualTo("time_zone: UTC\n"));
        }
    }

    private static string FromOf(string checks) => checks.Split('\n').Single(l => l.StartsWith("  from: ", StringComparison.Ordinal)).Trim();

    private static async Task<JsonNode> ProfileAsync(ProjectFolder project, string source)
    {
        var result = await project.RunAsync("profile", source, "--output", "json");
        Assert.That(result.ExitCode, Is.Zero, result.ToString());
        return JsonNode.Parse(result.Out)!;
    }

    private static string Of(JsonNode profile, string column)
    {
        var found = profile["columns"]!.AsArray().Single(c => c!["name"]!.GetValue<string>() == column)!;
        return $"{found["type"]} {found["min"]} {found["max"]} {found["mean"]}";
    }

    // 240 orders whose values follow from their number.
    private static ProjectFolder Orders()
    {
        var csv = new StringBuilder(Header).Append('\n');
        for (var i = 0; i < 240; i++)
        {
            csv.Append(CultureInfo.InvariantCulture, $"{i + 1},{((string[])["ABC", "XYZ", "KLM"])[i % 3]}-{100 + (i * 7 % 120)},{((string[])["new", "paid", "sent"])[i % 3]},{i % 120 * 0.75m:0.00},{1 + (i % 9)},{i * 4:00000},");
            csv.Append(CultureInfo.InvariantCulture, $"{(i % 10 == 0 ? "" : $"user{i}@example.com")},{((string[])["", "\"a, b\"", "\"two\nlines\"", "naïve"])[i % 4]},2026-03-{1 + (i % 28):00},2026-03-{1 + (i % 28):00}T10:00:{i % 60:00}Z,{(i % 5 == 0 ? "true" : "false")}\n");
        }

        return ProjectFolder.With(
            ("etl.yaml", "time_zone: UTC\n"),
            ("connections.yaml", """
                connections:
                  here: { type: file, root: . }
                  lake: { type: file, root: lake }
                  shop: { type: duckdb, path: shop.db }
                  dwh: { type: duckdb, path: dwh.db }
                """),
            ("orders.csv", csv.ToString()));
    }

    // The same rows as JSON, as a table and as a Delta table, made by others than the profile or by loads.
    private static async Task MakeOthersAsync(ProjectFolder project)
    {
        project.Duck("shop.db", $"""
            CREATE TABLE orders AS SELECT * FROM read_csv('{project.PathOf("orders.csv")}', types = {"{"}'zip': 'VARCHAR', 'amount': 'DECIMAL(10,2)', 'placed_at': 'TIMESTAMPTZ'{"}"}, quote = '"', header = true);
            ALTER TABLE orders ADD PRIMARY KEY (order_id);
            COPY orders TO '{project.PathOf("orders.ndjson")}' (FORMAT json, TIMESTAMPFORMAT '%Y-%m-%dT%H:%M:%SZ');
            COPY orders TO '{project.PathOf("all.json")}' (FORMAT json, ARRAY true, TIMESTAMPFORMAT '%Y-%m-%dT%H:%M:%SZ');
            """);
        await project.RunAsync("contract", "import", "--connection", "shop", "--tables", "orders", "--out", "imported");
        project.Write("lake.yaml", """
            apiVersion: etl/v1
            pipeline: lake
            stages:
            - { id: orders, extract: table, connection: shop, contract: imported/shop.orders.yaml, with: { table: orders } }
            - { id: lake, load: parquet, from: orders, connection: lake, with: { path: "orders/{year}/{month}/{day}/", partition_by: day, mode: upsert, key: [order_id] } }
            """);
        await project.ReportAsync("run", "lake.yaml");
    }
}
