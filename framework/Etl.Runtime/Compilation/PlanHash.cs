using System.Security.Cryptography;
using System.Text;
using Etl.DuckDb;
using Etl.Runtime.Definition;
using Etl.Runtime.Yaml;

namespace Etl.Runtime.Compilation;

/// <summary>
/// A plan's identity: stages, components, options as written (never a secret's value), schemas and SQL, in a canonical text whose first line
/// is its version.
/// </summary>
internal static class PlanHash
{
    public static string Of(PipelineDefinition definition, IReadOnlyList<PlanNode> nodes)
    {
        var text = new StringBuilder("etl-plan/1\n").Append(definition.Id).Append('\n');
        foreach (var (name, value) in definition.Parameters.Where(p => definition.Params.ContainsKey(p.Key)).OrderBy(p => p.Key, StringComparer.Ordinal))
        {
            text.Append(System.Globalization.CultureInfo.InvariantCulture, $"param {name}={value}\n");
        }

        foreach (var stage in definition.Stages)
        {
            text.Append(System.Globalization.CultureInfo.InvariantCulture, $"stage {stage.Id} {stage.Kind} {stage.Component} from [{string.Join(',', stage.From.Select(f => f.Stage))}] on {stage.Connection}\n");
            Append(text, stage.With, 1);
        }

        foreach (var node in nodes)
        {
            text.Append("node ").Append(node.Id).Append('\n');
            foreach (var field in node.Schema.Arrow.FieldsList)
            {
                text.Append(System.Globalization.CultureInfo.InvariantCulture, $"  {field.Name} {DuckType.Of(field.DataType)}{(field.IsNullable ? "" : " not null")}\n");
            }

            if (node is SegmentNode segment)
            {
                text.Append(segment.Segment.Sql).Append('\n');
                foreach (var stage in segment.Segment.Stages.Where(s => s.Contract is not null))
                {
                    text.AppendJoin("", segment.Segment.Warnings.Where(w => w.Stage == stage.Id).Select(w => $"{w}\n")).AppendJoin("", segment.Segment.TableRules.Where(r => r.Stage == stage.Id).Select(r => $"{r.Rule.Rule} {r.Rule.Action} {r.Expect}\n"));
                }
            }
        }

        return "sha256:" + Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text.ToString())));
    }

    /// <summary>Options as written, in a canonical text.</summary>
    public static string Text(YamlNode node)
    {
        var text = new StringBuilder();
        Append(text, node, 0);
        return text.ToString();
    }

    /// <summary>16 hex characters over some texts.</summary>
    public static string Short(IEnumerable<string> parts) =>
        Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(string.Join('\n', parts))).AsSpan(0, 8));

    private static void Append(StringBuilder text, YamlNode node, int depth)
    {
        switch (node)
        {
            case YamlMap map:
                foreach (var entry in map.Entries)
                {
                    text.Append(' ', depth).Append(entry.Key).Append(":\n");
                    Append(text, entry.Value, depth + 1);
                }

                break;
            case YamlList list:
                foreach (var item in list.Items)
                {
                    text.Append(' ', depth).Append("-\n");
                    Append(text, item, depth + 1);
                }

                break;
            case YamlScalar scalar:
                text.Append(' ', depth).Append(scalar.Written).Append('\n');
                break;
        }
    }
}
