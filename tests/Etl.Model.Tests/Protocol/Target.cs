using System.Collections.Immutable;
using System.Globalization;
using System.Text.Json.Nodes;
using DuckDB.NET.Data;
using Etl.Contracts;
using Microsoft.Data.Sqlite;

namespace Etl.Model.Tests.Protocol;

/// <summary>A target as somebody outside sees it, through drivers of the systems and not through the framework.</summary>
/// <param name="Name">The load stage.</param>
/// <param name="Taking">How it takes rows.</param>
internal abstract record Target(string Name, Taking Taking)
{
    /// <summary>The stage's component and options.</summary>
    public abstract string Stage { get; }

    /// <summary>Its own points of the protocol.</summary>
    public abstract IReadOnlyList<string> Points { get; }

    /// <summary>The points on either side of the instant of the commit.</summary>
    public abstract (string Before, string After) Commit { get; }

    /// <summary>Whether it knows who is loading it, and shuts others out.</summary>
    public abstract bool HasLease { get; }

    /// <summary>Who is loading it; null for nobody.</summary>
    public virtual string? Holder(string folder) => null;

    /// <summary>What it holds. Throws when epochs have gaps.</summary>
    public abstract TargetState Read(string folder);

    /// <summary>Ends leases that nobody gave back.</summary>
    public virtual void Expire(string folder)
    {
    }

    /// <summary>Changes the stored checkpoint, so that its checksum does not match.</summary>
    public abstract void Damage(string folder);

    // A full refresh would be refused when no good row is left; that is not what the model is about.
    protected string Mode => "allow_empty: true, " + Taking switch
    {
        Taking.Append => "mode: append",
        Taking.Changes => "mode: changes",
        Taking.Keep => "mode: upsert, key: [id], on_excluded: keep",
        _ => "mode: upsert, key: [id], on_excluded: delete",
    };

    protected TargetState State(IReadOnlyList<long> epochs, string? checkpoint, IEnumerable<string> rows)
    {
        if (!epochs.SequenceEqual(Enumerable.Range(1, epochs.Count).Select(n => (long)n)))
        {
            throw new CounterexampleException($"epochs of {Name} are {string.Join(", ", epochs)}");
        }

        var stored = checkpoint is null ? null : Checkpoint.Parse(checkpoint);
        if ((stored?.N ?? 0) != epochs.Count)
        {
            throw new CounterexampleException($"the checkpoint of {Name} is of epoch {stored?.N ?? 0}, and there are {epochs.Count}");
        }

        var position = stored?.Sources["items"].Position["values"]?[0]?["value"]?.GetValue<string>();
        return new TargetState(
            epochs.Count,
            position is null ? null : long.Parse(position, CultureInfo.InvariantCulture),
            [.. rows],
            [.. stored?.DeadLetters.SelectMany(d => Duck.Memory.Lines($"SELECT id || '=' || value FROM read_parquet('{d.Path}')")) ?? []]);
    }

    // Any digit of the run's date: the text stays JSON, wherever it is embedded.
    protected static string Damaged(string text)
    {
        var at = text.IndexOf("run_id", StringComparison.Ordinal);
        at = text.IndexOf('2', at);
        while (text[at..(at + 3)] is not ("202" or "203"))
        {
            at = text.IndexOf('2', at + 1);
        }

        return string.Concat(text.AsSpan(0, at), "1", text.AsSpan(at + 1));
    }
}

/// <summary>A table in a DuckDB file.</summary>
internal sealed record DuckTarget(string Name, Taking Taking) : Target(Name, Taking)
{
    public override string Stage => $"load: table, connection: duck, with: {{ table: items, {Mode} }}";

    public override IReadOnlyList<string> Points { get; } = ["lease_taken", "publish_begun", "before_commit", "committed"];

    public override (string Before, string After) Commit => ("before_commit", "committed");

    public override bool HasLease => true;

    public override TargetState Read(string folder)
    {
        using var duck = Open(folder);
        return duck is null ? TargetState.Empty : State(
            [.. duck.Lines("SELECT n FROM _etl.epoch ORDER BY n").Select(n => long.Parse(n, CultureInfo.InvariantCulture))],
            duck.Lines("SELECT value FROM _etl.checkpoint WHERE value IS NOT NULL").SingleOrDefault(),
            duck.Lines("SELECT table_name FROM information_schema.tables WHERE table_name = 'items'").Count == 0 ? [] : duck.Lines("SELECT id || '=' || value FROM items"));
    }

    public override string? Holder(string folder)
    {
        using var duck = Open(folder);
        return duck?.Lines("SELECT lease_owner FROM _etl.checkpoint WHERE lease_until > now()").SingleOrDefault();
    }

