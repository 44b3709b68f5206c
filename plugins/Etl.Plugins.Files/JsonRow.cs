using System.Buffers;
using System.Buffers.Text;
using System.Text.Json;
using System.Text.Unicode;
using Apache.Arrow.Types;
using Etl.Contracts;
using Etl.Contracts.Arrow;
using Etl.Plugins.FileSets;

namespace Etl.Plugins.Files;

/// <summary>
/// One object into the columns of a batch, from its tokens. A member that is absent is NULL, and one that no column wants is passed over. Numbers are taken by their
/// text, so that none passes through a double; a text may hold a number, date or time, a boolean or a list may not.
/// </summary>
internal sealed class JsonRow(JsonRecordReader reader, RecordBatchBuilder builder, FolderColumns folders, JsonMember root, bool[] isJson)
{
    private byte[] _text = new byte[1024];
    private int _rows;

    /// <summary>Adds the reader's record. ETL4577 with its place.</summary>
    public void Append()
    {
        var columns = builder.Columns;
        _rows = builder.Length;
        try
        {
            var json = new Utf8JsonReader(reader.Record);
            if (!json.Read() || json.TokenType != JsonTokenType.StartObject)
            {
                throw reader.Error(reader.Line, "an object was expected");
            }

            ReadObject(ref json, root);
            // Nothing may follow; the reader throws if something does.
            json.Read();
        }
        catch (JsonException e)
        {
            throw reader.NoJson(e);
        }

        folders.AppendRow(builder);
        for (var i = 0; i < columns.Length; i++)
        {
            if (columns[i].Length == _rows)
            {
                AppendNull(i);
            }
        }
    }

    private void ReadObject(ref Utf8JsonReader json, JsonMember node)
    {
        var expected = 0;
        while (json.Read() && json.TokenType == JsonTokenType.PropertyName)
        {
            var member = node.Find(ref json, ref expected);
            json.Read();
            if (member is null || (member.Column >= 0 && folders.Has(member.Column)))
            {
                json.Skip();
            }
            else if (member.Column >= 0)
            {
                ReadColumn(ref json, member);
            }
            else if (json.TokenType == JsonTokenType.StartObject)
            {
                ReadObject(ref json, member);
            }
            else if (json.TokenType != JsonTokenType.Null)
            {
                throw reader.Error(reader.Line, $"member '{member.Name}' is no object, and columns are in it");
            }
        }
    }

    private void ReadColumn(ref Utf8JsonReader json, JsonMember member)
    {
        var (i, target) = (member.Column, builder[member.Column]);
        if (target.Length > _rows)
        {
            throw reader.Error(reader.Line, $"member '{member.Name}' is there twice");
        }

        if (json.TokenType == JsonTokenType.Null)
        {
            AppendNull(i);
        }
        else if (isJson[i])
        {
            var start = (int)json.TokenStartIndex;
            json.Skip();
            AppendUtf8(reader.Record[start..(int)json.BytesConsumed], i, target);
        }
        else if (target.Items is { } items)
        {
            ReadList(ref json, i, target, items);
        }
        else if (json.TokenType is JsonTokenType.StartObject or JsonTokenType.StartArray)
        {
            throw reader.Error(reader.Line, $"column '{builder.Schema.FieldsList[i].Name}' is an object or a list, which the contract takes only as physicalType json");
        }
        else if (!TryAppend(ref json, target))
        {
            throw Mismatch(i, target.Type);
        }
    }

    private void ReadList(ref Utf8JsonReader json, int column, ColumnBuilder target, ColumnBuilder items)
    {
        if (json.TokenType != JsonTokenType.StartArray)
        {
            throw Mismatch(column, target.Type);
        }

        var isNullable = ((ListType)target.Type).ValueField.IsNullable;
        while (json.Read() && json.TokenType != JsonTokenType.EndArray)
        {
            if (json.TokenType == JsonTokenType.Null && isNullable)
            {
                items.AppendNull();
            }
            else if (!TryAppend(ref json, items))
            {
                throw Mismatch(column, target.Type);
            }
        }

        target.EndList();
    }

    private bool TryAppend(ref Utf8JsonReader json, ColumnBuilder target)
    {
        switch (json.TokenType)
        {
            case JsonTokenType.True or JsonTokenType.False when target.Type is BooleanType:
                target.Append(json.TokenType == JsonTokenType.True);
                return true;
            case JsonTokenType.Number when target.Type is Int8Type or Int16Type or Int32Type or Int64Type or FloatType or DoubleType or Decimal128Type:
                return CellText.TryAppend(json.ValueSpan, target);
            case JsonTokenType.String when target.Type is not BooleanType && TryText(ref json, out var text):
                return target.Type is BinaryType ? TryBase64(text, target) : CellText.TryAppend(text, target);
            default:
                return false;
        }
    }

    // False for an escape that is half a character.
    private bool TryText(ref Utf8JsonReader json, out ReadOnlySpan<byte> text)
    {
        text = json.ValueSpan;
        if (!json.ValueIsEscaped)
        {
            return true;
        }

        Reserve(text.Length);
        try
        {
            text = _text.AsSpan(0, json.CopyString(_text));
            return true;
        }
        catch (InvalidOperationException)
        {
            return false;
        }
    }

    private static bool TryBase64(ReadOnlySpan<byte> text, ColumnBuilder target)
    {
        var bytes = ArrayPool<byte>.Shared.Rent(Base64.GetMaxDecodedFromUtf8Length(text.Length));
        try
        {
            var isBase64 = Base64.DecodeFromUtf8(text, bytes, out var read, out var written) == OperationStatus.Done && read == text.Length;
            if (isBase64)
            {
                target.Append(bytes.AsSpan(0, written));
            }

            return isBase64;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(bytes);
        }
    }

    private void AppendUtf8(ReadOnlySpan<byte> text, int column, ColumnBuilder target)
    {
        if (!Utf8.IsValid(text))
        {
            throw Mismatch(column, target.Type);
        }

        target.Append(text);
    }

    private void AppendNull(int column)
    {
        var field = builder.Schema.FieldsList[column];
        if (!field.IsNullable)
        {
            throw reader.Error(reader.Line, $"column '{field.Name}' has no value, and the contract says required");
        }

        builder[column].AppendNull();
    }

    private void Reserve(int length)
    {
        if (_text.Length < length)
        {
            System.Array.Resize(ref _text, Math.Max(length, _text.Length * 2));
        }
    }

    private EtlException Mismatch(int column, IArrowType type) => reader.Error(reader.Line, $"column '{builder.Schema.FieldsList[column].Name}' is no {Describe(type)}");

    private static string Describe(IArrowType type) => type switch
    {
        ListType list => $"list of {Describe(list.ValueDataType)}",
        BinaryType => "base64 text",
        StringType => "string of UTF-8 text",
        BooleanType => "boolean (true, false)",
        _ => CellText.Describe(type),
    };
}
