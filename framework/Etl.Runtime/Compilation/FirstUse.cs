using Etl.Runtime.Definition;
using Etl.Runtime.Diagnostics;
using Etl.Runtime.Options;
using Etl.Runtime.Yaml;

namespace Etl.Runtime.Compilation;

/// <summary>
/// What the first compilation of a process waits for: the YAML parser compiles regular expressions and FluentValidation compiles accessors when they are first used, some
/// 30 ms each. A process that is going to compile begins with it, so that it is done on other threads while the command line is parsed and files are found.
/// </summary>
public static class FirstUse
{
    /// <summary>Returns at once. If one of them throws, so does its first use, where it is told.</summary>
    public static void Begin()
    {
        _ = Task.Run(() => YamlReader.ReadText("", "key: value"u8, "mapping", new DiagnosticBag()));
        _ = Task.Run(() => OptionBinder.Bind<ProjectSettings>(YamlMap.Empty(SourceSpan.Start("")), SourceSpan.Start(""), new DiagnosticBag()));
    }
}
