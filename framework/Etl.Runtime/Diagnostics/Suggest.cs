namespace Etl.Runtime.Diagnostics;

/// <summary>Finds what a person probably meant.</summary>
public static class Suggest
{
    private const int MostEdits = 2;

    /// <summary>
    /// The candidate with the least edit distance (insert, delete, replace, swap neighbours), if it is at most 2 and less than
    /// the name's length; null otherwise. Ties go to the first.
    /// </summary>
    public static string? Closest(string name, IEnumerable<string> candidates)
    {
        var (best, bestDistance) = ((string?)null, Math.Min(MostEdits, name.Length - 1) + 1);
        foreach (var candidate in candidates)
        {
            if (Math.Abs(candidate.Length - name.Length) < bestDistance && Distance(name, candidate) is var distance && distance < bestDistance)
            {
                (best, bestDistance) = (candidate, distance);
            }
        }

        return best;
    }

    /// <summary><c>Did you mean 'x'? </c> (with the space after it), or an empty text.</summary>
    public static string Sentence(string name, IEnumerable<string> candidates) =>
        Closest(name, candidates) is { } closest ? $"Did you mean '{closest}'? " : "";

    private static int Distance(string a, string b)
    {
        var rows = new int[a.Length + 1, b.Length + 1];
        for (var i = 0; i <= a.Length; i++)
        {
            rows[i, 0] = i;
        }

        for (var j = 0; j <= b.Length; j++)
        {
            rows[0, j] = j;
        }

        for (var i = 1; i <= a.Length; i++)
        {
            for (var j = 1; j <= b.Length; j++)
            {
                var replaced = rows[i - 1, j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
                rows[i, j] = Math.Min(replaced, Math.Min(rows[i - 1, j], rows[i, j - 1]) + 1);
                if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                {
                    rows[i, j] = Math.Min(rows[i, j], rows[i - 2, j - 2] + 1);
                }
            }
        }

        return rows[a.Length, b.Length];
    }
}
