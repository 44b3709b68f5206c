namespace Etl.Runtime.Diagnostics;

/// <summary>How a project takes what the compiler would warn of.</summary>
public enum CheckLevel
{
    /// <summary>Nothing runs.</summary>
    Error,

    /// <summary>It is told.</summary>
    Warning,

    /// <summary>It is not told.</summary>
    Off,
}
