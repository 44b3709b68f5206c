using System.Globalization;
using System.Text.Json.Nodes;
using Apache.Arrow;
using Etl.Contracts;

namespace Etl.Plugins.FileSets;

/// <summary>The selected files, a split for each.</summary>
/// <param name="selection">What is read.</param>
/// <param name="read">Reads a file: its key and its size.</param>
internal sealed class FileExtraction(FileSelection selection, Func<string, long, CancellationToken, IAsyncEnumerable<RecordBatch>> read) : IExtraction
{
    public IReadOnlyList<Split> Splits { get; } = [.. selection.Files.Select((file, i) => new Split(
        string.Create(CultureInfo.InvariantCulture, $"file-{i}"), new JsonObject { ["key"] = file.Key, ["size"] = file.Size }))];

    public SourcePosition Reached => selection.Reached;

    public long? EstimatedRows => null;

    public IReadOnlyList<string> Warnings => selection.Warnings;

    public IAsyncEnumerable<RecordBatch> ReadAsync(Split split, CancellationToken cancel) =>
        read(split.Spec["key"]!.GetValue<string>(), split.Spec["size"]!.GetValue<long>(), cancel);

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;
}
