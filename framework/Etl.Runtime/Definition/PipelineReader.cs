using System.Text.RegularExpressions;
using Etl.Runtime.Diagnostics;
using Etl.Runtime.Options;
using Etl.Runtime.Yaml;

namespace Etl.Runtime.Definition;

/// <summary>Reads a pipeline file: parse, substitute, then make records. It reads no other file, and knows no plugin.</summary>
public static partial class PipelineReader
{
    /// <summary>The version of the format that this code reads.</summary>
    public const string ApiVersion = "etl/v1";

    private const string LeastPipeline = "Write apiVersion: etl/v1, pipeline: NAME and stages.";

    /// <summary>The pipeline; null when the bag was told of an error that leaves none. With other errors it is what could be read.</summary>
    /// <param name="file">Its path.</param>
    /// <param name="project">The project that it belongs to; gives what references are looked up in.</param>
    /// <param name="run">Values for templates and parameters.</param>
    /// <param name="bag">Receives what is wrong.</param>
    public static PipelineDefinition? Read(string file, Project project, RunContext run, DiagnosticBag bag) =>
        YamlReader.ReadFile(file, "pipeline", bag) is { } root ? Read(file, root, project, run, bag) : null;

    /// <summary>The same for a file that was parsed already.</summary>
    public static PipelineDefinition? Read(string file, YamlMap root, Project project, RunContext run, DiagnosticBag bag)
    {
        if (!IsSupported(root, bag))
        {
            return null;
        }

        var fields = new MapFields(root, "", bag).Only("apiVersion", "pipeline", "description", "owner", "params", "stages", "policies", "tests");
        var id = ReadId(fields, "pipeline", SourceSpan.Start(file), bag);
        var references = new Interpolation(project.Variables, files: null, templates: null, bag);
        var parameters = ParamReader.Read(fields.Map("params") is { } block ? references.Apply(block) : null, bag);
        var values = ParamReader.Resolve(file, parameters, run, bag);
        var interpolation = new Interpolation(project.Variables, files: null, new TemplateModel(id ?? "", run, values), bag);

        var stages = Stages(fields, file, interpolation, bag);
        var policies = fields.Map("policies") is { } p ? OptionBinder.Bind<Policies>(interpolation.Apply(p), p.Span, bag) : new Policies();
        if (id is null || policies is null)
        {
            return null;
        }

        values["run_id"] = run.Id;
        values["run_date"] = run.Date;
        values["run_started_at"] = run.StartedAt;
        return new PipelineDefinition
        {
            File = file,
            Id = id,
            IdSpan = fields.SpanOf("pipeline"),
            Description = fields.Text("description"),
            Owner = fields.Text("owner"),
            Params = parameters,
            Parameters = values,
            Stages = stages,
            Policies = policies,
            Tests = root["tests"],
        };
    }

    private static bool IsSupported(YamlMap root, DiagnosticBag bag)
    {
        switch (root.Find("apiVersion"))
        {
            case { Value: YamlScalar { Value: ApiVersion } }:
                return true;
            case null:
                bag.AddError(root.Span, "ETL1020", "apiVersion is missing", $"Write apiVersion: {ApiVersion} in the first line.");
                return false;
            case var entry:
                bag.AddError(
                    entry.Value.Span, "ETL1020", $"apiVersion {(entry.Value is YamlScalar s ? $"'{s.Value}'" : $"is {entry.Value.Kind}, which")} is not supported",
                    $"This version reads {ApiVersion}.");
                return false;
        }
    }

    private static string? ReadId(MapFields fields, string key, SourceSpan where, DiagnosticBag bag)
    {
        var id = fields.RequiredText(key, "It names this in reports and in the state of targets: letters a-z, digits, _ and -.", where);
        if (id is null || IdPattern().IsMatch(id))
        {
            return id;
        }

        bag.AddError(fields.SpanOf(key), "ETL1021", $"the id '{(id.Length <= 63 ? id : $"{id[..60]}...")}' is not allowed", "An id starts with a-z and has at most 63 characters of a-z, 0-9, _ and -.");
        return null;
    }

    private static List<StageDefinition> Stages(MapFields pipeline, string file, Interpolation interpolation, DiagnosticBag bag)
    {
        var stages = new List<StageDefinition>();
        pipeline.Require("stages", LeastPipeline, SourceSpan.Start(file));
        if (pipeline.List("stages") is not { } list)
        {
            return stages;
        }

        if (list.Items.Count == 0)
        {
            bag.AddError(list.Span, "ETL1024", "the pipeline has no stages", "Write at least an extract and a load.");
        }

        for (var i = 0; i < list.Items.Count; i++)
        {
            if (list.Items[i] is not YamlMap map)
            {
                bag.AddError(list.Items[i].Span, "ETL2002", $"'stages[{i}]' must be a mapping, and this is {list.Items[i].Kind}", "Write - id: NAME, and its properties below.");
            }
            else if (Stage(map, i, file, interpolation, bag) is { } stage)
            {
                if (stages.FirstOrDefault(s => s.Id == stage.Id) is { } first)
                {
                    // The first one goes on alone: later passes find stages by their ids.
                    bag.AddError(stage.IdSpan, "ETL1023", $"the stage id '{stage.Id}' is there twice, first in line {first.IdSpan.Line}", "Rename one of them.");
                    continue;
                }

                stages.Add(stage);
            }
        }

        return stages;
    }

