"""The same parameters, data and code give the same tables to the byte, and pages without a trace of when."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from torture.world import World, record

WORKS = """
import polars as pl
import crmlab
lab = crmlab.open("report", study="tiny", data=data, as_of=as_of, language="en", reports={"report": None})
lab.classify("rfm").labels
"""
CHART = """
import altair as alt
alt.Chart(lab.tables["orders"]).mark_bar().encode(x="customer_id", y="sum(amount_hundredths):Q")
"""
SHOWS = "lab.definitions()\n"
MARKS = ("papermill", "execution")
"""What an executed notebook says of when it ran; the page and the tables say none of it."""


@pytest.fixture(scope="module")
def twice() -> Iterator[tuple[Path, Path]]:
    """Two runs of one study in two worlds, of which the second has another engine, folder, and zone."""
    made: list[World] = []
    rows = [(f"o{n},c{n * n % 97}", f"2024-0{1 + n % 6}-{1 + n % 28:02}", n * 37 % 400) for n in range(600)]
    lines = [f"{ids},{day},{amount + 10}.5" for ids, day, amount in rows]
    for engine, zone, seed in (("fork", "UTC", "1"), ("plain", "Asia/Shanghai", "7")):
        world = World()
        world.study({"report": [WORKS, CHART, SHOWS, "lab.save()"]}, "data = []")
        text = "\n".join(["order_id,customer_id,order_date,amount", *lines, ""])
        (world.folder / "orders.csv").write_text(text, encoding="utf-8")
        (world.runs / ".crmlab").mkdir(parents=True)
        for earlier in made[:1]:
            shutil.copy(earlier.runs / ".crmlab" / "key", world.runs / ".crmlab" / "key")
        variables = {"TZ": zone, "PYTHONHASHSEED": seed, "POLARS_MAX_THREADS": seed}
        code, said = world.run("--engine", engine, **variables)
        assert code == 0, said
        made.append(world)
    yield tuple(world.published()[0] for world in made)
    for world in made:
        world.end()


def files(folder: Path, *kinds: str) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.suffix in kinds
    }


def test_tables_workbook_and_state_are_the_same_bytes(twice: tuple[Path, Path]) -> None:
    first, second = (files(folder, ".parquet", ".csv", ".xlsx") for folder in twice)
    assert len(first) > 2
    assert any(name.endswith(".xlsx") for name in first)
    assert first == second
    states = [files(folder / "state", ".json", ".parquet", ".txt") for folder in twice]
    assert states[0]
    assert states[0] == states[1]


def test_the_page_is_the_same_bytes(twice: tuple[Path, Path]) -> None:
    first, second = ((folder / "report.html").read_bytes() for folder in twice)
    assert b'<figure class="crm-chart">' in first
    assert first == second


def test_notebooks_differ_in_when_alone(twice: tuple[Path, Path]) -> None:
    documents = [json.loads((folder / "report.ipynb").read_text(encoding="utf-8")) for folder in twice]
    for document in documents:
        for part in (document, *document["cells"]):
            for mark in MARKS:
                part["metadata"].pop(mark, None)
            if "injected-parameters" in part["metadata"].get("tags", []):
                part.pop("id")  # papermill throws dice for it
    for first, second in zip(*(document["cells"] for document in documents), strict=True):
        assert first == second
    assert documents[0] == documents[1]


def test_manifests_differ_in_when_alone(twice: tuple[Path, Path]) -> None:
    """The times, and the hash of the notebook, which holds the times of its cells."""
    told = []
    for folder in twice:
        manifest = record(folder)
        text = json.dumps({**manifest, "comparison": None}, sort_keys=True)
        notebook = next(o for o in manifest["reports"][0]["outputs"] if o["path"] == "report.ipynb")
        for moment in (manifest["run"], manifest["batch"], manifest["started_at"], manifest["finished_at"]):
            text = text.replace(moment, "WHEN")
        text = text.replace(notebook["sha256"], "NOTEBOOK")
        text = re.sub(rf'"bytes": {notebook["bytes"]}\b', '"bytes": NOTEBOOK', text)
        told.append(re.sub(r'"seconds": [\d.]+', '"seconds": 0', text))
    assert told[0] == told[1]
