using Etl.EndToEnd.Tests;
using NUnit.Framework;

namespace Etl.Reliability.Tests;

/// <summary>Finds the command line once for all tests here.</summary>
[SetUpFixture]
public sealed class Setup
{
    [OneTimeSetUp]
    public Task FindAsync() => new ShippedCli().FindAsync();
}
