using NUnit.Framework;

namespace Etl.EndToEnd.Tests;

/// <summary>What commands say that cannot do what they were asked, pinned whole.</summary>
public sealed class CommandErrorTests
{
    private static IEnumerable<TestCaseData> Cases()
    {
        yield return Case("run nothing", 2, "error ETL4607: there is no pipeline 'nothing'\n  Give the path of its file.\n");
        yield return Case("exec nothing.sql --connection shop", 2, "error ETL4608: there is no file 'nothing.sql'\n  Give the path of an SQL script.\n");
        yield return Case("exec script.sql --connection files", 2, "error ETL4609: connection 'files' runs no SQL scripts\n");
        yield return Case("lake verify orders.yaml", 1, "error ETL4566: the pipeline 'orders' loads no lake\n  A lake is what `load: parquet` writes: files in an object store, with a log.\n");
        yield return Case("state reset orders.yaml orders --yes", 1, "error ETL6004: 'orders' is no load of the pipeline 'orders'\n  Its loads are: warehouse.\n");
        yield return Case("state reset orders.yaml warehouse --yes", 1, "error ETL6005: 'warehouse' has no checkpoint, so there is nothing to reset\n  `etl state show` lists what there is.\n");
        yield return Case("new --connection shop --tables orders --to nowhere", 2, "error ETL3003: there is no connection 'nowhere'\n  There are: shop, dwh, files.\n");
        yield return Case("new --connection shop --tables orders", 2, "error ETL3057: which connection to load is not clear\n  Say it with --to; there are: dwh, files.\n");
        yield return Case("new --connection shop --tables nothing --to dwh", 2, "error ETL3009: no table in 'shop' (sqlite shop.db) matches 'nothing'\n  A pattern without a dot is of the connection's schema; `*` stands for any text.\n");
        yield return Case("contract import --connection files --tables orders", 2, "error ETL3008: connection 'files' of type file has no tables to list\n");

        static TestCaseData Case(string command, int exit, string told) => new TestCaseData(command, exit, told).SetArgDisplayNames(command);
    }

    [TestCaseSource(nameof(Cases))]
    public async Task It_is_told_with_its_code_and_what_to_do(string command, int exit, string told)
    {
        using var project = ProjectFolder.With(
            ("etl.yaml", ""),
            ("connections.yaml", "connections:\n  shop: { type: sqlite, path: shop.db }\n  dwh: { type: sqlite, path: dwh.db }\n  files: { type: file, root: files }\n"),
            ("script.sql", "select 1"),
            ("orders.contract.yaml", File.ReadAllText(Path.Combine(ShippedCli.Repository, "tests", "golden", "compiler", "orders.contract.yaml"))),
            ("orders.yaml", """
                apiVersion: etl/v1
                pipeline: orders
                stages:
                  - { id: orders, extract: table, connection: shop, contract: orders.contract.yaml, with: { table: orders } }
                  - { id: warehouse, load: table, from: orders, connection: dwh, with: { table: orders, mode: upsert, key: [id] } }
                """));
        project.Sqlite("shop.db", "create table orders (id integer primary key)");
        var result = await project.RunAsync(command.Split(' '));
        Assert.That((result.ExitCode, result.Out, result.Error.Replace(project.Folder + "/", "", StringComparison.Ordinal)), Is.EqualTo((exit, "", told)), result.ToString());
    }
}
