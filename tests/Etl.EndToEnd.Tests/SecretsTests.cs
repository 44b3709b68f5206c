using System.Text;
using System.Text.Json;
using NUnit.Framework;
using NUnit.Framework.Internal;

namespace Etl.EndToEnd.Tests;

/// <summary>The check that all tests make can fail.</summary>
public sealed class SecretsTests
{
    private const string Secret = "S3cr3t-CANARY/+";

    [Test]
    public void A_password_is_found_in_each_of_its_forms()
    {
        foreach (var form in Secrets.Forms(Secret))
        {
            using var isolated = new TestExecutionContext.IsolatedContext();
            Assert.That(() => Secrets.AssertAbsent("it", $"before{form}after", [Secret]), Throws.TypeOf<AssertionException>(), form);
        }

        Secrets.AssertAbsent("it", "S3cr3t-CANARY", [Secret]);
    }

    [Test]
    public void A_password_is_found_within_what_is_encoded_with_it([Values("", "u", "us", "user:")] string before, [Values("", "x", "@h")] string after)
    {
        var whole = $"{before}{Secret}{after}";
        foreach (var form in new[] { Convert.ToBase64String(Encoding.UTF8.GetBytes(whole)), JsonSerializer.Serialize(whole), Uri.EscapeDataString(whole) })
        {
            using var isolated = new TestExecutionContext.IsolatedContext();
            Assert.That(() => Secrets.AssertAbsent("it", form, [Secret]), Throws.TypeOf<AssertionException>(), form);
        }
    }

    [Test]
    public async Task A_password_that_the_program_prints_fails_the_test_that_ran_it()
    {
        using var project = ProjectFolder.With(("etl.yaml", ""));
        project.Environment["SOME_PASSWORD"] = "validate-me";
        using var isolated = new TestExecutionContext.IsolatedContext();
        // The program says which path is not there.
        Assert.That(async () => await project.RunAsync("validate", "validate-me"), Throws.TypeOf<AssertionException>().With.Message.Contains("holds a secret"));
    }

    [Test]
    public void A_password_in_a_file_that_is_left_fails_the_test_that_made_it()
    {
        var project = ProjectFolder.With(("left.txt", $"x{Secret}"));
        project.Environment["SOME_PASSWORD"] = Secret;
        using (new TestExecutionContext.IsolatedContext())
        {
            Assert.That(project.Dispose, Throws.TypeOf<AssertionException>().With.Message.Contains("left.txt"));
        }

        Assert.That(Directory.Exists(project.Folder), Is.False);
    }
}
