using Apache.Arrow.Types;
using Etl.DuckDb;

namespace Etl.Runtime.Profiling;

/// <summary>Columns that identify a row: single ones, and pairs where no single one does.</summary>
internal sealed class KeyFinder(DuckConnection connection, string table, CancellationToken cancel)
{
    // Each pair is a pass over the rows.
    private const int MostPairs = 15;

    public IReadOnlyList<CandidateKey> Find(IReadOnlyList<ColumnProfile> columns, IReadOnlyList<string> declared, long rows)
    {
        var keys = new List<CandidateKey>();
        if (declared.Count > 0 && declared.All(d => columns.Any(c => c.Name == d)))
        {
            keys.Add(new CandidateKey(declared, IsDeclared: true));
        }

        // One row identifies nothing.
        if (rows < 2)
        {
            return keys;
        }

        var whole = columns.Where(c => c.Nulls == 0 && CanIdentify(c)).ToList();
        keys.AddRange(whole.Where(c => c.Distinct == rows && c.DistinctIsExact && !IsDeclared([c.Name])).Select(c => new CandidateKey([c.Name], IsDeclared: false)));
        if (keys.Count == 0)
        {
            keys.AddRange(Pairs(columns, whole, rows));
        }

        return keys;

        bool IsDeclared(IReadOnlyList<string> key) => declared.SequenceEqual(key);
    }

    private IEnumerable<CandidateKey> Pairs(IReadOnlyList<ColumnProfile> all, List<ColumnProfile> whole, long rows)
    {
        var pairs = whole.SelectMany((a, i) => whole.Skip(i + 1).Select(b => (A: a, B: b)))
            // A tenth for the estimates that the numbers may be.
            .Where(p => (decimal)p.A.Distinct * p.B.Distinct >= 0.9m * rows)
            .OrderBy(p => (decimal)p.A.Distinct * p.B.Distinct).Take(MostPairs);
        foreach (var (a, b) in pairs)
        {
            var groups = connection.QueryText($"SELECT count(*) FROM (SELECT 1 FROM {table} GROUP BY {Sql(a)}, {Sql(b)})", cancel: cancel);
            if (Numbers.Parse(groups!) == rows)
            {
                yield return new CandidateKey([a.Name, b.Name], IsDeclared: false);
            }
        }

        string Sql(ColumnProfile column) => FormattableString.Invariant($"c{all.ToList().IndexOf(column)}");
    }

    // That measures and flags are unique is chance.
    private static bool CanIdentify(ColumnProfile column) => column.Type is IntegerType or StringType or Date32Type or TimestampType or Decimal128Type { Scale: 0 };
}
