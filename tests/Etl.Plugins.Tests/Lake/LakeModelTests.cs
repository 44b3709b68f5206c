using CsCheck;
using Etl.Contracts;
using Etl.Plugins.Lake;
using NUnit.Framework;

namespace Etl.Plugins.Tests.Lake;

public class LakeModelTests
{
    private static readonly Gen<Order> GenOrder = Gen.Select(
        Gen.Long[0, 15], Gen.Int[0, 4], Gen.OneOf(Gen.Const((string?)"a"), Gen.Const((string?)"b"), Gen.Const((string?)null)), Gen.Long[0, 2], Gen.Int[0, 3],
        (id, day, note, cents, op) => new Order(id, day == 4 ? null : 19723 + (day * 20), note, cents, IsDeleted: op == 0));

    private static readonly Gen<ParquetLoaderOptions> GenOptions = Gen.OneOf(
        Gen.Const(LakeTable.Upsert()), Gen.Const(LakeTable.Upsert("orders", "day")), Gen.Const(LakeTable.Upsert("orders/{year}-{month}", "day")),
        Gen.Const(LakeTable.Upsert("orders", null)), Gen.Const(LakeTable.Upsert("orders", "note")));

    [Test]
    public async Task Any_sequence_of_upserts_deletions_and_moves_equals_a_dictionary()
    {
        await Gen.Select(GenOptions, GenOrder.Array[0, 12].Array[1, 5]).SampleAsync(
            async (options, loads) =>
            {
                var table = new LakeTable(options);
                var model = new Dictionary<long, Order>();
                foreach (var load in loads.Select(l => l.DistinctBy(o => o.Id).ToList()))
                {
                    var expected = Apply(model, load);
                    var result = await table.LoadAsync(load, schema: LakeTable.OrderChanges);
                    if (result != expected with { Detail = result.Detail })
                    {
                        throw new InvalidOperationException($"counted {result} instead of {expected}");
                    }
                }

                var (actual, wanted) = (table.Read(), LakeTable.Text(model.Values));
                if (!actual.SequenceEqual(wanted))
                {
                    throw new InvalidOperationException($"holds {string.Join(' ', actual)} instead of {string.Join(' ', wanted)}");
                }
            },
            iter: 30,
            threads: 1);
    }

    private static PublishResult Apply(Dictionary<long, Order> model, IEnumerable<Order> load)
    {
        long inserted = 0, updated = 0, deleted = 0, unchanged = 0;
        foreach (var order in load)
        {
            var old = model.GetValueOrDefault(order.Id);
            if (order.IsDeleted)
            {
                deleted += model.Remove(order.Id) ? 1 : 0;
                continue;
            }

            _ = old is null ? inserted++ : old == order ? unchanged++ : updated++;
            model[order.Id] = order;
        }

        return new PublishResult(inserted, updated, deleted, unchanged);
    }
}
