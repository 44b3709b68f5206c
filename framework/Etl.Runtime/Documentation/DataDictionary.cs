using Etl.Contracts;
using Etl.Runtime.Compilation;
using Etl.Runtime.Compilation.Lineage;
using Etl.Runtime.Definition;

namespace Etl.Runtime.Documentation;

/// <summary>What the pages of a project are about: its pipelines, the data sets that they read and write, and the contracts of these.</summary>
internal sealed class DataDictionary
{
    private readonly Dictionary<Dataset, DocumentedDataset> _datasets = [];
    private readonly ILookup<DocumentedDataset, DocumentedContract> _contracts;

    public DataDictionary(Project project, IEnumerable<DocumentedPipeline> pipelines)
    {
        Project = project;
        Pipelines = [.. pipelines.OrderBy(p => p.Id, StringComparer.Ordinal)];
        foreach (var pipeline in Pipelines)
        {
            foreach (var extract in pipeline.Extracts)
            {
                Known(extract.Stage, pipeline).Readers.Add((pipeline, extract));
            }

            foreach (var load in pipeline.Lineage.Loads)
            {
                Known(load.Load.Stage, pipeline).Writers.Add((pipeline, load));
            }
        }

        Datasets = [.. _datasets.Values.OrderBy(d => d.Dataset.Connection, StringComparer.Ordinal).ThenBy(d => d.Dataset.Name, StringComparer.Ordinal)];
        Contracts =
        [
            .. Datasets.SelectMany(d => d.ContractFiles.Select(f => (Dataset: d, File: f))).GroupBy(d => d.File, d => d.Dataset)
                .Select(f => new DocumentedContract(f.Key, Contract(f.Key, f), ContractNotes.Read(f.Key), [.. f]))
                .OrderBy(c => c.Id, StringComparer.Ordinal).ThenBy(c => c.File, StringComparer.Ordinal),
        ];
        _contracts = Contracts.SelectMany(c => c.Datasets.Select(d => (d, c))).ToLookup(c => c.d, c => c.c);
    }

    public Project Project { get; }

    /// <summary>By id.</summary>
    public IReadOnlyList<DocumentedPipeline> Pipelines { get; }

    /// <summary>By connection and name.</summary>
    public IReadOnlyList<DocumentedDataset> Datasets { get; }

    /// <summary>By id.</summary>
    public IReadOnlyList<DocumentedContract> Contracts { get; }

    /// <summary>What a stage reads or writes.</summary>
    public DocumentedDataset Of(StageDefinition stage, DocumentedPipeline pipeline) => _datasets[Dataset.AsWritten(stage, Project, pipeline.Id)];

    /// <summary>The contracts of a data set.</summary>
    public IEnumerable<DocumentedContract> ContractsOf(DocumentedDataset dataset) => _contracts[dataset];

    private DocumentedDataset Known(StageDefinition stage, DocumentedPipeline pipeline)
    {
        var name = Dataset.AsWritten(stage, Project, pipeline.Id);
        if (!_datasets.TryGetValue(name, out var known))
        {
            _datasets.Add(name, known = new DocumentedDataset(name));
        }

        return known;
    }

    // A load's node names its contract and does not hold it.
    private static DataContract? Contract(string file, IEnumerable<DocumentedDataset> datasets) =>
        datasets.SelectMany(d => d.Readers).Select(r => r.Extract).FirstOrDefault(e => e.Stage.Contract == file)?.Contract ?? ContractReader.Read(file, new Diagnostics.DiagnosticBag());
}

/// <summary>A pipeline with what its page tells beside the plan.</summary>
/// <param name="lineage">Of its columns, with the pipeline.</param>
/// <param name="tests">Their names.</param>
/// <param name="summaries">What the component of a stage does, in a sentence, by the stage's id.</param>
internal sealed class DocumentedPipeline(PipelineLineage lineage, IReadOnlyList<string> tests, IReadOnlyDictionary<string, string> summaries)
{
    public PipelineLineage Lineage => lineage;

    public IReadOnlyList<string> Tests => tests;

    public IReadOnlyDictionary<string, string> Summaries => summaries;

    public CompiledPipeline Compiled => Lineage.Pipeline;

    public PipelineDefinition Definition => Compiled.Definition;

    public string Id => Definition.Id;

    public IEnumerable<ExtractNode> Extracts => Compiled.Nodes.OfType<ExtractNode>();
}

/// <summary>A data set with who writes and who reads it.</summary>
internal sealed class DocumentedDataset(Dataset dataset)
{
    public Dataset Dataset => dataset;

    public List<(DocumentedPipeline Pipeline, LoadLineage Load)> Writers { get; } = [];

    public List<(DocumentedPipeline Pipeline, ExtractNode Extract)> Readers { get; } = [];

    public string Name => dataset.ToString();

    private IEnumerable<StageDefinition> Stages => [.. Writers.Select(w => w.Load.Load.Stage), .. Readers.Select(r => r.Extract.Stage)];

    /// <summary>Those that its loads and extracts name, as files.</summary>
    public IReadOnlyList<string> ContractFiles => [.. Stages.Select(s => s.Contract).OfType<string>().Distinct().Where(File.Exists).Order(StringComparer.Ordinal)];

    /// <summary>The SELECT behind a data set that is a query; null for a table or files.</summary>
    public string? Query => Readers.Select(r => r.Extract.Stage.With["query"]).OfType<Yaml.YamlScalar>().FirstOrDefault()?.Written;
}

/// <summary>A contract and the data sets whose stages name it.</summary>
internal sealed record DocumentedContract(string File, DataContract? Contract, ContractNotes Notes, IReadOnlyList<DocumentedDataset> Datasets)
{
    public string Id => Contract?.Id ?? Path.GetFileNameWithoutExtension(File);
}
