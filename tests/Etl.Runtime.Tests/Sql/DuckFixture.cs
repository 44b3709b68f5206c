using Etl.DuckDb;
using NUnit.Framework;

namespace Etl.Runtime.Tests.Sql;

/// <summary>A database in memory and a session, for each test anew.</summary>
internal abstract class DuckFixture
{
    /// <summary>The database.</summary>
    protected DuckDatabase Database { get; private set; }

    /// <summary>The session.</summary>
    protected DuckConnection Duck { get; private set; }

    [SetUp]
    public void Open()
    {
        Database = DuckDatabase.Open(null, new DuckSettings { Threads = 2 });
        Duck = Database.Connect();
    }

    [TearDown]
    public void Close()
    {
        Duck.Dispose();
        Database.Dispose();
    }
}