    private static StageDefinition? Stage(YamlMap map, int index, string file, Interpolation interpolation, DiagnosticBag bag)
    {
        if (map.Find("for_each") is { } reserved)
        {
            bag.AddError(reserved.KeySpan, "ETL1022", "for_each is reserved for a later version", "Write the stages out, or make several pipelines with `etl new`.");
            map = map.Without("for_each");
        }

        // A name of a stage or component is no value: substituted are the connection, the contract's path and the options.
        var fields = new MapFields(map, $"stages[{index}]", bag).Only("id", "description", "extract", "transform", "load", "from", "connection", "contract", "with");
        var id = ReadId(fields, "id", map.Span, bag);
        StageKind[] kinds = [.. Enum.GetValues<StageKind>().Where(k => map.Find(Key(k)) is not null)];
        if (kinds.Length != 1)
        {
            var which = kinds.Length == 0 ? "none of extract, transform and load" : string.Join(" and ", kinds.Select(Key));
            bag.AddError(map.Span, "ETL1024", $"the stage has {which}; it must have exactly one", "Write extract: NAME, transform: NAME or load: NAME.");
            return null;
        }

        var kind = kinds[0];
        var component = fields.Text(Key(kind));
        var from = From(fields, map, kind, bag);
        if (id is null || component is null)
        {
            return null;
        }

        var connection = fields.Scalar("connection") is { } c ? (YamlScalar)interpolation.Apply(c) : null;
        var contract = fields.Scalar("contract") is { } d ? (YamlScalar)interpolation.Apply(d) : null;
        return new StageDefinition
        {
            Id = id,
            Kind = kind,
            Component = component,
            From = from,
            Description = fields.Text("description"),
            Connection = connection?.Value,
            Contract = contract is null ? null : Path.GetFullPath(Path.Combine(Path.GetDirectoryName(Path.GetFullPath(file))!, contract.Value)),
            With = fields.Map("with") is { } with ? interpolation.Apply(with) : YamlMap.Empty(map.Span),
            Span = map.Span,
            IdSpan = fields.SpanOf("id"),
            ComponentSpan = fields.SpanOf(Key(kind)),
            ConnectionSpan = fields.SpanOf("connection"),
            ContractSpan = fields.SpanOf("contract"),
        };
    }

    private static List<InputRef> From(MapFields fields, YamlMap map, StageKind kind, DiagnosticBag bag)
    {
        var inputs = new List<InputRef>();
        var from = map.Find("from");
        if (kind == StageKind.Extract)
        {
            if (from is not null)
            {
                bag.AddError(from.KeySpan, "ETL1025", "an extract has no from", "It reads a source; remove the line.");
            }

            return inputs;
        }

        if (from is null)
        {
            bag.AddError(map.Span, "ETL1025", $"a {Key(kind)} needs from", "Write from: STAGE, or from: [STAGE, STAGE].");
            return inputs;
        }

        foreach (var node in from.Value is YamlList list ? list.Items : [from.Value])
        {
            if (node is not YamlScalar { IsEmpty: false } scalar)
            {
                bag.AddError(node.Span, "ETL2002", $"'{fields.Name("from")}' must be a stage's id or a list of them, and this is {node.Kind}");
            }
            else if (inputs.Exists(i => i.Stage == scalar.Value))
            {
                bag.AddError(scalar.Span, "ETL1026", $"the input '{scalar.Value}' is there twice", "Remove one of them.");
            }
            else
            {
                inputs.Add(new InputRef(scalar.Value, scalar.Span));
            }
        }

        if (from.Value is YamlList { Items.Count: 0 })
        {
            bag.AddError(from.Value.Span, "ETL1025", $"a {Key(kind)} needs from", "Write from: STAGE, or from: [STAGE, STAGE].");
        }

        return inputs;
    }

    private static string Key(StageKind kind) => kind switch { StageKind.Extract => "extract", StageKind.Transform => "transform", _ => "load" };

    [GeneratedRegex("^[a-z][a-z0-9_-]{0,62}\\z", RegexOptions.CultureInvariant)]
    private static partial Regex IdPattern();
}
