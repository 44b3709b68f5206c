using System.Globalization;
using System.Text.Json.Nodes;
using Apache.Arrow;
using Etl.Contracts;
using Etl.Plugins.Columnar;
using Etl.Plugins.FileSets;
using FluentValidation;

namespace Etl.Plugins.Lake;

/// <summary>Options of <c>extract: delta</c>.</summary>
public sealed record DeltaExtractOptions
{
    /// <summary>The table's folder.</summary>
    [Option("Folder of the table in the object store: the one that holds _delta_log/.", Example = "data/orders", Identifier = true)]
    public required string Path { get; init; }

    /// <summary>Columns to read.</summary>
    [Option("Columns to read; all of the contract's when absent.", Example = "[order_id, amount]", Identifier = true)]
    public IReadOnlyList<string>? Columns { get; init; }

    /// <summary>Partitions to read.</summary>
    [Option("Conditions on the table's partition columns; other files are passed over. A value, or =, !=, <, <=, > or >= before it; several joined by 'and'.", Example = "{ dt: \">= 2026-01-01\" }")]
    public IReadOnlyDictionary<string, string> Partitions { get; init; } = new Dictionary<string, string>();

    /// <summary>Rows to read.</summary>
    [Option("Conditions on columns; other rows are passed over. Files that by the log's statistics hold none of them are not opened, nor are such row groups fetched. A value, or =, !=, <, <=, > or >= before it; several joined by 'and'.", Example = "{ updated_at: \">= 2026-01-01\" }")]
    public IReadOnlyDictionary<string, string> Rows { get; init; } = new Dictionary<string, string>();

    /// <summary>Time travel.</summary>
    [Option("The table as it was at this version; the newest when absent.", Min = 0)]
    public long? Version { get; init; }

    /// <summary>How to read what is new.</summary>
    [Option("Reads only files that were added since the target's checkpoint. appends: each row once; a version that removes rows is refused. rewrites: files that were written anew are read whole, for targets with a key; rows that were deleted stay there. Absent: the whole table, each time.")]
    public DeltaIncrement? Incremental { get; init; }
}

/// <summary>What an increment of a table is.</summary>
public enum DeltaIncrement
{
    /// <summary>Rows that were added to a table from which none are removed.</summary>
    Appends,

    /// <summary>Files that the table did not have.</summary>
    Rewrites,
}

/// <summary>Rules of <see cref="DeltaExtractOptions"/>.</summary>
public sealed class DeltaExtractRules : OptionsRules<DeltaExtractOptions>
{
    /// <summary>A folder, and one version or what is new.</summary>
    public DeltaExtractRules()
    {
        RuleFor(o => o.Path).Must(p => PartitionLayout.FindFault(p) is null && !p.Contains('{', StringComparison.Ordinal)).WithMessage("must be the table's folder, without placeholders.");
        RuleForValue(o => o.Version).Must((o, _) => o.Version is null || o.Incremental is null).WithMessage("is not for incremental.");
    }
}

/// <summary>Reads a Delta table: the files that its log names, whole or those that are new, at its newest version or an older one.</summary>
[Extractor("delta", "Reads a Delta table from an object store: only the columns and partitions that are wanted, whole, as of a version, or what was added.")]
public sealed class DeltaExtractor(DeltaExtractOptions options, IObjectStore store, PluginContext context) : IDescribingExtractor
{
    private readonly string _root = PartitionLayout.RootOf(options.Path);

    /// <inheritdoc/>
    public ExtractorCapabilities Capabilities => new(Kind, options.Incremental is not null, Guarantee, Fingerprint) { MayRepeat = options.Incremental == DeltaIncrement.Rewrites, KeepsKeys = false };

    private string Kind => options.Incremental is { } increment ? $"delta.{increment.ToString().ToLowerInvariant()}/1" : "delta/1";

    // A version is had whole or not at all: of other partitions its rows would be missing.
    private string Fingerprint => Kind + string.Concat(options.Partitions.Select(p => $" {p.Key}={p.Value}")) + RowFilter.Fingerprint(options.Rows);

    private string Guarantee => options.Incremental switch
    {
        null => "exact: one version of the table",
        DeltaIncrement.Appends => "exact: the rows that the versions since the last one added; one that removes rows is refused",
        _ => "exact for rows that are there: files that are new are read whole, rows that come in them again too; rows that were deleted stay in the target",
    };

    /// <inheritdoc/>
    public RowSchema DescribeOutput(DataContract? contract)
    {
        if (contract is null)
        {
            throw new EtlException("ETL3001", $"the extraction of '{options.Path}' has no contract, and its columns are known only when the table is read", "Declare the columns in a contract and name it with contract: FILE.");
        }

        _ = new FolderFilter(options.Partitions, contract.Schema);
        _ = new RowFilter(options.Rows, contract.Schema);
        var fields = options.Columns is null
            ? contract.Columns.Select(c => c.Field)
            : options.Columns.Select((name, i) => contract.Schema.Require(name, $"columns[{i}]"));
        return new(new Schema(fields, null));
    }

