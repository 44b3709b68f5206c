namespace Etl.Runtime.Definition;

internal static class Interpolation
{
    public static bool IsVariableName(ReadOnlySpan<char> name) => name.Length > 0;
}
