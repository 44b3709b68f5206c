using System.Buffers;
using System.Globalization;
using System.Text;

namespace Etl.Cli;

/// <summary>
/// Text for a terminal or a file of a CI server. Control characters come with data only (a table's name, a rule's reason) and are written as <c>\x1b</c>, so
/// that none clears the screen, renames the window or overwrites what stands there.
/// </summary>
internal sealed class PlainText(TextWriter inner) : TextWriter(CultureInfo.InvariantCulture)
{
    private static readonly SearchValues<char> Controls = SearchValues.Create([.. Enumerable.Range(0, 0xA0).Select(c => (char)c).Where(c => char.IsControl(c) && c is not ('\n' or '\t'))]);

    /// <inheritdoc/>
    public override Encoding Encoding => inner.Encoding;

    /// <inheritdoc/>
    public override void Write(char value) => Write([value]);

    /// <inheritdoc/>
    public override void Write(char[] buffer, int index, int count) => Write(buffer.AsSpan(index, count));

    /// <inheritdoc/>
    public override void Write(string? value) => Write(value.AsSpan());

    /// <inheritdoc/>
    public override void Write(ReadOnlySpan<char> buffer)
    {
        if (buffer.IndexOfAny(Controls) < 0)
        {
            inner.Write(buffer);
            return;
        }

        // In one piece: others may write too.
        var text = new StringBuilder();
        foreach (var c in buffer)
        {
            _ = Controls.Contains(c) ? text.Append(CultureInfo.InvariantCulture, $"\\x{(int)c:x2}") : text.Append(c);
        }

        inner.Write(text.ToString());
    }

    /// <inheritdoc/>
    public override void WriteLine(string? value) => Write($"{value}\n".AsSpan());

    /// <inheritdoc/>
    public override Task WriteLineAsync(string? value)
    {
        WriteLine(value);
        return Task.CompletedTask;
    }

    /// <inheritdoc/>
    public override void Flush() => inner.Flush();
}
