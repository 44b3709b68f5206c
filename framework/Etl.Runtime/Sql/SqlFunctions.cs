namespace Etl.Runtime.Sql;

/// <summary>What has to be known of DuckDB's functions. A test holds it against the list that DuckDB has itself, which takes longer to ask for than a pipeline to be typed.</summary>
internal static class SqlFunctions
{
    /// <summary>Those that see several rows, by themselves or in a window, and macros over such.</summary>
    public static readonly IReadOnlySet<string> Aggregates = new HashSet<string>(StringComparer.OrdinalIgnoreCase)
    {
        "any_value", "approx_count_distinct", "approx_quantile", "approx_top_k", "arbitrary", "arg_max", "arg_max_null", "arg_max_nulls_last", "arg_min", "arg_min_null", "arg_min_nulls_last", "argmax",
        "argmin", "array_agg", "avg", "bit_and", "bit_or", "bit_xor", "bitstring_agg", "bool_and", "bool_or", "corr", "count", "count_if", "count_star", "countif", "covar_pop", "covar_samp", "cume_dist",
        "dense_rank", "entropy", "favg", "fill", "first", "first_value", "fsum", "geomean", "geometric_mean", "group_concat", "histogram", "histogram_exact", "json_group_array", "json_group_object",
        "json_group_structure", "kahan_sum", "kurtosis", "kurtosis_pop", "lag", "last", "last_value", "lead", "list", "listagg", "mad", "max", "max_by", "mean", "median", "min", "min_by", "mode",
        "nth_value", "ntile", "percent_rank", "product", "quantile", "quantile_cont", "quantile_disc", "rank", "rank_dense", "regr_avgx", "regr_avgy", "regr_count", "regr_intercept", "regr_r2",
        "regr_slope", "regr_sxx", "regr_sxy", "regr_syy", "reservoir_quantile", "row_number", "sem", "skewness", "stddev", "stddev_pop", "stddev_samp", "string_agg", "sum", "sum_no_overflow", "sumkahan",
        "var_pop", "var_samp", "variance", "wavg", "weighted_avg",
    };

    /// <summary>Whether a function sees several rows.</summary>
    public static bool IsAggregate(string function) => Aggregates.Contains(function);
}
