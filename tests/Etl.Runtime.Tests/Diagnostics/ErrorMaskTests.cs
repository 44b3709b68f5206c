using Etl.Runtime.Diagnostics;
using NUnit.Framework;

namespace Etl.Runtime.Tests.Diagnostics;

public class ErrorMaskTests
{
    private static readonly ErrorMask Mask = new(["people", "warehouse", "public.people", "id", "email", "people_email_key", "postgres://db.example:5432/dwh"], ["email", "ssn"]);

    [TestCase("duplicate key value violates unique constraint \"people_email_key\" (23505)", "duplicate key value violates unique constraint \"people_email_key\" (23505)")]
    [TestCase("Key (email)=(a@b.c) already exists.", "Key (email)=(***) already exists.")]
    [TestCase("Key (email, id)=(a (b), 12) is still there", "Key (email, id)=(***) is still there")]
    [TestCase("Failing row contains (12, Ann, null).", "Failing row contains (***).")]
    [TestCase("invalid input syntax for type integer: \"Ann Bee\"", "invalid input syntax for type integer: \"***\"")]
    [TestCase("Could not convert string 'O'Bee's' to INT32 in column \"email\"", "Could not convert string '***' to INT32 in column \"email\"")]
    [TestCase("Duplicate key \"email: a@b.c\" violates", "Duplicate key \"***\" violates")]
    [TestCase("value 700700701 is out of range for type smallint", "value *** is out of range for type smallint")]
    [TestCase("mail of ann@b.c is bad", "mail of *** is bad")]
    [TestCase("zip 12345 is unknown", "zip *** is unknown")]
    [TestCase("cannot reach postgres://db.example:5432/dwh public.people", "cannot reach postgres://db.example:5432/dwh public.people")]
    [TestCase("table 'people', id = 12: column 'email' holds text", "table 'people', id = 12: column 'email' holds text")]
    [TestCase("table 'people', ssn = Ann Bee, id = 12: column 'email' holds text", "table 'people', ssn = ***, id = 12: column 'email' holds text")]
    [TestCase("ETL4512 in int64", "ETL4512 in int64")]
    public void What_a_database_says_is_told_without_values(string text, string expected) => Assert.That(Mask.Mask(text, isForeign: true), Is.EqualTo(expected));

    [TestCase("6,000 of 60,000 rows would be dead letters", "6,000 of 60,000 rows would be dead letters")]
    [TestCase("'people' has 12 rows for (email) = (ann, bee)", "'people' has 12 rows for (email) = (***)")]
    public void What_the_framework_says_keeps_its_counts(string text, string expected) => Assert.That(Mask.Mask(text, isForeign: false), Is.EqualTo(expected));
}
