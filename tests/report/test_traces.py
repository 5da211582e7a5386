"""No folder of the machine and no secret stays in what a notebook printed."""

from __future__ import annotations

import base64
import sys
import tempfile
from pathlib import Path
from typing import Any

import nbformat
import nbformat.v4 as v4
import polars as pl
import pytest

import crmlab
from crmlab.labels import Text
from crmlab.report.traces import Traces
from crmlab.view.html import MIME
from crmlab.view.tables import Column, Table

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


@pytest.mark.parametrize(
    "written",
    [
        'p@ss w"rd/ü',
        "p%40ss%20w%22rd%2F%C3%BC",
        "p%40ss+w%22rd%2F%C3%BC",
        "p@ss w&quot;rd/ü",
        'p@ss w\\"rd/ü',
        'p@ss w\\"rd/\\u00fc',
        "cEBzcyB3InJkL8O8",
    ],
)
def test_a_secret_is_found_however_it_is_written(written: str) -> None:
    traces = Traces(secrets={'p@ss w"rd/ü': "env:PASSWORD"})
    assert traces.without(f"mysql://me:{written}@host") == "mysql://me:<env:PASSWORD>@host"


@pytest.mark.parametrize("user", ["u", "us", "use", "user"])
def test_a_secret_is_found_inside_base64(user: str) -> None:
    header = base64.b64encode(f"{user}:s3same-open!:more".encode()).decode()
    shown = Traces(secrets={"s3same-open!": "env:PASSWORD"}).without(f"Authorization: Basic {header}")
    before, found, after = shown.removeprefix("Authorization: Basic ").partition("<env:PASSWORD>")
    assert found
    # At the edges a character stands for bits of the secret and of its neighbour.
    assert header.startswith(before)
    assert header.endswith(after)
    assert len(header) - len(before) - len(after) >= len("s3same-open!") * 4 // 3 - 2


@pytest.mark.parametrize(
    "address",
    [
        "postgres://me:p%40ss-word@host:5432/crm",
        "Server=host;Uid=me;Pwd=p@ss-word;",
        "host=h password=p@ss-word",
    ],
)
def test_the_password_of_an_address_is_a_secret_by_itself(address: str) -> None:
    traces = Traces(secrets={address: "env:DSN"})
    assert traces.without(f"no {address}!") == "no <env:DSN>!"
    assert traces.without("wrong: p@ss-word, p%40ss-word") == "wrong: <env:DSN>, <env:DSN>"


def _notebook(*outputs: Any) -> Any:
    cells = [
        v4.new_code_cell("call('13812345678')", metadata={"note": "a@example.com"}, outputs=list(outputs))
    ]
    return v4.new_notebook(cells=cells, metadata={"papermill": {"parameters": {"path": "13812345678.csv"}}})


def test_contacts_are_masked_in_every_output_and_in_metadata() -> None:
    table = Table(
        pl.DataFrame({"who": ["13812345678"]}), [Column("who", Text("谁", "Who"))], Text("表", "Table")
    )
    chart = {
        "$schema": "https://vega.github.io/schema/vega-lite/v5.json",
        "title": {"text": "打13812345678"},
        "description": "a@example.com",
        "data": {"name": "data-a13812345678f"},
        "encoding": {"x": {"field": "who", "title": "13812345678"}},
        "datasets": {
            "data-a13812345678f": [{"who": "13812345678", "n": 13812345678, "13912345678": "x"}],
        },
    }
    html = '<b title="13812345678">a@example.com</b>'
    notebook = _notebook(
        v4.new_output("stream", text="13812345678"),
        v4.new_output("error", ename="E", evalue="13812345678", traceback=["13812345678"]),
        v4.new_output("display_data", data=table._repr_mimebundle_()),
        v4.new_output(
            "display_data", data={"application/vnd.vegalite.v5+json": chart, "text/plain": "a@example.com"}
        ),
        v4.new_output("display_data", data={"text/html": html, "image/png": "MTM4MTIzNDU2Nzg="}),
    )
    Traces().leave(notebook)
    said = nbformat.writes(notebook)
    assert said.count("13812345678") == 3  # a number, and twice the name of a data set
    assert "a@example.com" not in said
    assert "13912345678" not in said
    drawn = notebook.cells[0].outputs[3].data["application/vnd.vegalite.v5+json"]
    assert drawn["datasets"]["data-a13812345678f"] == [{"who": "[phone]", "n": 13812345678, "[phone]": "x"}]
    assert drawn["data"] == chart["data"]
    assert "<td" not in notebook.cells[0].outputs[2].data["text/html"].split("[phone]")[0].rsplit("<th", 1)[1]


def test_contacts_are_masked_in_views_that_are_not_ours() -> None:
    bundle = {MIME: {"view": "strange", "who": "13812345678"}, "text/html": "<b>13812345678</b>"}
    notebook = _notebook(v4.new_output("display_data", data=bundle))
    Traces().leave(notebook)
    assert notebook.cells[0].outputs[0].data["text/html"] == "<b>[phone]</b>"


def test_a_study_that_shows_ids_or_quotes_keeps_them_in_results_only() -> None:
    notebook = _notebook(
        v4.new_output("display_data", data={"text/plain": "13812345678"}),
        v4.new_output("stream", text="13812345678"),
    )
    Traces(results=False).leave(notebook)
    shown, stream = notebook.cells[0].outputs
    assert (shown.data["text/plain"], stream.text) == ("13812345678", "[phone]")


def test_outputs_without_contacts_are_left_as_they_are() -> None:
    table = Table(pl.DataFrame({"n": [1]}), [Column("n", Text("数", "N"), "integer")], Text("表", "Table"))
    bundle = table._repr_mimebundle_()
    notebook = _notebook(v4.new_output("display_data", data=dict(bundle)))
    Traces().leave(notebook)
    assert notebook.cells[0].outputs[0].data == bundle
