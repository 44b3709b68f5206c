using System.Globalization;
using System.Text.Json.Nodes;
using NUnit.Framework;

namespace Etl.EndToEnd.Tests;

/// <summary>The pages of a project's data dictionary: what they say, and that nothing but them is ever touched.</summary>
public sealed class DocsTests
{
    private const string Pages = "docs/dictionary";

    [Test]
    public async Task Each_page_is_pinned()
    {
        using var project = DescribedShop();
        var result = await project.RunAsync("docs");
        Assert.That(result.ExitCode, Is.Zero, result.ToString());
        var pages = PagesOf(project);
        Assert.That(result.Out, Is.EqualTo($"{string.Concat(pages.Select(p => $"wrote   {Pages}/{p}\n"))}{pages.Count} pages in {Pages}, {pages.Count} changed\n"));
        Assert.That(pages, Is.EqualTo(new[]
        {
            "README.md", "datasets/dwh.revenue.md", "datasets/dwh.sales.md", "datasets/lake.people.md", "datasets/shop.customers.md", "datasets/shop.orders.md", "datasets/shop.people.recent.md",
            "pipelines/orders.md", "pipelines/people.md", "pipelines/totals.md",
        }));
        foreach (var page in pages)
        {
            Golden.Check($"docs/{page}", project.Read($"{Pages}/{page}"), project);
        }
    }

    [TestCase("quickstart")]
    [TestCase("files")]
    public async Task The_pages_of_an_example_are_not_stale_whatever_machine_and_day_it_is(string example)
    {
        using var project = ProjectFolder.Example(example);
        project.Environment["TZ"] = "Pacific/Auckland";
        project.Environment["LANG"] = "nl_NL.UTF-8";
        var result = await project.RunAsync("docs", "--check");
        Assert.That(result.ExitCode, Is.Zero, $"the pages are stale; mend them with: tools/etl docs pipelines/{example}\n{result}");
    }

    [Test]
    public async Task Written_again_nothing_changes()
    {
        using var project = DescribedShop();
        await project.RunAsync("docs");
        var again = await project.RunAsync("docs");
        var check = await project.RunAsync("docs", "--check", "--output", "json");
        Assert.That((again.ExitCode, again.Out), Is.EqualTo((0, $"10 pages in {Pages}, all as the project says\n")), again.ToString());
        Assert.That((check.ExitCode, JsonNode.Parse(check.Out)!.ToJsonString()), Is.EqualTo((0, $$"""{"version":1,"folder":"{{Pages}}","pages":10,"changes":[]}""")), check.ToString());
    }

    [Test]
    public async Task A_check_names_the_stale_pages_with_the_first_line_that_differs_and_writes_nothing()
    {
        using var project = DescribedShop();
        await project.RunAsync("docs");
        project.Replace("totals.yaml", "sum(gross)", "sum(gross) / 2");
        project.Replace("totals.yaml", "table: revenue", "table: income");
        var before = PagesOf(project).ToDictionary(p => p, p => project.Read($"{Pages}/{p}"));
        var check = await project.RunAsync("docs", "--check");
        Assert.That((check.ExitCode, check.Out, check.Error), Is.EqualTo((1, $"""
            {Pages}/README.md:9: stale
              is           d_dwh_revenue[("dwh:revenue")]
              should be    d_dwh_income[("dwh:income")]
            {Pages}/datasets/dwh.income.md: missing
            {Pages}/datasets/dwh.revenue.md: what it is about is gone
            {Pages}/datasets/dwh.sales.md:20: stale
              is           d_dwh_revenue[("dwh:revenue")]
              should be    d_dwh_income[("dwh:income")]
            {Pages}/pipelines/totals.md:9: stale
              is         | **Writes** | [dwh:revenue](../datasets/dwh.revenue.md) |
              should be  | **Writes** | [dwh:income](../datasets/dwh.income.md) |
            10 pages in {Pages}, 5 not as the project says

            """, $"""
            error ETL6043: 5 pages in {Pages} are not what the project says
              Write them anew, and commit them: etl docs

            """)), check.ToString());
        Assert.That(PagesOf(project).ToDictionary(p => p, p => project.Read($"{Pages}/{p}")), Is.EqualTo(before));

        project.Write($"{Pages}/datasets/notes.md", "# Notes\n");
        var write = await project.RunAsync("docs");
        Assert.That(write.Out, Does.Contain($"removed {Pages}/datasets/dwh.revenue.md\n").And.Contain($"wrote   {Pages}/datasets/dwh.income.md\n"), write.ToString());
        Assert.That(PagesOf(project), Does.Contain("datasets/notes.md").And.Contain("datasets/dwh.income.md").And.Not.Contain("datasets/dwh.revenue.md"));
    }

