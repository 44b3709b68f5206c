namespace Etl.Runtime.Execution;

/// <summary>What the stages of a run are at, so that one that does not end can be named.</summary>
internal sealed class StageActivity
{
    private readonly List<string> _current = [];

    /// <summary>Such as <c>stage 'orders' (extract)</c>, in the order in which they began.</summary>
    public IReadOnlyList<string> Current
    {
        get
        {
            lock (_current)
            {
                return [.. _current];
            }
        }
    }

    /// <summary>Does some work of a stage.</summary>
    public async Task<T> DoAsync<T>(string stage, string what, Func<Task<T>> work)
    {
        var activity = $"stage '{stage}' ({what})";
        lock (_current)
        {
            _current.Add(activity);
        }

        try
        {
            return await work();
        }
        finally
        {
            lock (_current)
            {
                _current.Remove(activity);
            }
        }
    }
}
