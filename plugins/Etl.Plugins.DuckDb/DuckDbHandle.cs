using System.Globalization;
using DuckDB.NET.Data;
using Etl.Contracts;
using Etl.DuckDb;

namespace Etl.Plugins.DuckDb;

/// <summary>
/// A connection to a database file. The file is opened through DuckDB.NET, whose registry opens each path once for the whole
/// process and counts its users, so that this plugin and anybody else's ADO.NET code share one instance.
/// </summary>
internal sealed class DuckDbHandle : IDisposable
{
    private static readonly Lock Opening = new();
    private readonly DuckDBConnection _shared;

    private DuckDbHandle(DuckDBConnection shared)
    {
        _shared = shared;
        Duck = new DuckConnection(shared.NativeConnection.DangerousGetHandle(), owned: false);
    }

    public DuckConnection Duck { get; }

    /// <summary>Opens the file, made if it is not there, and shuts off SQL's access to anything else.</summary>
    public static DuckDbHandle Open(string path, bool readOnly, long memoryBytes)
    {
        var text = new DuckDBConnectionStringBuilder { DataSource = path };
        if (readOnly)
        {
            text["access_mode"] = "READ_ONLY";
        }

        lock (Opening)
        {
            var shared = new DuckDBConnection(text.ConnectionString);
            try
            {
                shared.Open();
                var handle = new DuckDbHandle(shared);
                LockDown(handle.Duck, memoryBytes);
                return handle;
            }
            catch (DuckDBException e)
            {
                shared.Dispose();
                throw e.Message.Contains("lock on file", StringComparison.OrdinalIgnoreCase)
                    ? new LeaseHeldException($"{path} is open in another process; a DuckDB file belongs to one at a time")
                    : new EtlException("ETL4401", $"DuckDB cannot open {path}: {DuckError.Parse(e.Message, null).Message}", "Check that it is a DuckDB file and that its folder exists and can be written.", e);
            }
            catch
            {
                shared.Dispose();
                throw;
            }
        }
    }

    public void Dispose()
    {
        Duck.Dispose();
        _shared.Dispose();
    }

    private static void LockDown(DuckConnection duck, long memoryBytes)
    {
        if (duck.QueryText("SELECT current_setting('lock_configuration')::VARCHAR") == "true")
        {
            return;
        }

        duck.Execute("SET GLOBAL autoinstall_known_extensions = false; SET GLOBAL autoload_known_extensions = false; SET GLOBAL TimeZone = 'UTC'");
        if (memoryBytes > 0)
        {
            // Half of the run's budget: the rest is for batches in flight and for the engine's own instance.
            duck.Execute($"SET GLOBAL memory_limit = '{Math.Max(memoryBytes / 2, 64 << 20).ToString(CultureInfo.InvariantCulture)}B'");
        }

        duck.Execute("SET GLOBAL enable_external_access = false; SET GLOBAL lock_configuration = true");
    }
}
