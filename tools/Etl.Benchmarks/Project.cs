using System.Globalization;
using System.Text.Json.Nodes;

namespace Etl.Benchmarks;

/// <summary>A project for the shipped command line: connections to the benchmark's server, and its pipelines.</summary>
internal sealed class Project
{
    private const string Memory = "256MB";

    private const string Connections = """
        connections:
          source: { type: postgres, host: "${PGHOST}", port: "${PGPORT}", database: "${PGDATABASE}", user: "${PGUSER}", password: "${PGPASSWORD}" }
          target: { type: postgres, host: "${PGHOST}", port: "${PGPORT}", database: "${PGDATABASE}", schema: loaded, user: "${PGUSER}", password: "${PGPASSWORD}" }
          lake: { type: file, root: lake }
        """;

    private const string Read = """
        stages:
          - { id: orders, extract: table, connection: source, contract: source.orders.yaml, with: { table: orders } }
        """;

    private const string Transform = """

          - id: tidy
            transform: clean
            from: orders
            with: { trim: [status, email], lower: [status, email], upper: [currency], fill: { note: "" } }
          - id: sized
            transform: derive
            from: tidy
            with:
              columns:
                size: "case when amount < 50 then 'small' when amount < 5000 then 'medium' else 'large' end"
                day: "cast(created_at as date)"
        """;

    private const string Warehouse = """

          - { id: warehouse, load: table, from: sized, connection: target, with: { table: orders, mode: upsert, key: [order_id] } }
        """;

    private const string Lake = """

          - { id: lake, load: parquet, from: sized, connection: lake, with: { path: "orders/{year}/{month}/{day}/", partition_by: day, mode: replace } }
        """;

    // What is read is thrown away by the cheapest query there is, so that reading is all that is left.
    private const string Nothing = """

          - { id: none, transform: filter, from: orders, with: { where: "order_id < 0" } }
          - { id: lake, load: parquet, from: none, connection: lake, with: { path: nothing/, mode: replace, allow_empty: true } }
        """;

    private const string Trivial = """
        stages:
          - { id: numbers, extract: csv, connection: lake, contract: numbers.contract.yaml, with: { path: numbers.csv } }
          - { id: copied, load: csv, from: numbers, connection: lake, with: { path: copied, mode: replace } }
        """;

    private const string NumbersContract = """
        apiVersion: v3.0.2
        kind: DataContract
        id: numbers
        version: "1.0.0"
        status: active
        schema:
          - name: numbers
            physicalName: numbers
            logicalType: object
            properties:
              - { name: n, logicalType: integer, required: true }
              - { name: text, logicalType: string, required: true }
        """;

    private readonly Cli _cli;
    private readonly Server _server;

    /// <summary>Writes the files; the contract is imported from the source.</summary>
    public Project(string folder, Cli cli, Server server)
    {
        (Folder, _cli, _server) = (folder, cli, server);
        Directory.CreateDirectory(LakeFolder);
        Write("etl.yaml", "");
        Write("connections.yaml", Connections);
        Write("lake/numbers.csv", "n,text\n" + string.Concat(Enumerable.Range(1, 1000).Select(i => string.Create(CultureInfo.InvariantCulture, $"{i},number {i}\n"))));
        Write("numbers.contract.yaml", NumbersContract);
        WritePipeline("trivial", Trivial);
        WritePipeline("extract", Read + Nothing);
        WritePipeline("upsert", Read + Transform + Warehouse);
        WritePipeline("tenth", (Read + Transform + Warehouse).Replace("source.orders.yaml", "source.tenth.yaml", StringComparison.Ordinal).Replace("with: { table: orders } }", "with: { table: tenth } }", StringComparison.Ordinal));
        WritePipeline("both", Read + Transform + Warehouse + Lake);
        WritePipeline("store", Read + Transform + Lake.Replace("connection: lake", "connection: store", StringComparison.Ordinal));
        foreach (var table in (string[])["orders", "tenth"])
        {
            Run("contract", "import", "--connection", "source", "--tables", table, "--out", ".", "--overwrite");
        }
    }

    /// <summary>Where <c>etl.yaml</c> is.</summary>
    public string Folder { get; }

    /// <summary>The lake's root.</summary>
    public string LakeFolder => Path.Combine(Folder, "lake");

    /// <summary>Gives the connection <c>store</c> a place.</summary>
    public void UseStore(string endpoint, string bucket, string accessKey, string secretKey)
    {
        Write("connections.yaml", $"{Connections}\n  store: {{ type: s3, bucket: {bucket}, endpoint: \"{endpoint}\", access_key: {accessKey}, secret_key: \"${{STORE_SECRET}}\" }}");
        Write(".env", $"STORE_SECRET={secretKey}");
    }

    /// <summary>Takes all that earlier runs have left away.</summary>
    public void Clear()
    {
        _server.Execute("DROP SCHEMA IF EXISTS loaded CASCADE; DROP SCHEMA IF EXISTS _etl CASCADE; CHECKPOINT");
        foreach (var folder in Directory.GetDirectories(LakeFolder))
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    /// <summary>Runs <c>etl run</c> of a pipeline: what the process took, and its report.</summary>
    public (Measurement Measurement, JsonNode Report) RunPipeline(string pipeline, params string[] more)
    {
        var (measurement, output) = Run(["run", pipeline + ".yaml", "--output", "json", "--memory", Memory, .. more]);
        return (measurement, JsonNode.Parse(output)!);
    }

    /// <summary>Runs any command in the project's folder.</summary>
    public (Measurement Measurement, string Out) Run(params string[] arguments) => ChildProcess.Run(Folder, _server.Environment, "dotnet", [_cli.Dll, .. arguments]);

    private void WritePipeline(string name, string text) => Write(name + ".yaml", $"apiVersion: etl/v1\npipeline: {name}\n{text}");

    private void Write(string name, string text) => File.WriteAllText(Path.Combine(Folder, name), text + "\n");
}
