using System.Collections.Concurrent;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Etl.Contracts;
using Etl.DuckDb;

namespace Etl.Runtime.Sql;

/// <summary>DuckDB's own parser and binder, as JSON. Nothing is executed.</summary>
internal static partial class SqlSyntax
{
    // A long chain of CASE is as deep as it is long.
    private static readonly JsonDocumentOptions Deep = new() { MaxDepth = 4096 };

    private static readonly ParsingStatements Parsing = new(skipEmpty: true);

    private static readonly ParsingStatements ParsingWithEmpty = new(skipEmpty: false);

    /// <summary>The tree of a SELECT, without what is empty; null for what is none.</summary>
    public static JsonObject? Parse(string sql)
    {
        // DuckDB leaves out what is empty far sooner than it can be done here, but with it the empty set of a GROUP BY, which is the total.
        var total = MayGroupByNothing().IsMatch(sql);
        var json = (total ? ParsingWithEmpty : Parsing).Run(sql);
        var tree = Read(json, static json => JsonNode.Parse(json.Span, documentOptions: Deep))?["statements"]?[0]?["node"]?.AsObject();
        if (total)
        {
            RemoveEmpty(tree);
        }

        return tree;
    }

    /// <summary>The plan of a SELECT as it was bound, without what is empty, and before anything was optimised away.</summary>
    public static JsonDocument Plan(DuckConnection connection, string sql)
    {
        var json = connection.QueryUtf8($"SELECT json_serialize_plan({SqlText.Literal(sql)}, skip_null := true, skip_empty := true, optimize := false)::VARCHAR");
        return Read(json, static json => JsonDocument.Parse(json, Deep));
    }

    private static T Read<T>(byte[] json, Func<ReadOnlyMemory<byte>, T> parse)
    {
        try
        {
            return parse(json);
        }
        catch (JsonException)
        {
            // Not looked for before: it is rare, and the text is long.
            return parse(Encoding.UTF8.GetBytes(NoNumber().Replace(Encoding.UTF8.GetString(json), static m => m.Value[0] == '"' ? m.Value : $"\"{m.Value}\"")));
        }
    }

    [GeneratedRegex(@"\b(ROLLUP|CUBE|GROUPING)\b|\(\s*\)", RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex MayGroupByNothing();

    // What a DOUBLE holds and JSON cannot: DuckDB writes a literal of 1e400 as Infinity. Strings are matched so that nothing in them is.
    [GeneratedRegex("""
        "(?:[^"\\]|\\.)*"|-?\b(?:Infinity|inf|NaN|nan)\b
        """, RegexOptions.IgnorePatternWhitespace | RegexOptions.CultureInvariant)]
    private static partial Regex NoNumber();

    // As skip_empty does, but for the sets of a GROUP BY, where the empty one is the total.
    private static void RemoveEmpty(JsonNode? node)
    {
        foreach (var item in node as JsonArray ?? [])
        {
            RemoveEmpty(item);
        }

        foreach (var (name, value) in (node as JsonObject ?? []).Where(p => p.Key != "group_sets").ToList())
        {
            RemoveEmpty(value);
            if (value is JsonObject { Count: 0 } or JsonArray { Count: 0 } || (value is JsonValue text && text.TryGetValue<string>(out var s) && s.Length == 0))
            {
                node!.AsObject().Remove(name);
            }
        }
    }

    // One that is ready for each thread that parses: to bind its call takes longer than to parse, and needs no table.
    private sealed class ParsingStatements(bool skipEmpty)
    {
        private readonly ConcurrentBag<Parser> _free = [];

        public byte[] Run(string sql)
        {
            var parser = _free.TryTake(out var free) ? free : new Parser(skipEmpty);
            try
            {
                var json = parser.Run(sql);
                _free.Add(parser);
                return json;
            }
            catch
            {
                parser.Dispose();
                throw;
            }
        }
    }

    private sealed class Parser(bool skipEmpty) : IDisposable
    {
        private readonly DuckConnection _connection = OfflineDatabase.Connect();
        private DuckStatement? _statement;

        public byte[] Run(string sql)
        {
            _statement ??= _connection.Prepare($"SELECT json_serialize_sql($sql::VARCHAR, skip_null := true, skip_empty := {(skipEmpty ? "true" : "false")})::VARCHAR");
            return _connection.QueryUtf8(_statement, new Dictionary<string, object> { ["sql"] = sql });
        }

        public void Dispose()
        {
            _statement?.Dispose();
            _connection.Dispose();
        }
    }
}