    [Test]
    public async Task A_project_that_does_not_compile_is_told_of_as_by_validate_and_its_pages_stay()
    {
        using var project = DescribedShop();
        await project.RunAsync("docs");
        project.Replace("orders.yaml", "amount > 0", "amuont > 0");
        project.Replace("totals.yaml", "sum(gross)", "sum(gros)");
        var before = project.Read($"{Pages}/README.md");
        var (docs, validate) = (await project.RunAsync("docs"), await project.RunAsync("validate"));
        Assert.That(docs.ExitCode, Is.EqualTo(2), docs.ToString());
        Assert.That(Problems(docs.Error), Is.EqualTo(Problems(validate.Out + validate.Error)).And.Not.Empty);
        Assert.That(project.Read($"{Pages}/README.md"), Is.EqualTo(before));

        static List<string> Problems(string text) => [.. text.Split('\n').Where(l => l.Contains(": error ETL", StringComparison.Ordinal)).Select(l => l[(l.LastIndexOf('/') + 1)..]).Order(StringComparer.Ordinal)];
    }

    [TestCase("README.md")]
    [TestCase("pipelines/orders.md")]
    public async Task A_file_of_somebody_elses_is_never_overwritten(string page)
    {
        using var project = DescribedShop();
        project.Write($"{Pages}/{page}", "# Mine\n");
        var result = await project.RunAsync("docs");
        Assert.That((result.ExitCode, result.Out, result.Error), Is.EqualTo((2, "", $"""
            error ETL6042: {Pages}/{page} was not written by `etl docs`, and a page belongs there
              Nothing was written. Move it, or name another folder with --out.

            """)), result.ToString());
        Assert.That((project.Read($"{Pages}/{page}"), PagesOf(project)), Is.EqualTo(("# Mine\n", new[] { page })));
    }

    [Test]
    public async Task Without_a_pipeline_there_is_nothing_to_document()
    {
        using var project = ProjectFolder.With(("etl.yaml", ""), ("inner/etl.yaml", ""), ("inner/p.yaml", "pipeline: p\n"));
        var (nothing, nowhere) = (await project.RunAsync("docs"), await project.RunAsync("docs", "elsewhere"));
        Assert.That((nothing.ExitCode, nothing.Error), Is.EqualTo((2, $"""
            error ETL6040: no pipeline belongs to the project in {project.Folder}
              A project is a folder with etl.yaml, and what is below it down to the next one: name the project's folder.

            """)), nothing.ToString());
        Assert.That((nowhere.ExitCode, nowhere.Error), Is.EqualTo((2, "error ETL6040: there is no folder 'elsewhere'\n  Name the folder of a project.\n")), nowhere.ToString());
    }

    [Test]
    public async Task Two_pipelines_of_one_id_have_no_two_pages()
    {
        using var project = DescribedShop();
        project.Write("more/totals.yaml", project.Read("totals.yaml").Replace("contracts/", "../contracts/", StringComparison.Ordinal));
        var result = await project.RunAsync("docs");
        Assert.That((result.ExitCode, result.Out), Is.EqualTo((2, "")), result.ToString());
        Assert.That(result.Error, Does.Contain($"{project.Folder}/totals.yaml:2:11: error ETL6041: the pipeline in 'more/totals.yaml' is called 'totals' too. Checkpoints stand in the targets under a pipeline's id: give each an id of its own.\n"));
        Assert.That(Directory.Exists(project.PathOf(Pages)), Is.False);
    }

