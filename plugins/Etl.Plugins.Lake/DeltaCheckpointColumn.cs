using System.Text.Json.Nodes;
using Parquet;
using Parquet.Schema;

namespace Etl.Plugins.Lake;

/// <summary>What a member of an action is in a checkpoint's Parquet file.</summary>
internal enum MemberKind
{
    Text,
    Long,
    Integer,
    Boolean,
    Texts,
    Map,
}

/// <summary>
/// A member of an action, as a column of a checkpoint. All but the keys of maps can be NULL, so a value's definition level is the number of steps that are
/// there: <c>add</c>, then <c>path</c>.
/// </summary>
/// <param name="Path">From the action's kind on, separated by dots.</param>
/// <param name="Kind">Its type.</param>
internal sealed record DeltaCheckpointColumn(string Path, MemberKind Kind)
{
    /// <summary>The path's steps; the first is the action's kind.</summary>
    public IReadOnlyList<string> Steps { get; } = Path.Split('.');

    /// <summary>The field that holds the values, without its structure.</summary>
    public Field Leaf() => Kind switch
    {
        MemberKind.Text => new DataField<string>(Steps[^1], nullable: true),
        MemberKind.Long => new DataField<long>(Steps[^1], nullable: true),
        MemberKind.Integer => new DataField<int>(Steps[^1], nullable: true),
        MemberKind.Boolean => new DataField<bool>(Steps[^1], nullable: true),
        MemberKind.Texts => new ListField(Steps[^1], new DataField<string>("element", nullable: true), "list"),
        _ => new MapField(Steps[^1], new DataField<string>("key", nullable: false), new DataField<string>("value", nullable: true)),
    };

    /// <summary>Writes the column for some actions; <paramref name="leaf"/> is its field in the file's schema.</summary>
    public async ValueTask WriteAsync(ParquetRowGroupWriter group, Field leaf, IReadOnlyList<(string Kind, JsonObject Action)> actions, CancellationToken cancel)
    {
        switch (Kind)
        {
            case MemberKind.Texts:
                await Texts((DataField)((ListField)leaf).Item, node => node.AsArray()).WriteAsync(group, cancel);
                break;
            case MemberKind.Map:
                var map = (MapField)leaf;
                await Texts((DataField)map.Key, node => node.AsObject().Select(m => (JsonNode?)JsonValue.Create(m.Key))).WriteAsync(group, cancel);
                await Texts((DataField)map.Value, node => node.AsObject().Select(m => m.Value)).WriteAsync(group, cancel);
                break;
            case MemberKind.Text:
                await Values(node => node.GetValue<string>().AsMemory()).WriteAsync(group, cancel);
                break;
            case MemberKind.Long:
                await Values(node => node.GetValue<long>()).WriteAsync(group, cancel);
                break;
            case MemberKind.Integer:
                await Values(node => node.GetValue<int>()).WriteAsync(group, cancel);
                break;
            default:
                await Values(node => node.GetValue<bool>()).WriteAsync(group, cancel);
                break;
        }

        Shredded<T> Values<T>(Func<JsonNode, T> read) where T : struct
        {
            var shredded = new Shredded<T>((DataField)leaf);
            foreach (var (kind, action) in actions)
            {
                var (depth, node) = Find(kind, action);
                shredded.Add(depth, 0, node is null ? null : read(node));
            }

            return shredded;
        }

        Shredded<ReadOnlyMemory<char>> Texts(DataField field, Func<JsonNode, IEnumerable<JsonNode?>> items)
        {
            var shredded = new Shredded<ReadOnlyMemory<char>>(field);
            foreach (var (kind, action) in actions)
            {
                var (depth, node) = Find(kind, action);
                var repetition = 0;
                foreach (var item in node is null ? [] : items(node))
                {
                    shredded.Add(item is null ? field.MaxDefinitionLevel - 1 : field.MaxDefinitionLevel, repetition, item?.GetValue<string>().AsMemory());
                    repetition = 1;
                }

                if (repetition == 0)
                {
                    shredded.Add(depth, 0, null);
                }
            }

            return shredded;
        }
    }

    /// <summary>Reads the column of a row group: a value for each row, null where there is none.</summary>
    public async ValueTask<JsonNode?[]> ReadAsync(ParquetRowGroupReader group, Field leaf, int rows, CancellationToken cancel)
    {
        var values = new JsonNode?[rows];
        switch (leaf)
        {
            case ListField list:
                var items = await Shredded<ReadOnlyMemory<char>>.ReadAsync(group, (DataField)list.Item, cancel);
                foreach (var (row, _, isThere, item) in items.Rows())
                {
                    // An array that is empty or not there is the same to who reads actions.
                    if (isThere)
                    {
                        ((JsonArray)(values[row] ??= new JsonArray())).Add(item.ToString());
                    }
                }

                break;
            case MapField map:
                var keys = await Shredded<ReadOnlyMemory<char>>.ReadAsync(group, (DataField)map.Key, cancel);
                var texts = await Shredded<ReadOnlyMemory<char>>.ReadAsync(group, (DataField)map.Value, cancel);
                foreach (var (key, text) in keys.Rows().Zip(texts.Rows()))
                {
                    var members = (JsonObject)(values[key.Row] ??= new JsonObject());
                    if (key.IsThere)
                    {
                        members[key.Value.ToString()] = text.IsThere ? text.Value.ToString() : null;
                    }
                }

                break;
            case DataField field when field.ClrType == typeof(long):
                await FlatAsync<long>(field, v => v);
                break;
            case DataField field when field.ClrType == typeof(int):
                await FlatAsync<int>(field, v => v);
                break;
            case DataField field when field.ClrType == typeof(bool):
                await FlatAsync<bool>(field, v => v);
                break;
            case DataField field:
                await FlatAsync<ReadOnlyMemory<char>>(field, v => v.ToString());
                break;
            default:
                throw new InvalidDataException($"'{Path}' is of another type");
        }

        return values;

        async ValueTask FlatAsync<T>(DataField field, Func<T, JsonNode> toJson) where T : struct
        {
            foreach (var (row, _, isThere, value) in (await Shredded<T>.ReadAsync(group, field, cancel)).Rows())
            {
                values[row] = isThere ? toJson(value) : null;
            }
        }
    }

    // The member's value and how many of the path's steps there are.
    private (int Depth, JsonNode? Node) Find(string kind, JsonObject action)
    {
        if (kind != Steps[0])
        {
            return (0, null);
        }

        JsonNode? node = action;
        for (var depth = 1; depth < Steps.Count; depth++)
        {
            node = node[Steps[depth]];
            if (node is null)
            {
                return (depth, null);
            }
        }

        return (Steps.Count, node);
    }
}
