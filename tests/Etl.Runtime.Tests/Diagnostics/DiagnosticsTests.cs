using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using Etl.Runtime.Diagnostics;
using Etl.Runtime.Tests.Architecture;
using Etl.Runtime.Tests.Reports;
using NUnit.Framework;

namespace Etl.Runtime.Tests.Diagnostics;

public partial class DiagnosticsTests
{
    [TestCase("trnasform", "transform")]
    [TestCase("on_mising", "on_missing")]
    [TestCase("look_ahead", null)]
    [TestCase("x", null)]
    public void A_name_is_suggested_only_when_it_is_close(string name, string? expected) =>
        Assert.That(Suggest.Closest(name, ["extract", "transform", "load", "on_missing", "columns", "y"]), Is.EqualTo(expected));

    [Test]
    public void The_docs_have_the_page_of_each_code() => Golden.CheckFile(
        "framework/docs/errors.md",
        "# Error codes\n\nWhat `etl explain CODE` prints, of all codes. Made from the pages in the source by the tests (`ETL_GOLDEN=write`).\n"
        + string.Concat(DiagnosticCatalog.Pages.Values.OrderBy(p => p.Code, StringComparer.Ordinal).Select(p => $"\n## {p.Code} {p.Title}\n{p.Text}\n")));

    [Test]
    public void Diagnostics_are_sorted_by_place_and_told_once()
    {
        var bag = new DiagnosticBag();
        bag.AddWarning(new SourceSpan("b.yaml", 1, 1), "ETL1001", "last");
        bag.AddError(new SourceSpan("a.yaml", 2, 9), "ETL1001", "second", "Do it.");
        bag.AddError(new SourceSpan("a.yaml", 2, 1), "ETL1001", "first");
        bag.AddError(new SourceSpan("a.yaml", 2, 1), "ETL1001", "first");
        Assert.That(string.Join("\n", bag.Sorted), Is.EqualTo(
            "a.yaml:2:1: error ETL1001: first.\na.yaml:2:9: error ETL1001: second. Do it.\nb.yaml:1:1: warning ETL1001: last."));
        Assert.That(bag.ErrorCount, Is.EqualTo(2));
    }

    [TestCase("S3cr3t-CANARY")]
    [TestCase("p w/\"ü\\&=<>+é")]
    [TestCase("abc")]
    public void A_secret_is_masked_in_every_form(string secret)
    {
        var redactor = new Redactor();
        redactor.Register(secret);
        var bytes = Encoding.UTF8.GetBytes(secret);
        string[] forms =
        [
            secret, Uri.EscapeDataString(secret), Uri.EscapeDataString(secret).Replace("%20", "+", StringComparison.Ordinal), JsonSerializer.Serialize(secret).Trim('"'),
            Convert.ToBase64String(bytes), Convert.ToHexString(bytes),
        ];
        foreach (var form in forms)
        {
            Assert.That(redactor.Redact($"x {form} y"), Is.EqualTo("x *** y"), form);
        }
    }

    [TestCase("user:")]
    [TestCase("me:")]
    [TestCase("u1:")]
    public void A_secret_is_masked_within_base64_of_a_longer_text(string before)
    {
        var redactor = new Redactor();
        redactor.Register("S3cr3t-CANARY");
        var header = Convert.ToBase64String(Encoding.UTF8.GetBytes($"{before}S3cr3t-CANARY"));
        Assert.That(redactor.Redact(header), Does.Contain("***"));
    }

    [Test]
    public void A_secret_that_contains_another_leaves_nothing_behind()
    {
        var redactor = new Redactor();
        redactor.Register("abc");
        redactor.Register("abcdef");
        Assert.That(redactor.Redact("abcdef"), Is.EqualTo("***"));
    }

    [Test]
    public void Each_page_has_a_title_and_a_text()
    {
        Assert.That(DiagnosticCatalog.Pages, Is.Not.Empty);
        Assert.That(DiagnosticCatalog.Find("etl1006")?.Title, Is.Not.Empty);
        foreach (var page in DiagnosticCatalog.Pages.Values)
        {
            Assert.That(page.Code, Does.Match("^ETL[1-6][0-9]{3}$"));
            Assert.That(page.Title, Is.Not.Empty, page.Code);
            Assert.That(page.Text, Is.Not.Empty, page.Code);
        }
    }

    [Test]
    public void Every_code_has_a_page_and_every_page_a_code()
    {
        var used = ((string[])["framework", "plugins", "tools"]).SelectMany(Repository.Sources).SelectMany(f => Code().Matches(f.Text).Select(m => m.Value)).ToHashSet();
        Assert.Multiple(() =>
        {
            Assert.That(used.Except(DiagnosticCatalog.Pages.Keys).Order(), Is.Empty, "codes without a page in framework/Etl.Runtime/Diagnostics/pages");
            Assert.That(DiagnosticCatalog.Pages.Keys.Except(used).Order(), Is.Empty, "pages of codes that nothing uses");
        });
    }

    [Test]
    public void What_the_compiler_warns_of_is_what_a_project_can_set()
    {
        var warned = ((string[])["Definition", "Compilation"]).SelectMany(f => Repository.Sources($"framework/Etl.Runtime/{f}")).SelectMany(f => Warned().Matches(f.Text).Select(m => m.Groups[1].Value)).Distinct();
        Assert.That(DiagnosticCatalog.Warnings, Is.EqualTo(warned.Order(StringComparer.Ordinal)).And.Not.Empty, "[warning] ends the title of the page of a code that AddWarning is called with, and of no other");
        Assert.That(DiagnosticCatalog.Find("ETL3053"), Has.Property("Title").Not.Contains("[").And.Property("Text").Contains("`checks: { ETL3053: error }`"));
    }

    [GeneratedRegex("AddWarning\\([^;]*?\"(ETL[0-9]{4})\"")]
    private static partial Regex Warned();

    [GeneratedRegex(@"\bETL[0-9]{4}\b")]
    private static partial Regex Code();
}
