using System.Text.Json;
using Apache.Arrow.Types;
using Etl.Contracts;
using Etl.Plugins.FileSets;
using FluentValidation;

namespace Etl.Plugins.Files;

/// <summary>Options of <c>extract: json</c>.</summary>
public sealed record JsonExtractOptions : FileExtractOptions
{
    /// <summary>Where columns come from.</summary>
    [Option("Where a column is in each object, if it is no member of the column's own name.", Example = "{ city: $.customer.address.city }", Identifier = true)]
    public IReadOnlyDictionary<string, string> Members { get; init; } = new Dictionary<string, string>();

    /// <summary>How the files are compressed.</summary>
    [Option("How the files are compressed. Absent: .gz is gzip, .zst is zstd, and other names are not.")]
    public FileCompression? Compression { get; init; }
}

/// <summary>Settings that do not contradict each other.</summary>
public sealed class JsonExtractRules : FileExtractRules<JsonExtractOptions>
{
    /// <summary>Paths that can be followed.</summary>
    public JsonExtractRules() => RuleForEach(o => o.Members).Must(m => JsonMember.PathOf(m.Value) is not null).WithMessage("must be a path of names such as $.customer.city.");
}

/// <summary>Reads JSON from any object store: an object for each row, on a line of its own or in one array; types by contract, each value exact or an error with file and line.</summary>
[Extractor("json", "Reads JSON files from a folder or an object store, an object for each row: on lines (NDJSON) or in an array.")]
public sealed class JsonExtractor(JsonExtractOptions options, IObjectStore store) : IDescribingExtractor
{
    // Members that come later are not seen; they are rare, and a file may be long.
    private const int MostDescribed = 10_000;

    private readonly FileSource _source = new("json", options, store);

    /// <inheritdoc/>
    public ExtractorCapabilities Capabilities => _source.Capabilities;

    /// <inheritdoc/>
    public RowSchema DescribeOutput(DataContract? contract)
    {
        var schema = _source.Describe(contract, Holds);
        foreach (var column in options.Members.Keys)
        {
            schema.Require(column, $"members.{column}");
        }

        _ = JsonMember.Tree(schema, options.Members);
        return schema;
    }

    /// <inheritdoc/>
    public async ValueTask<IExtraction> OpenAsync(ExtractRequest request, CancellationToken cancel) =>
        new FileExtraction(await _source.SelectAsync(request, cancel), new JsonFile(store, options, request).ReadAsync);

    /// <inheritdoc/>
    public async ValueTask<SourceDescription> DescribeSourceAsync(CancellationToken cancel)
    {
        var file = await _source.FirstAsync(cancel);
        using var reader = new JsonRecordReader(await FileContent.OpenAsync(store, file.Key, file.Size, options.Compression, cancel), file.Key);
        var (names, rows) = (new List<string>(), 0);
        do
        {
            while (rows < MostDescribed && reader.TryRead())
            {
                rows++;
                AddMembers(reader, names);
            }
        }
        while (rows < MostDescribed && await reader.FillAsync(cancel));
        var moved = options.Members.Values.Select(p => p.Split('.')[1]).ToHashSet(StringComparer.Ordinal);
        List<string> columns = [.. names.Where(n => !moved.Contains(n)), .. options.Members.Keys];
        return columns.Count > 0
            ? new([.. columns.Select(n => FileSource.Untyped(n, "json")), .. FileSource.FolderNames(file, columns).Select(n => FileSource.Untyped(n, "text"))], HasTypes: false, [])
            : throw reader.Error(1, "no object with members was found");
    }

    private static void AddMembers(JsonRecordReader reader, List<string> names)
    {
        try
        {
            var json = new Utf8JsonReader(reader.Record);
            if (!json.Read() || json.TokenType != JsonTokenType.StartObject)
            {
                throw reader.Error(reader.Line, "an object was expected");
            }

            while (json.Read() && json.TokenType == JsonTokenType.PropertyName)
            {
                var name = json.GetString()!;
                if (!names.Contains(name, StringComparer.OrdinalIgnoreCase))
                {
                    names.Add(name);
                }

                json.Skip();
            }
        }
        catch (JsonException e)
        {
            throw reader.NoJson(e);
        }
    }

    /// <summary>Whether JSON has a form for a type: those with a text, binary as base64, and lists of these.</summary>
    internal static bool Holds(IArrowType type) => type is ListType list ? list.ValueDataType is not ListType && Holds(list.ValueDataType) : type is BinaryType || CellText.Holds(type);
}
