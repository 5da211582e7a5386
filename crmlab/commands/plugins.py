"""``crmlab plugins``: list the plugins, and check each."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from crmlab.registry import Registry


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
@click.argument("names", nargs=-1, metavar="[NAME]...")
def check(names: tuple[str, ...]) -> None:
    """逐个检查插件。 Import and check each plugin, or those named; one that is broken stops no other.

    全部检查约需一分钟；写插件时只检查自己的：`crmlab plugins check 名称`。

    All of them take about a minute; while you write one: `crmlab plugins check NAME`.
    """
    from tqdm import tqdm

    from crmlab.conformance_tools import note_light_imports
    from crmlab.trial import trial

    chosen = _chosen(names)
    modules = [i.target.partition(":")[0] for r, name in chosen for i in r.info() if i.name == name]
    failed = 0
    quiet = not sys.stderr.isatty()
    with tqdm(total=len(chosen), unit="plugin", file=sys.stderr, disable=quiet, leave=False) as bar:
        note_light_imports(modules, tuple(sys.path))
        for registry, name in chosen:
            bar.set_description(name)
            try:
                trial(registry[name])
            except (Exception, SystemExit) as error:  # whatever a plugin does, the others are checked
                failed += 1
                told = click.style(f"broken  {registry.group} {name}: {error}", fg="red")
            else:
                told = f"ok      {registry.group} {name}"
            with bar.external_write_mode():
                click.echo(told)
            bar.update()
    if failed:
        click.secho(f"{failed} broken", fg="red")
        sys.exit(2)


def _chosen(names: tuple[str, ...]) -> list[tuple[Registry[Any], str]]:
    """Return the plugins of these names, of whatever kind; all where none is named."""
    from crmlab.errors import UnknownPluginError, did_you_mean
    from crmlab.registry import REGISTRIES

    every = [(registry, name) for registry in REGISTRIES for name in registry]
    known = {name for _, name in every}
    for name in names:
        if name not in known:
            raise UnknownPluginError(
                f"No plugin is named {name!r}.{did_you_mean(name, known)} `crmlab plugins` lists them."
            )
    return [(registry, name) for registry, name in every if not names or name in names]
