using System.Collections;
using Etl.Contracts;
using Etl.Runtime.Diagnostics;
using Etl.Runtime.Yaml;
using FluentValidation;

namespace Etl.Runtime.Options;

/// <summary>Makes an options record from a YAML mapping, and tells all that is wrong with it at once, each with its position.</summary>
public static class OptionBinder
{
    /// <summary>The record, or null when the bag was told of an error.</summary>
    /// <param name="type">An options record; see <see cref="OptionAttribute"/>.</param>
    /// <param name="with">The substituted mapping.</param>
    /// <param name="where">Where a missing option is reported: the stage or connection.</param>
    /// <param name="bag">Receives what is wrong.</param>
    /// <param name="redactor">Learns the secrets.</param>
    public static object? Bind(Type type, YamlMap with, SourceSpan where, DiagnosticBag bag, Redactor? redactor = null) =>
        new Binding(bag, redactor).Record(OptionSet.For(type), with, where, "");

    /// <summary>The same, typed.</summary>
    public static T? Bind<T>(YamlMap with, SourceSpan where, DiagnosticBag bag, Redactor? redactor = null) where T : class =>
        (T?)Bind(typeof(T), with, where, bag, redactor);

    /// <summary>
    /// The position of an option by its path, such as <c>columns.gross</c> or <c>key[1]</c>, and of a character in its text. Where the
    /// path leads to nothing, the nearest that exists.
    /// </summary>
    public static SourceSpan SpanOf(YamlMap with, string optionPath, int? offset = null)
    {
        YamlNode node = with;
        foreach (var part in OptionPath.Parse(optionPath))
        {
            if (part.Of(node) is not { } next)
            {
                return node.Span;
            }

            node = next;
        }

        return node is YamlScalar scalar && offset is { } at ? scalar.SpanAt(at) : node.Span;
    }

    private sealed class Binding(DiagnosticBag bag, Redactor? redactor)
    {
        public object? Record(OptionSet options, YamlMap map, SourceSpan where, string path)
        {
            var before = bag.ErrorCount;
            var record = Activator.CreateInstance(options.Type)!;
            UnknownKeys.Report(map, options.Names, "option", bag);
            foreach (var option in options.Options)
            {
                var name = Join(path, option.Name);
                if (map.Find(option.Name) is { } entry)
                {
                    if (Value(entry.Value, option.Type, option.Attribute, name, entry.KeySpan) is { } value)
                    {
                        option.Property.SetValue(record, value);
                    }
                }
                else if (option.Required)
                {
                    bag.AddError(where, "ETL2005", $"the option '{name}' is required", option.Attribute.Description);
                }
            }

            if (bag.ErrorCount == before)
            {
                Rules(options, record, map, where, path);
            }

            return bag.ErrorCount == before ? record : null;
        }

        private object? Value(YamlNode node, OptionType type, OptionAttribute attribute, string path, SourceSpan keySpan)
        {
            if (node is YamlScalar { IsEmpty: true } empty)
            {
                bag.AddError(
                    empty.Value.Length == 0 ? keySpan : empty.Span, "ETL2006", $"'{path}' has no value",
                    type.Kind == OptionKind.Text ? "Remove it, or write \"\" for an empty text." : $"Remove it, or write {ScalarOption.Noun(type)}.");
                return null;
            }

            switch (type.Kind, node)
            {
                case (OptionKind.List, YamlList list):
                    return List(list, type, attribute, path);
                case (OptionKind.Map, YamlMap map):
                    return Map(map, type, attribute, path);
                case (OptionKind.Record, YamlMap map):
                    return Record(type.Record!, map, keySpan, path);
                case (not (OptionKind.List or OptionKind.Map or OptionKind.Record), YamlScalar scalar):
                    return Single(scalar, type, attribute, path);
                default:
                    var hint = (type.Kind, node) switch
                    {
                        (OptionKind.List, YamlScalar one) => $"Write [{one.Written}].",
                        (not OptionKind.List, YamlList { Items.Count: 1 }) when type.Kind is not (OptionKind.Map or OptionKind.Record) => "Remove the brackets or the dash.",
                        (OptionKind.Record, _) => $"Options are: {string.Join(", ", type.Record!.Names)}.",
                        _ => null,
                    };
                    bag.AddError(node.Span, "ETL2002", $"'{path}' must be {ScalarOption.Noun(type)}, and this is {node.Kind}", hint);
                    return null;
            }
        }