    public override void Expire(string folder)
    {
        using var duck = Open(folder);
        duck?.Lines("UPDATE _etl.checkpoint SET lease_until = now() - INTERVAL 1 HOUR WHERE lease_until IS NOT NULL");
    }

    public override void Damage(string folder)
    {
        using var duck = Open(folder);
        duck?.Lines($"UPDATE _etl.checkpoint SET value = {SqlText.Literal(Damaged(duck.Lines("SELECT value FROM _etl.checkpoint").Single()))}");
    }

    // Null before the first run made the tables.
    private static Duck? Open(string folder)
    {
        var file = Path.Combine(folder, "out", "duck.db");
        var duck = File.Exists(file) ? new Duck(file) : null;
        if (duck?.Lines("SELECT 1 FROM information_schema.tables WHERE table_schema = '_etl' AND table_name = 'epoch'").Count == 0)
        {
            duck.Dispose();
            return null;
        }

        return duck;
    }
}

/// <summary>A table in an SQLite file.</summary>
internal sealed record SqliteTarget(string Name, Taking Taking) : Target(Name, Taking)
{
    public override string Stage => $"load: table, connection: lite, with: {{ table: items, {Mode} }}";

    public override IReadOnlyList<string> Points { get; } = ["sqlite.staged", "sqlite.publish_begun", "sqlite.before_commit", "sqlite.after_commit"];

    public override (string Before, string After) Commit => ("sqlite.before_commit", "sqlite.after_commit");

    public override bool HasLease => true;

    public override TargetState Read(string folder)
    {
        var tables = Sqlite.Lines(File(folder), "select name from sqlite_schema where type = 'table'");
        return !tables.Contains("_etl_checkpoint") ? TargetState.Empty : State(
            [.. Sqlite.Lines(File(folder), "select n from _etl_epoch order by n").Select(n => long.Parse(n, CultureInfo.InvariantCulture))],
            Sqlite.Lines(File(folder), "select checkpoint from _etl_checkpoint where checkpoint is not null").SingleOrDefault(),
            tables.Contains("items") ? Sqlite.Lines(File(folder), "select id || '=' || value from items") : []);
    }

    public override string? Holder(string folder) => Sqlite.Lines(File(folder), "select name from sqlite_schema where name = '_etl_checkpoint'").Count == 0
        ? null
        : Sqlite.Lines(File(folder), "select owner from _etl_checkpoint where lease_until > unixepoch('subsec') * 1000").SingleOrDefault();

    public override void Expire(string folder)
    {
        if (Sqlite.Lines(File(folder), "select name from sqlite_schema where name = '_etl_checkpoint'").Count > 0)
        {
            Sqlite.Lines(File(folder), "update _etl_checkpoint set lease_until = 0");
        }
    }

    public override void Damage(string folder)
    {
        if (Read(folder).Epoch > 0)
        {
            var text = Sqlite.Lines(File(folder), "select checkpoint from _etl_checkpoint").Single();
            Sqlite.Lines(File(folder), $"update _etl_checkpoint set checkpoint = {SqlText.Literal(Damaged(text))}");
        }
    }

    private static string File(string folder) => Path.Combine(folder, "out", "lite.db");
}

/// <summary>Files by Delta's log.</summary>
internal sealed record LakeTarget(string Name, Taking Taking) : Target(Name, Taking)
{
    public override string Stage => $"load: parquet, connection: files, with: {{ path: lake/, {Mode} }}";

    public override IReadOnlyList<string> Points { get; } = ["lake.staged", "lake.planned", "lake.sent", "lake.before_commit", "lake.after_commit"];

    public override (string Before, string After) Commit => ("lake.before_commit", "lake.after_commit");

    public override bool HasLease => false;

    public override TargetState Read(string folder)
    {
        var active = new SortedSet<string>(StringComparer.Ordinal);
        var epochs = new List<long>();
        string? checkpoint = null;
        foreach (var version in Log(folder))
        {
            foreach (var action in File.ReadLines(version).Select(l => JsonNode.Parse(l)!.AsObject()))
            {
                switch (action.Single())
                {
                    case { Key: "add", Value: var add }: active.Add(Uri.UnescapeDataString(add!["path"]!.GetValue<string>())); break;
                    case { Key: "remove", Value: var remove }: active.Remove(Uri.UnescapeDataString(remove!["path"]!.GetValue<string>())); break;
                    case { Key: "txn", Value: var txn }: epochs.Add(txn!["version"]!.GetValue<long>()); break;
                    case { Key: "commitInfo", Value: var info }: checkpoint = info!["etlCheckpoint"]!.GetValue<string>(); break;
                }
            }
        }

        var line = Taking == Taking.Changes ? "id || '=' || value || ' ' || _op || ' ' || _etl_epoch" : "id || '=' || value";
        var files = string.Join(", ", active.Select(f => $"'{Path.Combine(folder, "out", "files", "lake", f)}'"));
        return State(epochs, checkpoint, active.Count == 0 ? [] : Duck.Memory.Lines($"SELECT {line} FROM read_parquet([{files}])"));
    }

