using Parquet;
using Parquet.Schema;

namespace Etl.Plugins.Lake;

/// <summary>A Parquet column of nested values in the format's own form: the values that are there, and for each place its definition and repetition level.</summary>
internal sealed class Shredded<T>(DataField field) where T : struct
{
    private readonly List<T> _values = [];
    private readonly List<int> _definitions = [];
    private readonly List<int> _repetitions = [];

    /// <summary>Adds a place; the value is there where the definition level is the greatest.</summary>
    public void Add(int definition, int repetition, T? value)
    {
        _definitions.Add(definition);
        _repetitions.Add(repetition);
        if (value is { } there)
        {
            _values.Add(there);
        }
    }

    /// <summary>Each place with its row.</summary>
    public IEnumerable<(int Row, int Repetition, bool IsThere, T Value)> Rows()
    {
        var (row, value) = (-1, 0);
        for (var i = 0; i < _definitions.Count; i++)
        {
            row += _repetitions[i] == 0 ? 1 : 0;
            var isThere = _definitions[i] == field.MaxDefinitionLevel;
            yield return (row, _repetitions[i], isThere, isThere ? _values[value++] : default);
        }
    }

    /// <summary>Writes the column.</summary>
    public async ValueTask WriteAsync(ParquetRowGroupWriter group, CancellationToken cancel) =>
        await group.WriteAllPartsAsync<T>(field, _values.ToArray(), Levels(_definitions, true), Levels(_repetitions, field.MaxRepetitionLevel > 0), cancel);

    /// <summary>Reads the column of a row group.</summary>
    public static async ValueTask<Shredded<T>> ReadAsync(ParquetRowGroupReader group, DataField field, CancellationToken cancel)
    {
        var places = checked((int)(group.GetMetadata(field)?.MetaData?.NumValues ?? throw new InvalidDataException($"'{field.Path}' has no data")));
        var (values, definitions, repetitions) = (new T[places], new int[places], new int[places]);
        if (places > 0)
        {
            await group.ReadRawAsync(field, values.AsMemory(), Buffer(definitions, field.MaxDefinitionLevel > 0), Buffer(repetitions, field.MaxRepetitionLevel > 0), cancel);
        }

        var read = new Shredded<T>(field);
        read._values.AddRange(values);
        read._definitions.AddRange(definitions);
        read._repetitions.AddRange(repetitions);
        return read;
    }

    // No conditional expressions with null: an array converts to memory, and so null to empty memory, which means another thing here.
    private static ReadOnlyMemory<int>? Levels(List<int> levels, bool isNeeded)
    {
        if (isNeeded)
        {
            return levels.ToArray();
        }

        return null;
    }

    private static Memory<int>? Buffer(int[] levels, bool isNeeded)
    {
        if (isNeeded)
        {
            return levels;
        }

        return null;
    }
}