    [Test]
    public async Task A_folder_that_cannot_be_written_is_told()
    {
        using var project = DescribedShop();
        project.Write("docs/taken", "");
        var result = await project.RunAsync("docs", "--out", "docs/taken/data");
        Assert.That(result.ExitCode, Is.EqualTo(1), result.ToString());
        Assert.That(result.Error, Does.StartWith("error ETL6044: the pages in docs/taken/data cannot be written: ").And.EndWith("""

              Pages are replaced one by one, each as a whole: when the cause is gone, the same command makes them right.

            """));
    }

    [Test]
    [Category("Integration")]
    public async Task Mermaid_reads_each_chart()
    {
        using var project = DescribedShop();
        await project.RunAsync("docs");
        var pages = PagesOf(project);
        var charts = await ChartsAsync(pages.Select(p => project.PathOf($"{Pages}/{p}")));
        Assert.That(charts.Select(c => c!["page"]!.GetValue<string>()), Is.EqualTo(pages.Select(p => project.PathOf($"{Pages}/{p}"))), "each page has one");
        Assert.That(Edges(charts[0]!), Is.EqualTo(new[]
        {
            "people -> lake:people", "shop:people.recent -> people", "shop:customers -> orders", "shop:orders -> orders", "orders -> dwh:sales", "dwh:sales -> totals", "totals -> dwh:revenue",
        }.Order(StringComparer.Ordinal)));

        static IEnumerable<string> Edges(JsonNode chart)
        {
            var labels = chart["nodes"]!.AsArray().ToDictionary(n => n!["id"]!.GetValue<string>(), n => n!["label"]!.GetValue<string>());
            return chart["edges"]!.AsArray().Select(e => $"{labels[e!["from"]!.GetValue<string>()]} -> {labels[e["to"]!.GetValue<string>()]}").Order(StringComparer.Ordinal);
        }
    }

    [Test]
    public async Task A_contract_of_two_names_is_a_dependency()
    {
        using var project = DescribedShop();
        project.Replace("connections.yaml", "connections:\n", "connections:\n  mart: { type: postgres, host: mart.example, database: dwh, user: reader, password: \"${DWH_PASSWORD}\" }\n");
        project.Replace("totals.yaml", "extract: table\n    connection: dwh", "extract: table\n    connection: mart");
        await project.RunAsync("docs");
        Assert.That(project.Read($"{Pages}/README.md"), Does.Contain("  d_dwh_sales -. \"shop.sales\" .-> d_mart_sales\n  ".TrimEnd(' ')).And.Contain("| [mart:sales](datasets/mart.sales.md) | table on postgres | shop.sales | | [totals](pipelines/totals.md) |"));
    }

