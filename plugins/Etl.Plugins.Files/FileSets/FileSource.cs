using System.Globalization;
using System.Text.Json.Nodes;
using Apache.Arrow;
using Apache.Arrow.Types;
using Etl.Contracts;

namespace Etl.Plugins.FileSets;

/// <summary>What there is to read.</summary>
/// <param name="Files">In order of their keys.</param>
/// <param name="Reached">The position once they are read.</param>
/// <param name="Warnings">For the report.</param>
internal sealed record FileSelection(IReadOnlyList<StoredObject> Files, SourcePosition Reached, IReadOnlyList<string> Warnings);

/// <summary>What extractors of files have in common, whatever their format: the schema by contract, which files are read, and how far that goes.</summary>
internal sealed class FileSource(string format, FileExtractOptions options, IObjectStore store)
{
    private const string DocsHint = "Run with --full-refresh to read every file again.";

    /// <summary>As <see cref="IExtractor.Capabilities"/>.</summary>
    public ExtractorCapabilities Capabilities => new(Kind, options.Incremental is not null, Guarantee, Fingerprint) { MayRepeat = options.OnChanged == OnChangedFile.ReadAgain, KeepsKeys = false };

    // A position is of the names that it remembers, so one of each file holds whatever the path. Past the last name nothing is told of files that the path left out.
    private string Fingerprint => options.Incremental == FileIncrement.Files ? Kind
        : $"{Kind} {options.Path}{string.Concat(options.Partitions.Select(p => $" {p.Key}={p.Value}"))}";

    private string Kind => options.Incremental is { } increment ? $"file.{format}.{increment.ToString().ToLowerInvariant()}/1" : $"file.{format}/1";

    private string Guarantee => (options.Incremental switch
    {
        null => "exact: all files that are there when the run starts",
        FileIncrement.Files => "exact by file: each is read once, by its name",
        _ => "exact if names sort in the order in which files come; one that comes late is noticed if it was written after those that were read",
    }) + (options.Incremental is null ? "" : options.OnChanged switch
    {
        OnChangedFile.Fail => "; one that changed after it was read is refused",
        OnChangedFile.ReadAgain => "; one that changed is read again, and rows that it no longer has stay in the target",
        _ => "; one that changed stays as it was read",
    });

    /// <summary>The contract's columns, or those that are named. ETL3001 without a contract; ETL4541: a type that the format has no form for.</summary>
    public RowSchema Describe(DataContract? contract, Predicate<Apache.Arrow.Types.IArrowType> holds)
    {
        if (contract is null)
        {
            throw new EtlException("ETL3001", $"the extraction of {format} files has no contract, and without one nothing says their columns and types", "Declare the columns in a contract and name it with contract: FILE.");
        }

        var fields = options.Columns is null
            ? contract.Columns.Select(c => c.Field).ToList()
            : options.Columns.Select((name, i) => contract.Schema.Require(name, $"columns[{i}]")).ToList();
        if (fields.Find(f => !holds(f.DataType)) is { } unfit)
        {
            throw new EtlException("ETL4541", $"column '{unfit.Name}' has the type {unfit.DataType.Name}, which has no form in {format} files", "Declare another type, or leave the column out.");
        }

        _ = new FolderFilter(options.Partitions, contract.Schema);
        // Nothing makes keys unique across files or within one: what the contract says of a key is for a check to prove.
        return new(new Schema(fields, null));
    }

    /// <summary>Finds the files. ETL4533: none matches; ETL4534: one has changed since it was read; ETL4539: the position is of something else.</summary>
    public async ValueTask<FileSelection> SelectAsync(ExtractRequest request, CancellationToken cancel)
    {
        var filter = new FolderFilter(options.Partitions, request.Contract!.Schema);
        var read = options.Incremental is { } increment ? FilesRead.Parse(increment, PositionOf(request)) : null;
        var (files, matched) = (new List<StoredObject>(), 0);
        foreach (var file in await FindAsync(cancel))
        {
            matched++;
            if (filter.Admits(file.Key) && IsDue(file, read))
            {
                files.Add(file);
            }
        }

        if (matched == 0 && read is null)
        {
            throw None();
        }

        files.ForEach(f => read?.Add(f));
        return new(files, new(Kind, Identity, read?.ToJson() ?? new()), matched > 0 ? [] : [$"no file matches '{options.Path}' in {store.Root}"]);
    }

    /// <summary>The last file by its name; null when there is none.</summary>
    public async ValueTask<StoredObject?> LastAsync(CancellationToken cancel) => (await FindAsync(cancel)).MaxBy(f => f.Key, StringComparer.Ordinal);

    /// <summary>The first file, which speaks for all where there is no contract. ETL4533: none matches.</summary>
    public async ValueTask<StoredObject> FirstAsync(CancellationToken cancel) => (await FindAsync(cancel)) is [var first, ..] ? first : throw None();

    /// <summary>Columns that a file's folders give beside its own.</summary>
    public static IEnumerable<string> FolderNames(StoredObject file, IReadOnlyCollection<string> own) =>
        Folders.Of(file.Key).Select(f => f.Column).Where(c => !own.Contains(c, StringComparer.OrdinalIgnoreCase)).Distinct(StringComparer.OrdinalIgnoreCase);

    /// <summary>A column whose type nothing says.</summary>
    public static ColumnDescription Untyped(string name, string physicalType) => new(name, new Field(name, StringType.Default, true), physicalType);

    private EtlException None() => new("ETL4533", $"no file matches '{options.Path}' in {store.Root}", "Correct path; it is relative to the connection's root.");

    private string Identity => store.Root.ToString();

    private JsonObject? PositionOf(ExtractRequest request) => request.From is null ? null
        : request.From.Kind == Kind && request.From.Identity == Identity ? request.From.Position
        : throw new EtlException("ETL4539", $"the target's position is of {request.From.Kind} in {request.From.Identity}, and this is {Kind} in {Identity}", $"Take the change of the connection or of incremental back. {DocsHint}");

    private bool IsDue(StoredObject file, FilesRead? read) => read?.StateOf(file) switch
    {
        FileState.Read => false,
        FileState.Changed when options.OnChanged == OnChangedFile.Fail => throw new EtlException(
            "ETL4534", string.Create(CultureInfo.InvariantCulture, $"'{file.Key}' was written at {file.Modified.UtcDateTime:yyyy-MM-dd HH:mm:ss}Z, after it was read or after its turn"),
            $"Give new rows a file of their own, or say on_changed: read_again (for a target with a key) or ignore. {DocsHint}") { OptionPath = "on_changed" },
        FileState.Changed => options.OnChanged == OnChangedFile.ReadAgain,
        _ => true,
    };

    private async ValueTask<List<StoredObject>> FindAsync(CancellationToken cancel)
    {
        var pattern = new PathPattern(options.Path);
        // Of one file that is read each time the size is all that is needed, and a listing of its folder may be long.
        if (!pattern.HasWildcard && options.Incremental is null)
        {
            return await store.SizeAsync(options.Path, cancel) is { } size ? [new(options.Path, size, default)] : [];
        }

        var files = new List<StoredObject>();
        await foreach (var file in store.ListAsync(pattern.Prefix, cancel))
        {
            if (pattern.IsMatch(file.Key))
            {
                files.Add(file);
            }
        }

        return files;
    }
}
