using System.Buffers;
using System.Text;
using System.Text.Json;
using Etl.Contracts;

namespace Etl.Plugins.Files;

/// <summary>A member of the objects that are read: a column, or an object some of whose members are.</summary>
internal sealed class JsonMember(string name)
{
    private const int ItsChildren = -1;

    // What other paths give a meaning to.
    private static readonly SearchValues<char> Reserved = SearchValues.Create("$[]*'\"");
    private readonly byte[] _name = Encoding.UTF8.GetBytes(name);
    private readonly List<JsonMember> _children = [];

    public string Name => name;

    /// <summary>The column; negative for an object.</summary>
    public int Column { get; private set; } = ItsChildren;

    /// <summary>The whole object, for the columns of a schema. ETL4579: two columns are at one place, or one within the other.</summary>
    public static JsonMember Tree(RowSchema schema, IReadOnlyDictionary<string, string> paths)
    {
        var root = new JsonMember("$");
        for (var i = 0; i < schema.Arrow.FieldsList.Count; i++)
        {
            var column = schema.Arrow.FieldsList[i].Name;
            var given = paths.FirstOrDefault(p => p.Key.Equals(column, StringComparison.OrdinalIgnoreCase)).Value;
            var at = root;
            foreach (var step in given is null ? [column] : PathOf(given)!)
            {
                var next = at._children.Find(c => c.Name == step);
                if (next is null)
                {
                    at._children.Add(next = new(step));
                }

                at = next.Column < 0 ? next : throw Overlap(column);
            }

            at.Column = at._children.Count == 0 ? i : throw Overlap(column);
        }

        return root;
    }

    /// <summary>The names on a path; null for what is none.</summary>
    public static string[]? PathOf(string path)
    {
        var names = (path.StartsWith("$.", StringComparison.Ordinal) ? path[2..] : path).Split('.');
        return names.All(n => n.Length > 0 && !n.AsSpan().ContainsAny(Reserved)) ? names : null;
    }

    /// <summary>The child that the reader's member is; null for one that nobody wants. Members mostly come in the same order: <paramref name="expected"/> is where to look first.</summary>
    public JsonMember? Find(ref Utf8JsonReader json, ref int expected)
    {
        for (var i = 0; i < _children.Count; i++)
        {
            var at = (expected + i) % _children.Count;
            if (json.ValueTextEquals(_children[at]._name))
            {
                expected = at + 1;
                return _children[at];
            }
        }

        return null;
    }

    private static EtlException Overlap(string column) => new(
        "ETL4579", $"column '{column}' is at the place of another column, or within it or around it", "Give each column a path of its own in members.") { OptionPath = "members" };
}
