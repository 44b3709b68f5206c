namespace Etl.Contracts;

/// <summary>
/// The project's other connections, for one that works through another: a warehouse that loads from an object store. A connection type takes
/// it in its constructor, and asks there, so that a wrong name is found when the pipeline is compiled.
/// </summary>
public interface IConnectionDirectory
{
    /// <summary>
    /// A connection by name. ETL3002, at the option's place in the YAML: it is not a <typeparamref name="T"/>, or it works through the one that asks. The engine
    /// disposes it.
    /// </summary>
    /// <typeparam name="T">What it must be, such as <see cref="IObjectStore"/>.</typeparam>
    /// <param name="name">As in <c>connections.yaml</c>.</param>
    /// <param name="optionPath">The option that names it, as in <see cref="EtlException.OptionPath"/>.</param>
    T Require<T>(string name, string optionPath) where T : class;
}
