"""``crmlab plugins``: list the plugins, and check each."""

from __future__ import annotations

import sys

import click


@click.group(invoke_without_command=True)
@click.pass_context
def plugins(ctx: click.Context) -> None:
    """列出插件。 List the plugins, importing none."""
    if ctx.invoked_subcommand is not None:
        return
    from crmlab.registry import REGISTRIES

    rows = [
        (r.group.removeprefix("crmlab."), i.name, f"{i.distribution} {i.version}", i.target)
        for r in REGISTRIES
        for i in r.info()
    ]
    widths = [max(len(row[place]) for row in rows) for place in range(4)]
    for row in rows:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


@plugins.command()
def check() -> None:
    """逐个检查插件。 Import and check each plugin; one that is broken stops no other."""
    from crmlab.registry import REGISTRIES
    from crmlab.trial import trial

    failed = 0
    for registry in REGISTRIES:
        for name in registry:
            try:
                trial(registry[name])
            except (Exception, SystemExit) as error:  # whatever a plugin does, the others are checked
                failed += 1
                click.secho(f"broken  {registry.group} {name}: {error}", fg="red")
            else:
                click.echo(f"ok      {registry.group} {name}")
    if failed:
        click.secho(f"{failed} broken", fg="red")
        sys.exit(2)
