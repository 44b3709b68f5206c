using System.Runtime.ExceptionServices;

namespace Etl.Runtime.Execution;

/// <summary>Tasks that stand or fall together.</summary>
internal static class TaskGroup
{
    /// <summary>Waits for all, and throws the error that came first in cause: a cancellation is only what others did about it.</summary>
    public static async Task WhenAll(IReadOnlyList<Task> tasks)
    {
        try
        {
            await Task.WhenAll(tasks);
        }
        catch (Exception first)
        {
            var cause = tasks.Where(t => t.IsFaulted).SelectMany(t => t.Exception!.InnerExceptions).FirstOrDefault(e => e is not OperationCanceledException) ?? first;
            ExceptionDispatchInfo.Throw(cause);
        }
    }
}
