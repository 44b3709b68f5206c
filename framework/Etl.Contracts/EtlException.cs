namespace Etl.Contracts;

/// <summary>
/// An error that a person can act on. A component throws it for what it understands; anything else that it throws is
/// wrapped by the engine, which adds the stage and the position.
/// </summary>
public class EtlException : Exception
{
    /// <summary>An error with its code, for example <c>ETL4110</c>, what is wrong and what to do about it.</summary>
    public EtlException(string code, string message, string? hint = null, Exception? inner = null)
        : base(message, inner)
    {
        Code = code;
        Hint = hint;
    }

    /// <summary><c>ETLnnnn</c>: 2xxx options, 3xxx graph and types, 4xxx run, 5xxx plugins, 6xxx state.</summary>
    public string Code { get; }

    /// <summary>What to do.</summary>
    public string? Hint { get; }

    /// <summary>The option that the error is about, as a path in <c>with</c> such as <c>columns.gross</c> or <c>key[1]</c>; gives the position.</summary>
    public string? OptionPath { get; init; }

    /// <summary>For an error inside a value (SQL), the 0-based offset in characters within it.</summary>
    public int? OptionOffset { get; init; }
}

/// <summary>
/// The commit was sent and no answer came: it may or may not have happened. The engine never retries or cleans up on
/// this; it asks <see cref="ILoadSession.ResolveAsync"/>.
/// </summary>
public sealed class CommitOutcomeUnknownException(string message, Exception? inner = null)
    : EtlException("ETL4301", message, "The next step reads the target's checkpoint to learn what happened.", inner);

/// <summary>The store's plain word that it does not take an object: nothing was written, and nothing will be. A commit that is refused so did not happen.</summary>
public sealed class StoreRefusedException(EtlException why) : EtlException(why.Code, why.Message, why.Hint, why);

/// <summary>Another run has taken this target's fence; this one must stop and publish nothing.</summary>
public sealed class FencedException(string message) : EtlException("ETL4302", message, "Another run of this pipeline is newer. Look at `etl runs list`.");

/// <summary>Another live run holds the lease of this pipeline's target (exit code 4).</summary>
/// <param name="message">Who holds it, and for how long.</param>
/// <param name="owner">What the holder gave as <see cref="LoadRequest.Owner"/>; null when that is not known.</param>
public sealed class LeaseHeldException(string message, string? owner = null) : EtlException("ETL4303", message, "Wait for it, or run with --wait.")
{
    /// <summary>What the holder gave as its name; null when that is not known.</summary>
    public string? Owner { get; } = owner;
}
