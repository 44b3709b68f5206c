using Etl.Runtime.Compilation;
using Etl.Runtime.Execution;
using NUnit.Framework;

namespace Etl.Runtime.Tests.Execution;

public sealed class DiskFullTests
{
    [TestCase(28)]
    [TestCase(unchecked((int)0x80070070))]
    public void A_disk_that_is_full_is_told_whoever_wrote_to_it(int system)
    {
        var error = ReportBuilder.Error(new IOException("No space left on device : '/data/lake/orders/1.parquet'", system), null, HiddenColumns.None);
        Assert.That(
            $"{error.Code}: {error.Message}. {error.Hint}",
            Is.EqualTo("ETL4309: No space left on device : '/data/lake/orders/1.parquet'. Make room there and run again. Nothing of a load that failed is visible."));
    }
}
