using System.Text.Json.Nodes;
using Etl.Contracts;
using NUnit.Framework;

namespace Etl.Runtime.Tests.Execution;

/// <summary>The format is stored in targets: what was written once is read for good.</summary>
public sealed class CheckpointTests
{
    // As version 0.1.0 wrote it before dead letters could be closed.
    private const string Stored = """
        {"version":1,"environment":"default","pipeline":"orders","stage":"warehouse","n":3,"fence":5,"batch_id":"r1-1-warehouse","run_id":"r1","plan":"sha256:ab","fingerprint":"f0","sources":{"orders":{"kind":"sqlite.table/1","identity":"/shop.db","position":{"values":[]}}},"dead_letters":[{"connection":"lake","path":"refused/r1.parquet","stage":"checked","rows":2,"sha256":"cd"}],"rows":7,"committed_at":"2026-11-24T08:00:00.000000Z","checksum":"be442ef8f52ba8f1"}
        """;

    private static readonly DeadLetterClosing[] Closings =
    [
        new(DeadLetterState.Replayed, "refused/r1.parquet", "amount_positive", 1), new(DeadLetterState.Superseded, null, null, 0),
    ];

    [Test]
    public void A_checkpoint_that_closes_nothing_is_written_as_ever()
    {
        var checkpoint = Checkpoint.Parse(Stored);
        Assert.That((checkpoint.N, checkpoint.Closed.Count, checkpoint.Note), Is.EqualTo((3L, 0, (string?)null)));
        Assert.That(checkpoint.ToJson(), Is.EqualTo(Stored.Trim()));
    }

    [Test]
    public void One_that_closes_dead_letters_has_a_version_that_older_programs_refuse()
    {
        var json = (Checkpoint.Parse(Stored) with { N = 4, DeadLetters = [], Closed = Closings, Note = "replay of dead letters" }).ToJson();
        var read = Checkpoint.Parse(json);
        Assert.That(JsonNode.Parse(json)!["version"]!.GetValue<int>(), Is.EqualTo(2));
        Assert.That((read.Closed, read.Note), Is.EqualTo((Closings, "replay of dead letters")));
    }

    [TestCase("\"rows\":1", "\"rows\":9", "ETL6001")]
    [TestCase("\"state\":\"replayed\"", "\"state\":\"forgotten\"", "ETL6001")]
    [TestCase("\"version\":2", "\"version\":3", "ETL6002")]
    public void What_was_edited_or_is_newer_is_refused(string old, string @new, string code)
    {
        var json = (Checkpoint.Parse(Stored) with { Closed = Closings }).ToJson();
        Assert.That(json, Does.Contain(old));
        Assert.That(Assert.Throws<EtlException>(() => Checkpoint.Parse(json.Replace(old, @new, StringComparison.Ordinal)))!.Code, Is.EqualTo(code));
    }
}
