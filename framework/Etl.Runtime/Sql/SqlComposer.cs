using System.Text;
using Etl.Contracts;

namespace Etl.Runtime.Sql;

/// <summary>
/// SQL text that remembers which of its characters a user wrote, and in which option, so that an error at a position of the whole
/// query is told at the position in the YAML.
/// </summary>
internal sealed class SqlComposer(IReadOnlyDictionary<string, string> parameterTypes)
{
    private readonly StringBuilder _text = new();
    private readonly List<Origin> _origins = [];

    /// <summary>A place in a stage's options.</summary>
    internal readonly record struct Origin(int Start, int Length, string Stage, string OptionPath, int Offset);

    public int Length => _text.Length;

    /// <summary>Names of the parameters that were used.</summary>
    public HashSet<string> Parameters { get; } = [];

    public SqlComposer Add(string text)
    {
        _text.Append(text);
        return this;
    }

    /// <summary>A user's SQL, or one that a component made of several options: <paramref name="parts"/> says where each stands in it.</summary>
    public SqlComposer Add(Etl.Contracts.Sql sql, string stage, IReadOnlyList<Etl.Contracts.Sql>? parts = null)
    {
        var (text, pieces, names) = SqlParameters.Rewrite(sql.Text, parameterTypes);
        foreach (var name in names)
        {
            if (!parameterTypes.ContainsKey(name))
            {
                throw new EtlException("ETL3012", $"there is no parameter '${name}'", $"Parameters are: {string.Join(", ", parameterTypes.Keys.Select(k => "$" + k))}.")
                {
                    OptionPath = sql.OptionPath,
                    OptionOffset = Math.Max(0, sql.Text.IndexOf("$" + name, StringComparison.Ordinal) - sql.Offset),
                };
            }

            Parameters.Add(name);
        }

        var written = sql.OptionPath is null ? parts ?? [] : [sql with { Text = sql.Text[sql.Offset..] }];
        CheckRepeatable(sql, written);
        foreach (var part in written)
        {
            foreach (var piece in pieces)
            {
                var from = Math.Max(piece.Original, part.Offset);
                var length = Math.Min(piece.Original + piece.Length, part.Offset + part.Text.Length) - from;
                if (length > 0)
                {
                    _origins.Add(new Origin(_text.Length + piece.Start + from - piece.Original, length, stage, part.OptionPath!, from - part.Offset));
                }
            }
        }

        _text.Append(text);
        return this;
    }

    /// <summary>The option that holds the character at a position, and its offset there; null for SQL that nobody wrote.</summary>
    public (string Stage, string OptionPath, int Offset)? OriginOf(int position)
    {
        foreach (var origin in _origins)
        {
            if (position >= origin.Start && position < origin.Start + origin.Length)
            {
                return (origin.Stage, origin.OptionPath, origin.Offset + position - origin.Start);
            }
        }

        return null;
    }

    public override string ToString() => _text.ToString();

    // A retry runs the query again and must get the same rows.
    private static void CheckRepeatable(Etl.Contracts.Sql sql, IReadOnlyList<Etl.Contracts.Sql> written)
    {
        foreach (var (name, at) in written.Count == 0 ? [] : VolatileSql.In(sql.Text))
        {
            foreach (var part in written.Where(p => at >= p.Offset && at < p.Offset + p.Text.Length))
            {
                throw new EtlException(
                    "ETL3014", $"'{name}' gives another value each time, so a retry would give other rows",
                    "Use $run_started_at or $run_date for the time, and a hash of the key instead of a random number.")
                {
                    OptionPath = part.OptionPath,
                    OptionOffset = at - part.Offset,
                };
            }
        }
    }
}