    /// <inheritdoc/>
    public async ValueTask<IExtraction> OpenAsync(ExtractRequest request, CancellationToken cancel)
    {
        var log = new DeltaLog(store, _root, Path.Combine(context.StateFolder, "tmp"));
        var table = await ReadAsync(log, cancel);
        var identity = $"{store.Root}{_root} {table.Metadata!["id"]}";
        var rows = new RowFilter(options.Rows, request.Contract!.Schema);
        var live = new RowSchema(table.Schema!);
        CheckColumns(live, new(rows.Widen(request.Schema.Arrow)));
        var files = From(request, identity) is { } from && options.Incremental is { } increment
            ? await new DeltaIncrementReader(log, _root).ReadAsync(increment, from, table, cancel)
            : table.Files;
        var folders = new FolderFilter(options.Partitions, request.Contract.Schema);
        // Columns that are in the log only, or, of our own tables, in the files too.
        var objects = files
            .Where(f => MayHold(rows, f, live))
            .Select(f => new ParquetObject(_root + f.RelativePath, f.Size, [.. f.PartitionValues.Select(v => (v.Key, string.IsNullOrEmpty(v.Value) ? null : v.Value))]))
            .Where(o => options.Partitions.Count == 0 || folders.Admits(o.Key, o.Values))
            .OrderBy(o => o.Key, StringComparer.Ordinal).ToList();
        var pieces = new ParquetPieces(store, request, rows, missingIsNull: true);
        var (splits, estimated) = await pieces.PlanAsync(objects, cancel);
        return new ParquetExtraction(pieces, splits, estimated, new(Kind, identity, new JsonObject { ["version"] = table.Version }), []);
    }

    /// <inheritdoc/>
    public async ValueTask<SourceDescription> DescribeSourceAsync(CancellationToken cancel)
    {
        var table = await ReadAsync(new DeltaLog(store, _root, Path.Combine(context.StateFolder, "tmp")), cancel);
        return new([.. table.Schema!.FieldsList.Select(f => new ColumnDescription(f.Name, f, DeltaSchema.TypeName(f)))], HasTypes: true, []);
    }

    private async ValueTask<DeltaSnapshot> ReadAsync(DeltaLog log, CancellationToken cancel)
    {
        var table = options.Version is null ? await log.ReadAsync(cancel) : new DeltaSnapshot();
        if (options.Version is { } wanted)
        {
            while (table.Version < wanted)
            {
                table.Apply(table.Version + 1, await log.ReadAsync(table.Version + 1, cancel) ?? throw NoVersion(table.Version + 1, wanted));
            }
        }
        return table.Version >= 0 ? table
            : throw new EtlException("ETL4582", $"there is no Delta table in '{options.Path}' of {store.Root}", "Correct path: it is the folder that holds _delta_log/, relative to the connection's root.") { OptionPath = "path" };
    }

    private EtlException NoVersion(long version, long wanted) => new(
        "ETL4583", string.Create(CultureInfo.InvariantCulture, $"the table '{options.Path}' has no version {version}, and {wanted} is asked for"), "Ask for a version that its log still has.") { OptionPath = "version" };

    private long? From(ExtractRequest request, string identity) => request.From is null || options.Incremental is null ? null
        : request.From.Kind == Kind && request.From.Identity == identity ? request.From.Position["version"]!.GetValue<long>()
        : throw new EtlException("ETL4584", $"the target's position is of {request.From.Kind} in {request.From.Identity}, and this is {Kind} in {identity}", "The table was made anew, or the connection leads elsewhere. If that is meant, run with --full-refresh.");

    private bool MayHold(RowFilter rows, ActiveFile file, RowSchema live)
    {
        if (options.Rows.Count == 0 || file.Stats is null)
        {
            return true;
        }

        var stats = JsonNode.Parse(file.Stats);
        return rows.MayHold(field => DeltaStatistics.RangeOf(stats, live.Require(field.Name), field));
    }

    private static void CheckColumns(RowSchema live, RowSchema schema)
    {
        var missing = schema.Names.Where(n => live.Index(n) < 0).ToList();
        if (missing.Count > 0)
        {
            throw new EtlException("ETL4580", $"the table has no column {string.Join(", ", missing.Select(m => $"'{m}'"))}, which the contract declares; it has {string.Join(", ", live.Names)}", "Correct the contract, or name the columns to read with columns.");
        }
    }
}
