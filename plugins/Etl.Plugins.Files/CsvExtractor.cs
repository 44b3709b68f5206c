using System.Text.RegularExpressions;
using Apache.Arrow;
using Etl.Contracts;
using FluentValidation;

namespace Etl.Plugins.Files;

/// <summary>Options of <c>extract: csv</c>.</summary>
public sealed record CsvExtractOptions : CsvFormatOptions
{
    /// <summary>The files.</summary>
    [Option("The file, or several: '*' stands for any characters but '/'. Relative to the connection's root.", Example = "in/orders-*.csv")]
    public required string Path { get; init; }

    /// <summary>Columns to read.</summary>
    [Option("Columns to read; all of the contract's when absent. Others in the file are passed over.", Example = "[order_id, amount]", Identifier = true)]
    public IReadOnlyList<string>? Columns { get; init; }
}

/// <summary>Settings that do not contradict each other.</summary>
public sealed class CsvExtractRules : CsvFormatRules<CsvExtractOptions>
{
    /// <summary>Without names, columns are by position.</summary>
    public CsvExtractRules() =>
        RuleFor(o => o.Columns).Must((o, columns) => o.Header || columns is null).WithMessage("needs header: true; without it columns are known by their position.");
}

/// <summary>Reads CSV files from any object store: RFC 4180, UTF-8, types by contract, each value exact or an error with file and line.</summary>
[Extractor("csv", "Reads CSV files from a folder or an object store; a split for each file.")]
public sealed class CsvExtractor(CsvExtractOptions options, IObjectStore store) : IExtractor
{
    private const string Kind = "file.csv/1";

    /// <inheritdoc/>
    public ExtractorCapabilities Capabilities => new(Kind, Incremental: false, "exact: all files that are there when the run starts", $"{Kind} {options.Path}");

    /// <inheritdoc/>
    public RowSchema DescribeOutput(DataContract? contract)
    {
        if (contract is null)
        {
            throw new EtlException("ETL3001", "the extraction of CSV files has no contract, and a file does not say types", "Declare the columns in a contract and name it with contract: FILE.");
        }

        var fields = options.Columns is null
            ? contract.Columns.Select(c => c.Field).ToList()
            : options.Columns.Select((name, i) => contract.Schema.Require(name, $"columns[{i}]")).ToList();
        fields.ForEach(CsvCell.Check);
        // Nothing makes keys unique across files or within one: what the contract says of a key is for a check to prove.
        return new(new Schema(fields, null));
    }

    /// <inheritdoc/>
    public async ValueTask<IExtraction> OpenAsync(ExtractRequest request, CancellationToken cancel)
    {
        var keys = await FindAsync(cancel);
        if (keys.Count == 0)
        {
            throw new EtlException("ETL4533", $"no file matches '{options.Path}' in {store.Root}", "Correct path; it is relative to the connection's root.");
        }

        return new CsvExtraction(store, options, request, keys, new(Kind, store.Root.ToString(), new()));
    }

    private async ValueTask<List<string>> FindAsync(CancellationToken cancel)
    {
        var star = options.Path.IndexOf('*', StringComparison.Ordinal);
        if (star < 0)
        {
            return await store.SizeAsync(options.Path, cancel) is null ? [] : [options.Path];
        }

        var pattern = new Regex($"^{Regex.Escape(options.Path).Replace("\\*", "[^/]*", StringComparison.Ordinal)}$", RegexOptions.CultureInvariant | RegexOptions.NonBacktracking);
        var keys = new List<string>();
        await foreach (var (key, _, _) in store.ListAsync(options.Path[..star], cancel))
        {
            if (pattern.IsMatch(key))
            {
                keys.Add(key);
            }
        }

        return keys;
    }
}