    // Names of every kind of character, the same in each run.
    [Test]
    [Category("Integration")]
    public async Task Whatever_things_are_called_a_chart_shows_their_names()
    {
        const string Marks = "\"#<>&`%\\*~;:|{}[]()/'-_=+,?!@^ éλ漢😀";
        string[] words = ["end", "style", "classDef", "graph", "subgraph", "click", "%%", "-->", "&lt;", "#35;", "<b>", "`x`", "{{", "ab", "b"];
        var random = new Random(11);
        var marks = Marks.EnumerateRunes().Select(r => r.ToString()).ToList();
        var names = Enumerable.Range(0, 150)
            .Select(i => $"n{string.Concat(Enumerable.Range(0, 8).Select(_ => random.Next(3) == 0 ? words[random.Next(words.Length)] : marks[random.Next(marks.Count)]))}{i.ToString(CultureInfo.InvariantCulture)}")
            .ToList();
        using var project = DescribedShop();
        project.Write("orders.yaml", $"""
            apiVersion: etl/v1
            pipeline: orders
            stages:
            {string.Concat(names.Select((n, i) => FormattableString.Invariant($"  - {{ id: s{i}, extract: table, connection: shop, contract: contracts/orders.yaml, with: {{ table: '{n.Replace("'", "''", StringComparison.Ordinal).Replace("{{", "{", StringComparison.Ordinal)}' }} }}\n  - {{ id: l{i}, load: table, connection: dwh, from: s{i}, with: {{ table: t{i}, mode: replace }} }}\n")))}
            """);
        var result = await project.RunAsync("docs");
        Assert.That(result.ExitCode, Is.Zero, result.ToString());
        var chart = (await ChartsAsync([project.PathOf($"{Pages}/README.md")])).Single()!;
        var labels = chart["nodes"]!.AsArray().Select(n => n!["label"]!.GetValue<string>().Trim()).ToList();
        Assert.That(labels, Is.SupersetOf(names.Select(n => $"shop:{n.Replace("{{", "{", StringComparison.Ordinal)}".Trim())));
    }

    private static async Task<JsonArray> ChartsAsync(IEnumerable<string> pages) => JsonNode.Parse(await NodeTools.RunAsync("node", ["check-mermaid.js", .. pages]))!.AsArray();

    private static List<string> PagesOf(ProjectFolder project) =>
        [.. Directory.GetFiles(project.PathOf(Pages), "*", SearchOption.AllDirectories).Select(f => Path.GetRelativePath(project.PathOf(Pages), f).Replace('\\', '/')).Order(StringComparer.Ordinal)];

    /// <summary>The chained shop, with contracts that say more, a query, a conversion that loses, a parameter of the day, and tests.</summary>
    private static ProjectFolder DescribedShop()
    {
        var project = ChainedShop.Project();
        project.Write("contracts/sales.yaml", """
            apiVersion: v3.0.2
            kind: DataContract
            id: shop.sales
            name: Sales by order
            version: "2.1.0"
            status: active
            domain: commerce
            description:
              purpose: What was sold, by order, without what was refused.
              limitations: "Amounts | are *gross*, in <EUR>."
            schema:
              - name: sales
                physicalName: sales
                logicalType: object
                quality:
                  - { type: library, rule: rowCount, mustBeGreaterThan: 0, description: There are sales. }
                properties:
                  - { name: order_id, logicalType: integer, required: true, primaryKey: true, primaryKeyPosition: 1, description: The number on the invoice. }
                  - { name: country, logicalType: string, businessName: Country of delivery, classification: restricted, description: "Two letters, ISO 3166-1." }
                  - name: gross
                    logicalType: number
                    physicalType: decimal(18,2)
                    description: |
                      With VAT.
                      Rounded to cents.
                    quality:
                      - { type: sql, query: "SELECT count(*) FROM sales WHERE gross < 0 | 1", mustBe: 0 }
            """);
        project.Replace("orders.yaml", "pipeline: orders\n", "pipeline: orders\ndescription: The shop's orders | priced.\nowner: sales@example\n");
        project.Replace("orders.yaml", "vat: { type: decimal, default: 0.21 }", "vat: { type: decimal, default: 0.21, description: The rate of VAT. }");
        project.Replace("orders.yaml", "with: { table: sales, mode: upsert, key: [order_id], on_excluded: keep }", "description: For all who report.\n    contract: contracts/sales.yaml\n    with: { table: sales, mode: upsert, key: [order_id], on_excluded: keep }");
        project.Replace("totals.yaml", "revenue: \"sum(gross)\" } }", "revenue: \"sum(gross)\", average: \"avg(gross)\" } }");
        project.Replace("totals.yaml", "table: revenue, mode: replace }", "table: revenue, mode: replace, accept_loss: [average] }\n" + """
            policies:
              dead_letters: { connection: lake, path: refused/, max_rows: 100, max_ratio: 0.05, keep: 90d }
            tests:
              - name: revenue is by country, `NULL` too
                given: { sales: [{ order_id: 1, country: NL, gross: 1.00 }] }
                expect: { report: [{ country: NL, revenue: 1.00 }] }

            """);
        project.Replace("connections.yaml", "connections:\n", "connections:\n  lake: { type: file, root: lake }\n");
        project.Write("people.yaml", """
            apiVersion: etl/v1
            pipeline: people
            stages:
              - id: recent
                extract: query
                connection: shop
                contract: contracts/customers.yaml
                with:
                  query: |
                    select customer_id, name, country
                    from customers
                    where since < '{{ run.date }}'
              - id: lake
                load: parquet
                from: recent
                connection: lake
                with: { path: "people/{partition}", partition_by: country, mode: replace }

            """);
        return project;
    }
}
