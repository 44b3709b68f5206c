using System.Globalization;

namespace Etl.Benchmarks;

/// <summary>What was asked for.</summary>
internal sealed record Arguments
{
    /// <summary>Of the source.</summary>
    public long Rows { get; init; } = 5_000_000;

    /// <summary>Alternating runs of limit and ours.</summary>
    public int Pairs { get; init; } = 3;

    /// <summary>Names of benchmarks; all when empty.</summary>
    public IReadOnlyList<string> Only { get; init; } = [];

    /// <summary>Where the page is written; only printed when null.</summary>
    public string? Out { get; init; }

    /// <summary>Where server and files are kept meanwhile; a temporary folder when null.</summary>
    public string? Folder { get; init; }

    /// <summary>Of the command line; one that it does not know is told, and the program ends.</summary>
    public static Arguments Parse(string[] args)
    {
        var result = new Arguments();
        for (var i = 0; i + 1 < args.Length; i += 2)
        {
            var value = args[i + 1];
            result = args[i] switch
            {
                "--rows" => result with { Rows = long.Parse(value, CultureInfo.InvariantCulture) },
                "--pairs" => result with { Pairs = int.Parse(value, CultureInfo.InvariantCulture) },
                "--only" => result with { Only = value.Split(',') },
                "--out" => result with { Out = value },
                "--folder" => result with { Folder = value },
                _ => throw new ArgumentException($"unknown option {args[i]}; there are --rows N, --pairs N, --only NAME,NAME, --out FILE, --folder DIR"),
            };
        }

        return args.Length % 2 == 0 ? result : throw new ArgumentException($"{args[^1]} has no value");
    }
}

/// <summary>The files that this program was built from.</summary>
internal static class Repository
{
    /// <summary>The folder that holds <c>global.json</c>.</summary>
    public static string Root { get; } = Find();

    private static string Find()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(folder.FullName, "global.json")))
        {
            folder = folder.Parent ?? throw new DirectoryNotFoundException("no folder above the program holds global.json");
        }

        return folder.FullName;
    }
}
