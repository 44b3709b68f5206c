using NUnit.Framework;

namespace Etl.EndToEnd.Tests;

/// <summary>What people meet when something is wrong: one text each, pinned whole, with code and place, without a stack or a secret.</summary>
public sealed class ErrorTests
{
    private const string Warehouse = "dwh: { type: sqlite, path: out/sqlite.db }";

    private static IEnumerable<TestCaseData> Cases()
    {
        yield return Case("missing_connection", 2, p => p.Replace("orders.yaml", "connection: dwh", "connection: dhw"));
        yield return Case("missing_table", 1, p => p.Replace("orders.yaml", "table: orders\n", "table: oders\n"));
        yield return Case("missing_column", 1, p => p.Sqlite("shop.db", "alter table orders drop column name"));
        yield return Case("unreadable_database", 1, p => p.Write("shop.db", "This is a text file, and not a database at all: no page of it is one."));
        yield return Case("missing_database", 1, p => File.Delete(p.PathOf("shop.db")));
        yield return Case("bad_yaml", 2, p => p.Replace("orders.yaml", "transform: check", "transform: [check"));
        yield return Case("unknown_option", 2, p => p.Replace("orders.yaml", "mode: upsert, key: [id]", "mode: upsert, keys: [id]"));
        yield return Case("unknown_component", 2, p => p.Replace("orders.yaml", "transform: check", "transform: chekc"));
        yield return Case("unknown_column", 2, p => p.Replace("orders.yaml", "amount > 0", "amuont > 0"));
        yield return Case("unknown_input", 2, p => p.Replace("orders.yaml", "from: orders", "from: order"));
        yield return Case("missing_contract", 2, p => File.Delete(p.PathOf("orders.contract.yaml")));
        yield return Case("missing_pipeline", 2, p => File.Delete(p.PathOf("orders.yaml")));
        yield return Case("value_that_does_not_fit", 1, p => p.Sqlite("shop.db", "update orders set amount = 'twelve' where id = 12"));
        yield return Case("target_that_would_lose", 1, p => p.Sqlite("out/sqlite.db", "create table orders (id integer primary key, name integer, amount decimal(10,2), day text, updated_at text, deleted_at text)"));
        yield return Case("missing_target_table", 1, p => p.Replace("orders.yaml", "with: { table: orders,", "with: { table: orders, schema: { create: false },"));
        yield return Case("missing_target_column", 1, p =>
        {
            p.Replace("orders.yaml", "with: { table: orders,", "with: { table: orders, schema: { add_columns: false },");
            p.Sqlite("out/sqlite.db", "create table orders (id integer primary key, name text, amount decimal(10,2), day text, updated_at text)");
        });
        yield return Case("missing_lake", 1, p => p.Replace("orders.yaml", "partition_by: day,", "partition_by: day, schema: { create: false },"));
        yield return Case("root_that_is_a_file", 1, p => p.Write("lake", ""));
        yield return Case("too_many_refused", 3, p => p.Replace("orders.yaml", "max_ratio: 1", "max_ratio: 0.01"));
        yield return Case("null_that_the_contract_excludes", 1, p =>
        {
            p.Replace("orders.contract.yaml", "{ name: name, logicalType: string }", "{ name: name, logicalType: string, required: true }");
            p.Sqlite("shop.db", "update orders set name = null where id = 12");
        });
        yield return Case("two_statements", 1, p =>
        {
            p.Replace("orders.yaml", "extract: table", "extract: query");
            p.Replace("orders.yaml", "table: orders\n      incremental: { cursor: updated_at, deleted_when: \"deleted_at is not null\" }", "query: select * from orders; select 1");
        });
        yield return Case("unset_variable", 2, p => p.Replace("connections.yaml", "path: shop.db", "path: \"${SHOP_FILE}\""));
        yield return Case("secret_in_a_file", 2, p => p.Replace("connections.yaml", Warehouse, Postgres("hunter2-secret")));
        yield return Case("unreachable_host", 1, p =>
        {
            p.Environment["DWH_PASSWORD"] = "hunter2-secret";
            p.Replace("connections.yaml", Warehouse, Postgres("${DWH_PASSWORD}"));
        });

        static string Postgres(string password) => $"dwh: {{ type: postgres, host: 127.0.0.1, port: 1, database: dwh, user: etl, password: \"{password}\" }}";

        static TestCaseData Case(string name, int exit, Action<ProjectFolder> spoil) => new TestCaseData(name, exit, spoil).SetArgDisplayNames(name);
    }

    [TestCaseSource(nameof(Cases))]
    public async Task It_is_told_with_code_place_and_what_to_do(string name, int exit, Action<ProjectFolder> spoil)
    {
        using var project = SmallShop.Project("sqlite");
        spoil(project);
        var result = await project.RunAsync("run", "orders.yaml");
        var text = result.Out + string.Join('\n', result.Error.Split('\n').Where(l => !l.StartsWith('{')));
        using (Assert.EnterMultipleScope())
        {
            Assert.That(result.ExitCode, Is.EqualTo(exit), result.ToString());
            Assert.That(text, Does.Match("ETL[0-9]{4}"));
            Assert.That(result.Out + result.Error, Does.Not.Contain("   at ").And.Not.Contain("hunter2-secret"));
            Golden.Check($"errors/{name}.txt", text, project);
        }
    }
}
