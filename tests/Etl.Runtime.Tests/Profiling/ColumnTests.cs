using System.Text.RegularExpressions;
using Apache.Arrow;
using Apache.Arrow.Types;
using Etl.Contracts;
using Etl.DuckDb;
using Etl.Runtime.Profiling;
using NUnit.Framework;

namespace Etl.Runtime.Tests.Profiling;

/// <summary>What a column of texts is taken for: its type, its forms, the expression and the rules that hold it.</summary>
public sealed class ColumnTests
{
    [TestCase("bigint", "1", "-20", "0")]
    [TestCase("text", "007", "008")]
    [TestCase("decimal(18,2)", "1", "2.50", "-0.1")]
    [TestCase("decimal(38,0)", "1234567890123456789012")]
    [TestCase("double", "1e5", "2.5")]
    [TestCase("text", "1,5", "2")]
    [TestCase("boolean", "true", "FALSE")]
    [TestCase("bigint", "1", "0")]
    [TestCase("date", "2026-02-28", "0001-01-01")]
    [TestCase("text", "2026-02-30")]
    [TestCase("timestamp", "2026-02-28 10:00:00", "2026-02-28T10:00:00.123456")]
    [TestCase("timestamptz", "2026-02-28T10:00:00Z", "2026-02-28 10:00:00+01:00")]
    [TestCase("text", "2026-02-28T10:00:00Z", "2026-02-28 10:00:00")]
    [TestCase("text", null, null)]
    [TestCase("text", "", "1")]
    public void A_type_is_found_only_where_nothing_of_the_text_is_lost(string expected, params string?[] values) =>
        Assert.That(Profile(values, "text").PhysicalType, Is.EqualTo(expected));

    [TestCase("bigint", "1", "2")]
    [TestCase("bigint", "\"1\"", "\"2\"")]
    [TestCase("json", "1", "\"2\"")]
    [TestCase("json", "1", "true")]
    [TestCase("boolean", "false", "true")]
    [TestCase("text", "\"false\"", "\"true\"")]
    [TestCase("json", "{\"a\": 1}", "[1]")]
    [TestCase("text", "\"say \\\"hi\\\"\"", "\"x\"")]
    public void A_type_of_json_is_one_that_its_extractor_takes(string expected, params string?[] values) =>
        Assert.That(Profile(values, "json").PhysicalType, Is.EqualTo(expected));

    [TestCase("AAA-999", "^[A-Z]{3}-[0-9]{3}$", "ABC-123", "XYZ-456")]
    [TestCase("a99.9", @"^[a-z][0-9]{2}\.[0-9]$", "v12.3", "x99.1")]
    [TestCase("A+9", "^[A-Z]\\+[0-9]$", "B+1", "C+2")]
    [TestCase("a\\9", @"^[a-z]\\[0-9]$", "a\\1", "b\\2")]
    [TestCase("Aaaaa", null, "Émile", "Ünaal")]
    public void A_form_is_told_with_an_expression_where_its_letters_are_plain(string form, string? regex, params string[] values)
    {
        var profile = Profile([.. values, .. values, .. values], "text", find: false);
        Assert.That((profile.Patterns.Single().Value, profile.Regex), Is.EqualTo((form, regex)));
    }

    // Texts of an alphabet in which everything that an expression could mistake is frequent.
    [Test]
    public void An_expression_holds_every_value_and_rules_hold_what_they_came_from()
    {
        var random = new Random(7);
        var expressions = 0;
        for (var round = 0; round < 150; round++)
        {
            var alphabet = new string([.. Enumerable.Range(0, 1 + random.Next(3)).Select(_ => "Aa9Zz0+-\\.*[]{}^$|()? /'\"é"[random.Next(25)])]);
            var most = random.Next(1, 4);
            string[] values = [.. Enumerable.Range(0, 30).Select(_ => new string([.. Enumerable.Range(0, random.Next(1, most + 1)).Select(_ => alphabet[random.Next(alphabet.Length)])]))];
            var profile = Profile(values, "text", find: false);
            var rules = ProposedRules.Of(new SourceProfile("s", "s", "csv", values.Length, false, [profile], []));
            if (profile.Regex is { } regex)
            {
                expressions++;
                Assert.That(values.Where(v => !Regex.IsMatch(v, regex)), Is.Empty, regex);
            }

            Assert.That(rules.Accepted.TryGetValue("v", out var accepted) ? values.Except(accepted) : [], Is.Empty);
        }

        Assert.That(expressions, Is.GreaterThan(30), "the texts are of a kind that gives none");
    }

    [TestCase("0", "100", "0.00", "89.25")]
    [TestCase("0", "100", "3", "100")]
    [TestCase("-5", "0.2", "-3.1", "0.15")]
    [TestCase("-1000", "0", "-999", "-2")]
    [TestCase("0", "0", "0", "0")]
    public void A_range_ends_at_a_round_number(string min, string max, params string[] values)
    {
        var profile = Profile([.. Enumerable.Repeat(values, 6).SelectMany(v => v)], "text");
        var rules = ProposedRules.Of(new SourceProfile("s", "s", "csv", 12, false, [profile], []));
        Assert.That(rules.Ranges["v"], Is.EqualTo(new ProposedRange(min, max)));
    }

    [Test]
    public void Of_a_few_rows_nothing_follows()
    {
        var profile = Profile(["a-1", "b-2", "c-3"], "text");
        var rules = ProposedRules.Of(new SourceProfile("s", "s", "csv", 3, false, [profile], [new CandidateKey(["v"], false)]));
        Assert.That((rules.Unique.Count, rules.Accepted.Count, rules.Matches.Count, rules.Ranges.Count, rules.NotNull.Count), Is.EqualTo((0, 0, 0, 0, 1)));
    }

    private static ColumnProfile Profile(string?[] values, string physicalType, bool find = true)
    {
        using var database = DuckDatabase.Open(null, new DuckSettings { Threads = 1 });
        using var connection = database.Connect();
        connection.Execute("CREATE TABLE t (c0 VARCHAR)");
        connection.Execute($"INSERT INTO t VALUES {string.Join(", ", values.Select(v => $"({(v is null ? "NULL" : SqlText.Literal(v))})"))}");
        var column = new ColumnValues(connection, "t", "c0", StringType.Default, values.Length, CancellationToken.None);
        return new ColumnProfiler(column, find ? new TypeFinder(column) : null).Profile(new ContractColumn(new Field("v", StringType.Default, true), physicalType, null, false, null));
    }
}
