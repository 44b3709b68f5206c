namespace Etl.Redshift.StandIn;

/// <summary>What a statement does.</summary>
internal enum StatementKind
{
    /// <summary>Reads.</summary>
    Query,

    /// <summary>Changes rows or definitions.</summary>
    Write,

    /// <summary>Empties a table, and commits the transaction.</summary>
    Truncate,

    /// <summary>Begins a transaction.</summary>
    Begin,

    /// <summary>Commits.</summary>
    Commit,

    /// <summary>Rolls back.</summary>
    Rollback,

    /// <summary>Locks tables; takes no snapshot.</summary>
    Lock,

    /// <summary>Settings and upkeep: neither a snapshot nor a write.</summary>
    Other,

    /// <summary>Loads from the store.</summary>
    Copy,

    /// <summary>Unloads to the store.</summary>
    Unload,
}

/// <summary>A statement that Redshift would take.</summary>
/// <param name="Kind">What it does.</param>
/// <param name="Upstream">What PostgreSQL is asked instead; empty for nothing.</param>
internal sealed record Statement(StatementKind Kind, string Upstream)
{
    /// <summary>The table whose rows it changes, as <c>schema.name</c>; null for none.</summary>
    public string? Writes { get; init; }

    /// <summary>Of <see cref="StatementKind.Copy"/>.</summary>
    public CopyCommand? Copy { get; init; }

    /// <summary>Of <see cref="StatementKind.Unload"/>.</summary>
    public UnloadCommand? Unload { get; init; }
}

/// <summary>A walk over the tokens of a statement.</summary>
internal sealed class TokenWalk(string sql, IReadOnlyList<Token> tokens)
{
    public int At { get; private set; }

    public bool AtEnd => At >= tokens.Count;

    public Token Current => AtEnd ? new Token(TokenKind.Symbol, "the end", sql.Length, sql.Length) : tokens[At];

    public IReadOnlyList<Token> Tokens => tokens;

    public Token Take() => AtEnd ? throw Unexpected() : tokens[At++];

    /// <summary>Goes past these words if they are next.</summary>
    public bool TryTake(params ReadOnlySpan<string> words)
    {
        for (var i = 0; i < words.Length; i++)
        {
            if (At + i >= tokens.Count || !tokens[At + i].Is(words[i]))
            {
                return false;
            }
        }

        At += words.Length;
        return true;
    }

    public void Require(params ReadOnlySpan<string> words)
    {
        foreach (var word in words)
        {
            if (!TryTake(word))
            {
                throw Unexpected();
            }
        }
    }

    public string Literal() => Current.Kind == TokenKind.Literal ? Take().Text : throw Unexpected();

    /// <summary>A table: its SQL as written, and <c>schema.name</c>.</summary>
    public (string Sql, string Name) Table()
    {
        var start = Current.Start;
        var first = Name();
        var name = TryTake(".") ? $"{first}.{Name()}" : $"public.{first}";
        return (sql[start..tokens[At - 1].End], name);
    }

    public string Name() => Current.IsName ? Take().Text : throw Unexpected();

    /// <summary>The names between parentheses that come next.</summary>
    public List<string> Names()
    {
        Require("(");
        var names = new List<string> { Name() };
        while (TryTake(","))
        {
            names.Add(Name());
        }

        Require(")");
        return names;
    }

    /// <summary>The text from a token on, or between two.</summary>
    public string Text(int from, int? until = null) => from >= tokens.Count ? "" : sql[tokens[from].Start..(until is { } u ? tokens[u - 1].End : tokens[^1].End)];

    /// <summary>The place after the parenthesis that closes the one which is next.</summary>
    public int AfterParentheses()
    {
        var depth = 0;
        for (var i = At; i < tokens.Count; i++)
        {
            depth += tokens[i].Is("(") ? 1 : tokens[i].Is(")") ? -1 : 0;
            if (depth == 0)
            {
                return i + 1;
            }
        }

        throw Unexpected();
    }

    public void GoTo(int at) => At = at;

    public RefusedException Unexpected() => new($"syntax error at or near \"{Current.Text}\"", "42601");
}
