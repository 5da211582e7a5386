"""The commands of the command line, a module per subject; each imports what it needs when called."""

from __future__ import annotations

from pathlib import Path

import click

runs_option = click.option(
    "--runs",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("runs"),
    show_default=True,
    help="Where runs are kept. 结果目录。",
)
"""Option of every command that reads or writes runs."""
