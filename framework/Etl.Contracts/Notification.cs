namespace Etl.Contracts;

/// <summary>Tells a person. At least once: it may be called again after a failure.</summary>
public interface INotifier
{
    /// <summary>Sends one message; throws when it could not be delivered.</summary>
    ValueTask NotifyAsync(Notification notification, CancellationToken cancel);
}

/// <summary>What happened.</summary>
/// <param name="Pipeline">The pipeline's id.</param>
/// <param name="RunId">The run.</param>
/// <param name="Title">A line.</param>
/// <param name="Text">Plain text; a notifier escapes it for its medium.</param>
/// <param name="Failed">Whether someone must act.</param>
public sealed record Notification(string Pipeline, string RunId, string Title, string Text, bool Failed);
