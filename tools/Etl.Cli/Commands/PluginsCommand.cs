using System.CommandLine;
using System.Text;
using Etl.Contracts;
using Etl.Runtime.Reports;

namespace Etl.Cli.Commands;

/// <summary><c>etl plugins list</c>, <c>etl plugins describe NAME</c>, <c>etl plugins lock</c>.</summary>
internal static class PluginsCommand
{
    private static readonly Argument<string> Name = new("name") { Description = "A component, as a pipeline writes it.", HelpName = "NAME" };

    public static Command Create(CliHost host)
    {
        var list = new Command("list", "Lists all components.") { SharedOptions.Plugins };
        host.Handle(list, async call =>
        {
            WriteList(call, await call.App.ListComponentsAsync(call.Scope, call.Cancel));
            return ExitCode.Done;
        });

        var describe = new Command("describe", "Shows the options of a component.") { Name, SharedOptions.Plugins };
        host.Handle(describe, async call =>
        {
            var name = call.Parse.GetRequiredValue(Name);
            var found = await call.App.DescribeComponentsAsync(call.Scope, name, call.Cancel);
            if (found.Count == 0)
            {
                throw new EtlException("ETL4603", $"there is no component '{name}'", "`etl plugins list` shows all.");
            }

            WriteDetails(call, found);
            return ExitCode.Done;
        });

        var seal = new Command("lock", "Writes plugins.lock beside etl.yaml: from then on, plugins run only as they are now.") { SharedOptions.Plugins };
        host.Handle(seal, async call =>
        {
            var written = await call.App.LockPluginsAsync(call.Scope, call.Cancel);
            if (call.Json)
            {
                call.PrintJson(new { Version = 1, written.Path, written.Plugins });
            }
            else
            {
                call.Print($"{written.Path}: {(written.Plugins.Count == 0 ? "no plugins but those of the program" : string.Join(", ", written.Plugins))}\n");
            }

            return ExitCode.Done;
        });
        return new Command("plugins", "Shows what pipelines can use, and pins it.") { list, describe, seal };
    }

    private static void WriteList(Invocation call, IReadOnlyList<ComponentSummary> components)
    {
        if (call.Json)
        {
            call.PrintJson(new { Version = 1, Components = components });
            return;
        }

        var table = new TextTable("kind", "name", "for", "", "plugin");
        foreach (var c in components)
        {
            table.Add(c.Kind, c.Name, c.For ?? "", c.Summary, c.Plugin);
        }

        var text = new StringBuilder();
        table.AppendTo(text);
        call.Print(text.ToString());
    }

    private static void WriteDetails(Invocation call, IReadOnlyList<ComponentDetails> components)
    {
        if (call.Json)
        {
            call.PrintJson(new { Version = 1, Components = components });
            return;
        }

        var text = new StringBuilder();
        foreach (var (component, options) in components)
        {
            text.Append(text.Length == 0 ? "" : "\n")
                .Append($"{component.Kind} {component.Name}{(component.For is null ? "" : $" for {component.For}")}, of {component.Plugin}\n{component.Summary}\n");
            var table = new TextTable("option", "type", "default", "");
            foreach (var o in options)
            {
                table.Add(o.Name, o.Type, o.Required ? "(required)" : o.Default ?? "", o.Description + (o.Example is null ? "" : $" Example: {o.Example}"));
            }

            if (options.Count > 0)
            {
                table.AppendTo(text.Append('\n'));
            }
        }

        call.Print(text.ToString());
    }
}
