using Etl.Runtime.Diagnostics;
using Etl.Runtime.Yaml;

namespace Etl.Runtime.Options;

/// <summary>Keys of a mapping that nobody knows, which are mistakes and never ignored.</summary>
internal static class UnknownKeys
{
    /// <summary>An ETL2001 for each, with what was probably meant and what there is.</summary>
    /// <param name="map">The mapping.</param>
    /// <param name="known">The keys that it may have.</param>
    /// <param name="noun">What a key is called here: option or property.</param>
    /// <param name="bag">Receives the errors.</param>
    public static void Report(YamlMap map, IEnumerable<string> known, string noun, DiagnosticBag bag)
    {
        var names = known as IReadOnlyCollection<string> ?? [.. known];
        var plural = noun == "property" ? "Properties" : "Options";
        foreach (var entry in map.Entries.Where(e => !names.Contains(e.Key)))
        {
            bag.AddError(
                entry.KeySpan, "ETL2001", $"unknown {noun} '{entry.Key}'",
                names.Count == 0 ? $"There are no {plural.ToLowerInvariant()} here." : $"{Suggest.Sentence(entry.Key, names)}{plural} are: {string.Join(", ", names)}.");
        }
    }
}