        private object? Single(YamlScalar scalar, OptionType type, OptionAttribute attribute, string path)
        {
            if (attribute.Secret)
            {
                if (!scalar.Substituted.HasFlag(Substitution.Reference))
                {
                    bag.AddError(scalar.Span, "ETL2008", $"'{path}' is a secret and must not stand in a file", "Write \"${NAME}\", and set NAME in the environment or in .env; or \"${file:PATH}\".");
                    return null;
                }

                redactor?.Register(scalar.Value);
            }

            if ((attribute.Sql || attribute.Identifier) && scalar.Substituted.HasFlag(Substitution.Template))
            {
                bag.AddError(
                    scalar.Span, "ETL2007", $"a template {{{{ }}}} is not allowed in '{path}'",
                    attribute.Sql ? "In SQL write $name: a parameter, bound with its type." : "Names are written out, so that what a pipeline touches can be read.");
                return null;
            }

            if (attribute.Sql && scalar.Substituted.HasFlag(Substitution.Reference))
            {
                bag.AddError(scalar.Span, "ETL2007", $"a reference ${{ }} is not allowed in '{path}'", "In SQL write $name: a parameter, bound with its type.");
                return null;
            }

            var (value, problem) = ScalarOption.Read(scalar, type, attribute);
            if (problem is { } p)
            {
                // The text as written: the value may come from a secret.
                bag.AddError(scalar.Span, p.Code, $"'{path}' is '{Short(scalar.Written)}'; it must be {p.Expected}", p.Hint);
            }

            return value;
        }

        private IList List(YamlList list, OptionType type, OptionAttribute attribute, string path)
        {
            var values = (IList)Activator.CreateInstance(typeof(List<>).MakeGenericType(type.Element!.Clr))!;
            for (var i = 0; i < list.Items.Count; i++)
            {
                if (Value(list.Items[i], type.Element, attribute, $"{path}[{i}]", list.Items[i].Span) is { } value)
                {
                    values.Add(value);
                }
            }

            return values;
        }

        private IDictionary Map(YamlMap map, OptionType type, OptionAttribute attribute, string path)
        {
            var values = (IDictionary)Activator.CreateInstance(typeof(OrderedDictionary<,>).MakeGenericType(typeof(string), type.Element!.Clr))!;
            foreach (var entry in map.Entries)
            {
                if (Value(entry.Value, type.Element, attribute, Join(path, entry.Key), entry.KeySpan) is { } value)
                {
                    values.Add(entry.Key, value);
                }
            }

            return values;
        }

        private void Rules(OptionSet options, object record, YamlMap map, SourceSpan where, string path)
        {
            foreach (var failure in options.Rules.SelectMany(r => r.Validate(new ValidationContext<object>(record)).Errors))
            {
                var option = OptionPath.FromProperty(failure.PropertyName);
                var span = option.Length > 0 && map.Find(OptionPath.First(option)) is { } entry ? SpanOfRule(map, option, entry) : where;
                var subject = option.Length == 0 ? "" : $"'{Join(path, option)}' ";
                bag.AddError(span, "ETL2010", $"{subject}{failure.ErrorMessage.TrimEnd('.')}");
            }
        }

        // A scalar is known by its key; a long mapping or list by the part that is wrong.
        private static SourceSpan SpanOfRule(YamlMap map, string option, YamlEntry entry) =>
            option.Contains('[', StringComparison.Ordinal) || option.Contains('.', StringComparison.Ordinal) ? SpanOf(map, option) : entry.Value.Span;

        private static string Join(string path, string name) => path.Length == 0 ? name : $"{path}.{name}";

        private static string Short(string text) => text.Length <= 60 ? text : $"{text[..57]}...";
    }
}
