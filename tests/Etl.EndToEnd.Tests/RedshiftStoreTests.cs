using System.Net;
using Etl.Plugins.Tests.Stores;
using Microsoft.AspNetCore.Http;
using NUnit.Framework;

namespace Etl.EndToEnd.Tests;

/// <summary>The same pipeline, when the store through which it loads Redshift and which holds the lake does wrong: nothing lost, nothing doubled, no upload left open.</summary>
[Category("Integration")]
public sealed class RedshiftStoreTests
{
    private static readonly Dictionary<string, Action<ScriptedFront>> Faults = new()
    {
        ["slow_down"] = front => front.Refuse(IsPart, HttpStatusCode.ServiceUnavailable, "SlowDown", times: 4),
        ["error_in_200"] = front => front.Refuse(IsCompletion, HttpStatusCode.OK, "InternalError", times: 1),
        ["lost_completion"] = front => front.LoseAnswer(IsCompletion, times: 1),
        ["conflict_of_commit"] = front => front.Refuse(IsConditional, HttpStatusCode.Conflict, "ConditionalRequestConflict", times: 2),
        ["lost_commit"] = front => front.LoseAnswer(IsConditional, times: 1),
        ["refused_commit"] = front => front.Refuse(IsConditional, HttpStatusCode.Forbidden, "AccessDenied", times: 1),
        ["damaged_part"] = front => front.Damage(IsPart, times: 1),
        ["expired_token"] = front => front.Refuse(IsPart, HttpStatusCode.BadRequest, "ExpiredToken", times: 1),
    };

    private static IEnumerable<string> FaultNames => Faults.Keys;

    [TestCaseSource(nameof(FaultNames))]
    [Property("Fault", 33)]
    public async Task A_store_that_does_wrong_leaves_both_targets_as_one_run_would(string fault)
    {
        await using var front = await ScriptedFront.StartAsync(S3Server.Endpoint);
        await using var shop = await RedshiftShop.OpenAsync(fault, front.Endpoint);
        await shop.Project.ReportAsync("run", "orders.yaml");
        await shop.ChangeAsync(1);
        if (!fault.EndsWith("commit", StringComparison.Ordinal))
        {
            await shop.AddLargeAsync();
        }

        Faults[fault](front);
        var run = await shop.Project.RunAsync("run", "orders.yaml");
        Assert.That(run.ExitCode, Is.AnyOf(0, 1), run.ToString());
        Assert.That(front.Played, Is.GreaterThan(0), "it did");
        TestContext.Out.WriteLine($"{fault}: exit {run.ExitCode} after {front.Played}");
        if (run.ExitCode == 1)
        {
            await shop.Project.ReportAsync("run", "orders.yaml");
        }

        await shop.AssertLoadedAsync(fault);
        Assert.That((await shop.Project.ReportAsync("run", "orders.yaml"))["status"]!.GetValue<string>(), Is.EqualTo("nothing_new"));
    }

    [TestCase("/_etl_redshift/")]
    [TestCase("/orders/")]
    [Property("Fault", 13)]
    public async Task A_run_that_is_killed_while_it_uploads_leaves_an_upload_open_which_the_next_one_ends(string folder)
    {
        await using var front = await ScriptedFront.StartAsync(S3Server.Endpoint);
        await using var shop = await RedshiftShop.OpenAsync(folder.Length == 8 ? "upload_lake" : "upload_dwh", front.Endpoint);
        await shop.Project.ReportAsync("run", "orders.yaml");
        await shop.AddLargeAsync();
        var held = front.HoldAsync(r => r.Path.Value!.Contains(folder, StringComparison.Ordinal) && r.QueryString.Value!.Contains("partNumber=2", StringComparison.Ordinal));
        using (var run = ShippedCli.Start(shop.Project.Folder, shop.Project.Environment, "run", "orders.yaml"))
        {
            await held.WaitAsync(TimeSpan.FromMinutes(2));
            run.Kill();
            Assert.That((await run.EndAsync()).ExitCode, Is.EqualTo(CliResult.Killed));
        }

        Assert.That(await S3Server.OpenUploadsAsync(shop.Bucket), Has.Some.Contains(folder.TrimStart('/')), "or what follows would prove nothing");
        await shop.Project.ReportAsync("run", "orders.yaml");
        await shop.AssertLoadedAsync("after the kill");
    }

    private static bool IsPart(HttpRequest request) => request.Method == "PUT" && request.QueryString.Value!.Contains("partNumber=", StringComparison.Ordinal);

    private static bool IsCompletion(HttpRequest request) => request.Method == "POST" && request.QueryString.Value!.Contains("uploadId=", StringComparison.Ordinal);

    private static bool IsConditional(HttpRequest request) => request.Headers.ContainsKey("If-None-Match");
}
