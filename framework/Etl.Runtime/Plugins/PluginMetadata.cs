using System.Reflection.Metadata;
using System.Reflection.PortableExecutable;
using Etl.Contracts;

namespace Etl.Runtime.Plugins;

/// <summary>Reads a plugin's components and its references from the assembly file, without loading it: no code of it runs.</summary>
internal static class PluginMetadata
{
    private static readonly Dictionary<string, ComponentKind> Kinds = new()
    {
        [nameof(ConnectionTypeAttribute)] = ComponentKind.Connection,
        [nameof(ExtractorAttribute)] = ComponentKind.Extractor,
        [nameof(TransformerAttribute)] = ComponentKind.Transformer,
        [nameof(LoaderAttribute)] = ComponentKind.Loader,
        [nameof(NotifierAttribute)] = ComponentKind.Notifier,
    };

    public static (IReadOnlyList<ComponentDescriptor> Components, IReadOnlyDictionary<string, Version> References) Read(string plugin, string path)
    {
        try
        {
            using var stream = File.OpenRead(path);
            using var pe = new PEReader(stream);
            if (!pe.HasMetadata)
            {
                throw NotManaged(path, null);
            }

            var reader = pe.GetMetadataReader();
            var references = new Dictionary<string, Version>(StringComparer.Ordinal);
            foreach (var handle in reader.AssemblyReferences)
            {
                var reference = reader.GetAssemblyReference(handle);
                references[reader.GetString(reference.Name)] = reference.Version;
            }

            return (Components(reader, plugin), references);
        }
        catch (BadImageFormatException e)
        {
            throw NotManaged(path, e);
        }
        catch (InvalidOperationException e)
        {
            throw NotManaged(path, e);
        }
    }

    private static List<ComponentDescriptor> Components(MetadataReader reader, string plugin)
    {
        var components = new List<ComponentDescriptor>();
        foreach (var typeHandle in reader.TypeDefinitions)
        {
            var type = reader.GetTypeDefinition(typeHandle);
            foreach (var attributeHandle in type.GetCustomAttributes())
            {
                var attribute = reader.GetCustomAttribute(attributeHandle);
                if (KindOf(reader, attribute) is not { } kind)
                {
                    continue;
                }

                var value = attribute.DecodeValue(StringsOnly.Instance);
                components.Add(new ComponentDescriptor(
                    kind,
                    (string)value.FixedArguments[0].Value!,
                    value.NamedArguments.FirstOrDefault(a => a.Name == nameof(ComponentAttribute.For)).Value as string,
                    (string)value.FixedArguments[1].Value!,
                    $"{reader.GetString(type.Namespace)}.{reader.GetString(type.Name)}",
                    plugin));
            }
        }

        return components;
    }

    private static ComponentKind? KindOf(MetadataReader reader, CustomAttribute attribute)
    {
        if (attribute.Constructor.Kind != HandleKind.MemberReference)
        {
            return null;
        }

        var parent = reader.GetMemberReference((MemberReferenceHandle)attribute.Constructor).Parent;
        if (parent.Kind != HandleKind.TypeReference)
        {
            return null;
        }

        var type = reader.GetTypeReference((TypeReferenceHandle)parent);
        return reader.GetString(type.Namespace) == typeof(ComponentAttribute).Namespace && Kinds.TryGetValue(reader.GetString(type.Name), out var kind) ? kind : null;
    }

    private static EtlException NotManaged(string path, Exception? inner) =>
        new("ETL5002", $"'{path}' is not a .NET assembly", "A plugin is a class library for .NET; publish it with `dotnet publish` and copy the whole folder.", inner);

    // The attributes of components take strings alone.
    private sealed class StringsOnly : ICustomAttributeTypeProvider<string>
    {
        public static readonly StringsOnly Instance = new();

        public string GetPrimitiveType(PrimitiveTypeCode typeCode) => typeCode.ToString();

        public string GetSystemType() => "Type";

        public string GetSZArrayType(string elementType) => elementType + "[]";

        public string GetTypeFromDefinition(MetadataReader reader, TypeDefinitionHandle handle, byte rawTypeKind) => "";

        public string GetTypeFromReference(MetadataReader reader, TypeReferenceHandle handle, byte rawTypeKind) => "";

        public string GetTypeFromSerializedName(string name) => name;

        public PrimitiveTypeCode GetUnderlyingEnumType(string type) => PrimitiveTypeCode.Int32;

        public bool IsSystemType(string type) => type == "Type";
    }
}
