using System.Text.Json;
using System.Text.Json.Nodes;

namespace Etl.Redshift.StandIn;

/// <summary>Who may read and write the store, as COPY and UNLOAD are told.</summary>
internal sealed record Authorization(string? Role, string? AccessKey, string? SecretKey)
{
    /// <summary>The clause that is next; null when it is none.</summary>
    public static Authorization? TryRead(TokenWalk walk)
    {
        if (walk.TryTake("iam_role"))
        {
            return new Authorization(walk.TryTake("default") ? "default" : walk.Literal(), null, null);
        }

        if (walk.TryTake("access_key_id"))
        {
            var key = walk.Literal();
            walk.Require("secret_access_key");
            var secret = walk.Literal();
            if (walk.TryTake("session_token"))
            {
                walk.Literal();
            }

            return new Authorization(null, key, secret);
        }

        if (!walk.TryTake("credentials"))
        {
            return null;
        }

        walk.TryTake("as");
        var parts = walk.Literal().Split(';').Select(p => p.Split('=', 2)).ToDictionary(p => p[0], p => p.Length > 1 ? p[1] : "");
        return new Authorization(parts.GetValueOrDefault("aws_iam_role"), parts.GetValueOrDefault("aws_access_key_id"), parts.GetValueOrDefault("aws_secret_access_key"));
    }
}

/// <summary><c>COPY table [(columns)] FROM 's3://...' authorization FORMAT PARQUET [MANIFEST]</c>: the one form that is known here.</summary>
internal sealed record CopyCommand(string Table, string TableName, IReadOnlyList<string>? Columns, string Bucket, string Key, Authorization Authorization, bool IsManifest)
{
    /// <summary>The command after COPY.</summary>
    public static CopyCommand Read(TokenWalk walk)
    {
        var (table, name) = walk.Table();
        var columns = walk.Current.Is("(") ? walk.Names() : null;
        walk.Require("from");
        if (walk.Current.Is("stdin"))
        {
            throw new RefusedException("COPY FROM STDIN is not supported; COPY reads from S3 and other stores");
        }

        var (bucket, key) = Location(walk.Literal());
        Authorization? authorization = null;
        var (isParquet, isManifest) = (false, false);
        while (!walk.AtEnd)
        {
            if (Authorization.TryRead(walk) is { } read)
            {
                authorization = read;
            }
            else if (walk.TryTake("format", "as", "parquet") || walk.TryTake("format", "parquet") || walk.TryTake("parquet"))
            {
                isParquet = true;
            }
            else if (walk.TryTake("manifest"))
            {
                isManifest = true;
            }
            else if (walk.TryTake("region") || walk.TryTake("statupdate") || walk.TryTake("compupdate"))
            {
                walk.Take();
            }
            else if (walk.Current.Text is "maxerror" or "region" or "csv" or "json" or "delimiter" or "gzip" or "ignoreheader" or "acceptinvchars" or "truncatecolumns" or "escape" or "explicit_ids" or "fillrecord" or "dateformat" or "timeformat")
            {
                throw new RefusedException($"{walk.Current.Text.ToUpperInvariant()} argument is not supported for PARQUET based COPY");
            }
            else
            {
                throw walk.Unexpected();
            }
        }

        if (!isParquet)
        {
            throw new RefusedException("this stand-in knows COPY ... FORMAT PARQUET only");
        }

        return new CopyCommand(table, name, columns, bucket, key, authorization ?? throw new RefusedException("COPY must be authorized: IAM_ROLE, ACCESS_KEY_ID or CREDENTIALS", "42601"), isManifest);
    }

    /// <summary>Bucket and key of an address.</summary>
    public static (string Bucket, string Key) Location(string url) =>
        url.StartsWith("s3://", StringComparison.Ordinal) && url[5..].Split('/', 2) is [{ Length: > 0 } bucket, { Length: > 0 } key]
            ? (bucket, key)
            : throw new RefusedException($"'{url}' is not an address of S3 (s3://bucket/key)", "42601");

