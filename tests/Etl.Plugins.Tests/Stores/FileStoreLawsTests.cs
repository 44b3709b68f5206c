using Etl.Contracts;
using Etl.Plugins.Files;
using NUnit.Framework;

namespace Etl.Plugins.Tests.Stores;

/// <summary>The laws, on a folder.</summary>
public sealed class FileStoreLawsTests : ObjectStoreLaws
{
    private string _folder = null!;

    [TearDown]
    public void Drop() => Directory.Delete(_folder, recursive: true);

    protected override Task<IConnection> OpenNewAsync()
    {
        _folder = Directory.CreateTempSubdirectory("etl-files-").FullName;
        return Task.FromResult<IConnection>(new FileStore(new FileStoreOptions { Root = "lake" }, new(_folder, Path.Combine(_folder, ".etl"), 256L << 20, TimeProvider.System)));
    }

    protected override Task<int> OpenUploadsAsync() =>
        Task.FromResult(Directory.EnumerateFiles(_folder, ".etl-tmp-*", new EnumerationOptions { RecurseSubdirectories = true, AttributesToSkip = FileAttributes.None }).Count());
}