    public override void Damage(string folder)
    {
        if (Log(folder).LastOrDefault() is { } last)
        {
            // The checkpoint is there twice: as history and as the table's state.
            File.WriteAllLines(last, File.ReadAllLines(last).Select(l => l.Contains("run_id", StringComparison.Ordinal) ? Damaged(l) : l));
        }
    }

    private static List<string> Log(string folder)
    {
        var log = Path.Combine(folder, "out", "files", "lake", "_delta_log");
        return Directory.Exists(log) ? [.. Directory.GetFiles(log, "*.json").Order(StringComparer.Ordinal)] : [];
    }
}

/// <summary>CSV files by their log.</summary>
internal sealed record CsvTarget(string Name, Taking Taking) : Target(Name, Taking)
{
    public override string Stage => "load: csv, connection: files, with: { path: csv, mode: append, allow_empty: true }";

    public override IReadOnlyList<string> Points { get; } = ["csv.staged", "csv.before_commit", "csv.after_commit"];

    public override (string Before, string After) Commit => ("csv.before_commit", "csv.after_commit");

    public override bool HasLease => false;

    public override TargetState Read(string folder)
    {
        var commits = Log(folder).Select(f => JsonNode.Parse(File.ReadAllText(f))!).ToList();
        var from = commits.Count == 0 ? 0 : commits[^1]["from"]!.GetValue<long>();
        var files = commits.Skip((int)Math.Max(0, from - 1)).Select(c => c["file"]?.GetValue<string>()).Where(f => f is not null).ToImmutableList();
        return State(
            [.. Log(folder).Select(f => long.Parse(Path.GetFileNameWithoutExtension(f), CultureInfo.InvariantCulture))],
            commits.Count == 0 ? null : commits[^1]["checkpoint"]!.GetValue<string>(),
            files.SelectMany(f => File.ReadLines(Path.Combine(folder, "out", "files", f!)).Skip(1)).Select(l => string.Join('=', l.Split(',').Take(2))));
    }

    public override void Damage(string folder)
    {
        if (Log(folder).LastOrDefault() is { } last)
        {
            // The checkpoint is there twice: as history and as the table's state.
            File.WriteAllLines(last, File.ReadAllLines(last).Select(l => l.Contains("run_id", StringComparison.Ordinal) ? Damaged(l) : l));
        }
    }

    private static List<string> Log(string folder)
    {
        var log = Path.Combine(folder, "out", "files", "csv", "_etl");
        return Directory.Exists(log) ? [.. Directory.GetFiles(log, "*.json", SearchOption.AllDirectories).Order(StringComparer.Ordinal)] : [];
    }
}

/// <summary>Statements on a DuckDB file.</summary>
internal sealed class Duck : IDisposable
{
    [ThreadStatic]
    private static Duck? _memory;

    private readonly DuckDBConnection _connection;

    public Duck(string file)
    {
        _connection = new DuckDBConnection($"Data Source={file}");
        _connection.Open();
    }

    /// <summary>On no file, for Parquet.</summary>
    public static Duck Memory => _memory ??= new Duck(":memory:");

    /// <summary>The first column of what a statement gives, as text.</summary>
    public List<string> Lines(string sql)
    {
        using var command = _connection.CreateCommand();
        command.CommandText = sql;
        using var reader = command.ExecuteReader();
        var lines = new List<string>();
        while (reader.Read())
        {
            lines.Add(Convert.ToString(reader.GetValue(0), CultureInfo.InvariantCulture)!);
        }

        return lines;
    }

    public void Dispose() => _connection.Dispose();
}

/// <summary>Statements on an SQLite file; on one that is not there, nothing.</summary>
internal static class Sqlite
{
    /// <summary>The first column of what a statement gives, as text.</summary>
    public static List<string> Lines(string file, string sql)
    {
        if (!File.Exists(file))
        {
            return [];
        }

        using var connection = new SqliteConnection($"Data Source={file};Pooling=False");
        connection.Open();
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        using var reader = command.ExecuteReader();
        var lines = new List<string>();
        while (reader.Read())
        {
            lines.Add(Convert.ToString(reader.GetValue(0), CultureInfo.InvariantCulture)!);
        }

        return lines;
    }
}
