"""No folder of the machine and no secret stays in what a notebook printed."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import nbformat.v4 as v4
import pytest

import crmlab
from crmlab.report.traces import Traces

TRACES = Traces(
    {"/data/crm/runs/.run-1": "<run>", "/data/crm": "<study>"},
    {"s3same!": "env:PASSWORD", "a b": "env:OTHER"},
)


@pytest.mark.parametrize(
    ("text", "short"),
    [
        ("File \x1b[32m/data/crm/runs/.run-1/a.xlsx:3\x1b[39m", "File \x1b[32m<run>/a.xlsx:3\x1b[39m"),
        ("no /data/crm/orders.csv", "no <study>/orders.csv"),
        ("no '/data/crm'", "no '<study>'"),
        ("/data/crm-2/orders.csv", "/data/crm-2/orders.csv"),
        (f"{Path(crmlab.__file__).parent}/lab.py", "crmlab/lab.py"),
        (f"{sys.prefix}/lib/x.py", "<python>/lib/x.py"),
        (f"{Path.home()}/notes", "~/notes"),
        (f"{tempfile.gettempdir()}/ipykernel_71/9.py:1: UserWarning", "<cell>:1: UserWarning"),
        ("postgres://me:s3same!@host", "postgres://me:<env:PASSWORD>@host"),
        ("3/4 of all", "3/4 of all"),
    ],
)
def test_messages_keep_neither_folders_nor_secrets(text: str, short: str) -> None:
    assert TRACES.without(text) == short


def test_outputs_lose_secrets_everywhere_and_folders_where_python_speaks() -> None:
    outputs = [
        v4.new_output("stream", name="stderr", text="/data/crm/x.py s3same!"),
        v4.new_output("error", ename="E", evalue="/data/crm/y", traceback=["/data/crm/z"]),
        v4.new_output(
            "display_data", data={"text/plain": "wrote /data/crm", "application/json": {"k": ["a b"]}}
        ),
    ]
    notebook = v4.new_notebook(cells=[v4.new_markdown_cell("text"), v4.new_code_cell("x", outputs=outputs)])
    TRACES.leave(notebook)
    stream, error, result = notebook.cells[1].outputs
    assert stream.text == "<study>/x.py <env:PASSWORD>"
    assert (error.evalue, error.traceback) == ("<study>/y", ["<study>/z"])
    assert result.data == {"text/plain": "wrote /data/crm", "application/json": {"k": ["<env:OTHER>"]}}
