using System.Security.Cryptography;
using System.Text;
using Etl.Contracts;

namespace Etl.Plugins.Redshift.Extract;

/// <summary>Unloads a table or view to S3 and reads the files.</summary>
[Extractor("table", "Reads a table or view of Redshift by UNLOAD, whole or what changed.", For = "redshift")]
public sealed class RedshiftTableExtractor(RedshiftTableExtractOptions options, RedshiftConnection connection, PluginContext context) : IExtractor, ILiveSchema
{
    private readonly RedshiftSource _source = new(connection, context, "redshift.table/1", options.Incremental);

    /// <inheritdoc/>
    public ExtractorCapabilities Capabilities => _source.Capabilities($"table {options.Table}");

    /// <inheritdoc/>
    public RowSchema DescribeOutput(DataContract? contract) => _source.Describe(contract, options.Columns, options.Table);

    /// <inheritdoc/>
    public ValueTask<IExtraction> OpenAsync(ExtractRequest request, CancellationToken cancel)
    {
        var name = TableName.Parse(options.Table, connection.Schema);
        return _source.OpenAsync(request, name.Sql, name.ToString(), async session =>
        {
            var table = await LiveTable.FindAsync(session, name, cancel)
                ?? throw new EtlException("ETL4638", $"there is no table {name} in {connection.Display}, or the user may not see its schema", "Check the name and the connection's schema.") { OptionPath = "table" };
            return new SourceShape(
                Select(name, table, request.Schema), RedshiftTypes.Text(table.Id), ColumnDrift.Check(options.OnDrift, request.Contract, table.Columns.Select(c => c.Name), name.ToString()));
        }, cancel);
    }

    /// <inheritdoc/>
    public OnDrift OnDrift => options.OnDrift;

    /// <inheritdoc/>
    public ValueTask<TableDescription?> DescribeLiveAsync(CancellationToken cancel) => connection.DescribeTableAsync(options.Table, cancel);

    private static List<string> Select(TableName name, LiveTable table, RowSchema schema)
    {
        var (expressions, differences) = (new List<string>(), new List<string>());
        foreach (var field in Load.TargetTable.Written(schema))
        {
            if (table.Find(field.Name) is not { } column)
            {
                differences.Add($"column '{field.Name}' is not there");
            }
            else if (RedshiftTypes.Select(column, field.DataType) is not { } expression)
            {
                differences.Add($"column '{field.Name}' is {column.Type}, the contract says {RedshiftTypes.SqlType(field.DataType)}");
            }
            else if (table.IsTable && !field.IsNullable && !column.NotNull)
            {
                differences.Add($"column '{field.Name}' can be NULL, the contract says required");
            }
            else
            {
                expressions.Add($"{expression} AS {SqlText.Quote(field.Name)}");
            }
        }

        return differences.Count == 0
            ? expressions
            : throw new EtlException("ETL4638", $"{name} is not what its contract says: {string.Join("; ", differences)}", "Import the contract again (etl contract import) and look at the difference, or correct the source.");
    }
}

/// <summary>Unloads the result of a SELECT to S3 and reads the files.</summary>
[Extractor("query", "Reads the result of a SELECT from Redshift by UNLOAD.", For = "redshift")]
public sealed class RedshiftQueryExtractor(RedshiftQueryExtractOptions options, RedshiftConnection connection, PluginContext context) : IExtractor
{
    private readonly RedshiftSource _source = new(connection, context, "redshift.query/1", options.Incremental);

    /// <inheritdoc/>
    public ExtractorCapabilities Capabilities => _source.Capabilities($"query {Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(options.Query)).AsSpan(0, 8))}");

    /// <inheritdoc/>
    public RowSchema DescribeOutput(DataContract? contract) => _source.Describe(contract, null, "TABLE");

    /// <inheritdoc/>
    public ValueTask<IExtraction> OpenAsync(ExtractRequest request, CancellationToken cancel)
    {
        var query = SourceSql.Bind(options.Query, request.Parameters, "query");
        var columns = Load.TargetTable.Written(request.Schema).Select(f => $"{RedshiftTypes.Cast(SqlText.Quote(f.Name), f.DataType)} AS {SqlText.Quote(f.Name)}").ToList();
        return _source.OpenAsync(request, $"(\n{query}\n) AS etl_query", "the query", _ => ValueTask.FromResult(new SourceShape(columns, "query", [])), cancel);
    }
}
