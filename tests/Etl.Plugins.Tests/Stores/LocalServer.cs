using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Etl.Plugins.Tests.Stores;

/// <summary>An HTTP server of this process at a free port, for bodies of any length.</summary>
internal static class LocalServer
{
    public static WebApplication Create(RequestDelegate answer)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0").ConfigureKestrel(k => k.Limits.MaxRequestBodySize = null);
        var server = builder.Build();
        server.Run(answer);
        return server;
    }
}