    /// <summary>The files to load, each whole.</summary>
    public async Task<List<(string Url, byte[] Content)>> FilesAsync(IBuckets buckets)
    {
        var files = new List<(string, byte[])>();
        if (!IsManifest)
        {
            return await buckets.GetAsync(Bucket, Key) is { } content
                ? [($"s3://{Bucket}/{Key}", content)]
                : throw new RefusedException($"The specified S3 prefix '{Key}' does not exist; this stand-in takes one whole key or a manifest", "XX000");
        }

        var text = await buckets.GetAsync(Bucket, Key) ?? throw new RefusedException($"manifest s3://{Bucket}/{Key} not found", "XX000");
        foreach (var entry in Entries(text))
        {
            var url = entry["url"]?.GetValue<string>() ?? throw new RefusedException("a manifest's entry has no url", "XX000");
            var length = entry["meta"]?["content_length"]?.GetValue<long>()
                ?? throw new RefusedException("Manifest file must contain meta with content_length for columnar formats", "XX000");
            var (bucket, key) = Location(url);
            if (await buckets.GetAsync(bucket, key) is not { } content)
            {
                if (entry["mandatory"]?.GetValue<bool>() ?? false)
                {
                    throw new RefusedException($"mandatory url {url} is not there (S3ServiceException: The specified key does not exist)", "XX000");
                }

                continue;
            }

            if (content.Length != length)
            {
                throw new RefusedException($"{url} has {content.Length} bytes, and the manifest says {length}", "XX000");
            }

            files.Add((url, content));
        }

        return files;
    }

    private static List<JsonNode> Entries(byte[] text)
    {
        try
        {
            return [.. JsonNode.Parse(text)?["entries"]?.AsArray().Select(e => e!) ?? []];
        }
        catch (JsonException e)
        {
            throw new RefusedException($"problem with the manifest: {e.Message}", "XX000");
        }
    }
}

/// <summary><c>UNLOAD ('query') TO 's3://prefix' authorization FORMAT PARQUET</c>.</summary>
internal sealed record UnloadCommand(string Query, string Bucket, string Prefix, Authorization Authorization, bool WritesManifest, bool IsVerbose, bool Overwrites, bool IsParallel)
{
    /// <summary>The command after UNLOAD.</summary>
    public static UnloadCommand Read(TokenWalk walk)
    {
        walk.Require("(");
        var query = walk.Literal();
        walk.Require(")", "to");
        var (bucket, prefix) = CopyCommand.Location(walk.Literal());
        Authorization? authorization = null;
        var (isParquet, manifest, verbose, overwrites, parallel) = (false, false, false, false, true);
        while (!walk.AtEnd)
        {
            if (Authorization.TryRead(walk) is { } read)
            {
                authorization = read;
            }
            else if (walk.TryTake("format", "as", "parquet") || walk.TryTake("format", "parquet") || walk.TryTake("parquet"))
            {
                isParquet = true;
            }
            else if (walk.TryTake("manifest"))
            {
                manifest = true;
                verbose = walk.TryTake("verbose");
            }
            else if (walk.TryTake("allowoverwrite"))
            {
                overwrites = true;
            }
            else if (walk.TryTake("parallel"))
            {
                parallel = !(walk.TryTake("off") || walk.TryTake("false"));
                walk.TryTake("on");
            }
            else if (walk.TryTake("maxfilesize") || walk.TryTake("rowgroupsize"))
            {
                walk.Take();
                walk.Take();
            }
            else if (walk.TryTake("region"))
            {
                walk.Literal();
            }
            else if (walk.Current.Text is "gzip" or "bzip2" or "zstd" or "delimiter" or "header" or "addquotes" or "escape" or "fixedwidth" or "null")
            {
                throw new RefusedException($"UNLOAD with {walk.Current.Text.ToUpperInvariant()} is not possible for PARQUET");
            }
            else
            {
                throw walk.Unexpected();
            }
        }

        var tokens = Sql.Statements(query) is [var one] ? one : throw new RefusedException("UNLOAD takes one SELECT", "42601");
        if (!tokens[0].Is("select") && !tokens[0].Is("with"))
        {
            throw new RefusedException("UNLOAD takes a SELECT", "42601");
        }

        var depth = 0;
        foreach (var token in tokens)
        {
            depth += token.Is("(") ? 1 : token.Is(")") ? -1 : 0;
            if (depth == 0 && token.Is("limit"))
            {
                throw new RefusedException("Limit clause is not supported in the outer SELECT of UNLOAD");
            }
        }

        return !isParquet
            ? throw new RefusedException("this stand-in knows UNLOAD ... FORMAT PARQUET only")
            : new UnloadCommand(
                StatementReader.Query(new TokenWalk(query, tokens)), bucket, prefix,
                authorization ?? throw new RefusedException("UNLOAD must be authorized: IAM_ROLE, ACCESS_KEY_ID or CREDENTIALS", "42601"), manifest, verbose, overwrites, parallel);
    }
}
