namespace Etl.SamplePlugin;

/// <summary>No component, and could be none: the runtime would not know which constructor to take.</summary>
public sealed class TwoWays
{
    /// <summary>One way.</summary>
    public TwoWays()
    {
    }

    /// <summary>The other.</summary>
    public TwoWays(KeepColumnsOptions options) => Options = options;

    /// <summary>What it was given.</summary>
    public KeepColumnsOptions? Options { get; }
}
