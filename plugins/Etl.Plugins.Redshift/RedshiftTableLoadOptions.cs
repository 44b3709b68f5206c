using Etl.Contracts;
using FluentValidation;

namespace Etl.Plugins.Redshift;

/// <summary>Options of <c>load: table</c> into Redshift.</summary>
public sealed record RedshiftTableLoadOptions : TableLoadOptions
{
    /// <summary>What only Redshift has.</summary>
    [Option("How a table that is made is laid out, and its types.")]
    public RedshiftTableLayout Redshift { get; init; } = new();
}

/// <summary>The layout of a new table.</summary>
public sealed record RedshiftTableLayout
{
    /// <summary>Distribution.</summary>
    [Option("How rows are spread over the slices; key where distkey is given, else auto.")]
    public RedshiftDistribution? Diststyle { get; init; }

    /// <summary>The column by which rows are spread.</summary>
    [Option("Column whose equal values lie on one slice, where joins meet them.", Example = "customer_id", Identifier = true)]
    public string? Distkey { get; init; }

    /// <summary>The order of rows.</summary>
    [Option("Columns by which rows are sorted, so that ranges of them skip blocks.", Example = "[order_date]", Identifier = true)]
    public IReadOnlyList<string> Sortkey { get; init; } = [];

    /// <summary>Lengths of texts.</summary>
    [Option("Greatest lengths of text columns, in bytes of UTF-8; 65535 for those not named. A longer text is refused.", Example = "{ status: 20, email: 320 }", Identifier = true)]
    public IReadOnlyDictionary<string, int> Varchar { get; init; } = new Dictionary<string, int>();

    /// <summary>Columns of JSON.</summary>
    [Option("Text columns whose JSON is parsed into SUPER.", Example = "[attributes]", Identifier = true)]
    public IReadOnlyList<string> Super { get; init; } = [];
}

/// <summary>How rows are spread.</summary>
public enum RedshiftDistribution
{
    /// <summary>As the cluster thinks best.</summary>
    Auto,

    /// <summary>Round robin.</summary>
    Even,

    /// <summary>By <see cref="RedshiftTableLayout.Distkey"/>.</summary>
    Key,

    /// <summary>The whole table on every node.</summary>
    All,
}

/// <summary>Rules of <see cref="RedshiftTableLoadOptions"/>.</summary>
public sealed class RedshiftTableLoadRules : TableLoadRules<RedshiftTableLoadOptions>
{
    /// <summary>Style and key fit, and lengths are possible.</summary>
    public RedshiftTableLoadRules()
    {
        RuleFor(o => o.Redshift).Must(r => r.Diststyle is null || (r.Diststyle == RedshiftDistribution.Key) == (r.Distkey is not null)).WithMessage("has a distkey exactly if diststyle is key.");
        RuleFor(o => o.Redshift).Must(r => r.Varchar.Values.All(v => v is >= 1 and <= RedshiftTypes.MaxVarchar)).WithMessage("has a varchar that is not between 1 and 65535.");
    }
}
