namespace Etl.Runtime.Compilation.Lineage;

/// <summary>A construct that is not followed; the stage that holds it is opaque.</summary>
internal sealed class OpaqueSqlException(string construct) : Exception(construct);
