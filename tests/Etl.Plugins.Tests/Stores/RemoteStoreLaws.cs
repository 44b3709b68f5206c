using Etl.Contracts;
using NUnit.Framework;
using static Etl.Plugins.Tests.TypedRows;

namespace Etl.Plugins.Tests.Stores;

/// <summary>What a store owes that is reached over a network, with a secret.</summary>
public abstract class RemoteStoreLaws : ObjectStoreLaws
{
    /// <summary>A secret that is not the right one.</summary>
    protected abstract string WrongSecret { get; }

    /// <summary>A connection with one thing wrong.</summary>
    protected abstract IConnection OpenWrong(Wrong what);

    /// <summary>What may be wrong with a connection.</summary>
    public enum Wrong
    {
        Secret,
        Container,
        Address,
    }

    [Test]
    public async Task A_wrong_secret_is_refused_for_good_and_not_shown()
    {
        await using var connection = OpenWrong(Wrong.Secret);
        var store = (IObjectStore)connection;
        // Writes last: a store may leave the body of one that it refused on the connection, where the next request would run into it.
        var errors = new[]
        {
            Thrown<EtlException>(async () => await store.GetAsync("a", default)),
            Thrown<EtlException>(async () => await store.SizeAsync("a", default)),
            Thrown<EtlException>(async () => await store.KeysAsync("")),
            Thrown<EtlException>(async () => await connection.CheckAsync(default)),
        };
        Assert.That(errors.Select(e => e.Code), Is.All.EqualTo("ETL4590"));
        Assert.That(errors.Select(connection.IsTransient), Is.All.False);
        Assert.That(errors.Select(e => $"{e.Hint}{e}").Append(connection.Display).Append(store.Root.ToString()), Has.None.Contains(WrongSecret));
    }

    [Test]
    public async Task A_container_that_is_not_there_is_named()
    {
        await using var connection = OpenWrong(Wrong.Container);
        var errors = new[]
        {
            Thrown<EtlException>(async () => await ((IObjectStore)connection).GetAsync("a", default)),
            Thrown<EtlException>(async () => await ((IObjectStore)connection).KeysAsync("")),
            Thrown<EtlException>(async () => await connection.CheckAsync(default)),
        };
        Assert.That(errors.Select(e => e.Code), Is.All.EqualTo("ETL4591"));
        Assert.That(errors.Select(e => e.Message), Is.All.Contains("no-such-container"));
        Assert.That(errors.Select(connection.IsTransient), Is.All.False);
    }

    [Test]
    public async Task An_address_where_nobody_listens_may_be_tried_again_later()
    {
        await using var connection = OpenWrong(Wrong.Address);
        var error = Thrown<EtlException>(async () => await connection.CheckAsync(default));
        Assert.That(error.Code, Is.EqualTo("ETL4592"), error.ToString());
        Assert.That(connection.IsTransient(error), Is.True);
    }
}
