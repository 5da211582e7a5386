"""``crmlab schema``: what a study may hold, for editors."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.option(
    "--output",
    "-o",
    type=click.Path(path_type=Path, dir_okay=False),
    help="File to write instead of the screen. 写入文件。",
)
def schema(output: Path | None) -> None:
    """输出 JSON Schema。 Write the JSON schema of a study, for editors.

    In VS Code, with the YAML extension: put `# yaml-language-server: $schema=study.schema.json` on top
    of the study.
    """
    import json

    from crmlab.params import json_schema

    text = json.dumps(json_schema(), ensure_ascii=False, indent=1) + "\n"
    if output is None:
        click.echo(text, nl=False)
        return
    try:
        output.write_text(text, encoding="utf-8")
    except OSError as error:
        raise click.FileError(str(output), error.strerror) from None
