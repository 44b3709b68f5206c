using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using Etl.Contracts;
using Etl.Runtime.Compilation.Sealing;
using NUnit.Framework;

namespace Etl.Runtime.Tests.Compilation;

/// <summary>Plan files with a seal that fits, as anybody can make one.</summary>
public sealed class SealedPlanTests
{
    private const string Whole = """
        {"version":2,"pipeline":"p","file":"p.yaml","environment":"default","hash":"h","inputs":{"files":{"a":"b"},"plugins":{},"parameters":{"q":null},"date":"2026-01-31","connections":{},"variables":{}},"nodes":[{"id":"n"}]}
        """;

    [TestCase("", "", true)]
    [TestCase("{\"id\":\"n\"}", "{\"id\":\"n\"},{\"id\":\"n\"}", false)]
    [TestCase("{\"id\":\"n\"}", "{}", false)]
    [TestCase("{\"id\":\"n\"}", "null", false)]
    [TestCase("{\"id\":\"n\"}", "{\"id\":1}", false)]
    [TestCase("{\"a\":\"b\"}", "{\"a\":null}", false)]
    [TestCase("{\"a\":\"b\"}", "[]", false)]
    [TestCase("\"2026-01-31\"", "\"tomorrow\"", false)]
    [TestCase("\"hash\":\"h\",", "", false)]
    [TestCase("\"file\":\"p.yaml\"", "\"file\":null", false)]
    [TestCase("\"inputs\"", "\"more\":1,\"inputs\"", false)]
    public void What_is_no_whole_plan_is_refused_and_never_trips(string old, string now, bool isRead)
    {
        var path = Path.Combine(TestContext.CurrentContext.WorkDirectory, $"{TestContext.CurrentContext.Test.ID}.json");
        var json = JsonNode.Parse(old.Length == 0 ? Whole : Whole.Replace(old, now, StringComparison.Ordinal))!.AsObject();
        json["seal"] = "sha256:" + Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes($"etl-plan-seal/2\n{SealedPlan.Canonical(json)}")));
        File.WriteAllText(path, json.ToJsonString(new() { WriteIndented = true }));
        if (isRead)
        {
            var plan = SealedPlan.Read(path);
            Assert.That((plan.File, plan.Inputs.Date, plan.ParametersUnder(new Dictionary<string, string>()).Count), Is.EqualTo(("p.yaml", new DateOnly(2026, 1, 31), 0)));
        }
        else
        {
            Assert.That(Assert.Throws<EtlException>(() => SealedPlan.Read(path))!.Code, Is.EqualTo("ETL3132"));
        }
    }
}
