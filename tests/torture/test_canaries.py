"""A secret and a person are in no artefact, log or traceback, however loudly a notebook fails.

That every column, text and parameter is masked in what a report shows is looked at in tests/report; here it
is what goes past the report: the terminal, child processes, errors of plugins, and ends without an error.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.canary_scanner import found_in, found_in_text
from torture.world import World, statuses

SECRET = "sesame-5f2d91+Ü&"
PHONE, MAIL, NAME = "13987654321", "kanari.person@pii.example.com", "鲜于梓宸"
CANARIES = (SECRET, PHONE, MAIL, NAME)

PLUGIN = f'''
import os, sys, time
import crmlab, polars as pl
from crmlab import Classifier, Label, Scheme, Source, Text

class Shop(Source):
    """A shop behind a password, which tells it to everybody."""
    title = Text("商店", "Shop")
    tables = ("customers", "orders")
    origin = Text("商店", "Shop")
    password: str
    how: str = "read"

    def read(self):
        if self.how == "raise":
            raise ValueError(f"login with {{self.password}} was refused for {MAIL}")
        if self.how == "cause":
            try:
                raise OSError(self.password)
            except OSError as error:
                raise RuntimeError("no shop for {PHONE}") from error
        if self.how == "hang":
            print(self.password, "{PHONE}", file=sys.stderr, flush=True)
            time.sleep(600)
        if self.how == "die":
            os.write(2, (self.password + "{PHONE}").encode())
            os._exit(1)
        people = {{"customer_id": ["{NAME}1", "c2"], "name": ["{NAME}", "欧阳娜"], "mobile": ["{PHONE}", ""]}}
        orders = {{"order_id": ["1", "2"], "customer_id": ["{NAME}1", "c2"], "amount": ["1", "2"]}}
        return {{
            "customers": pl.LazyFrame(people),
            "orders": pl.LazyFrame(orders).with_columns(ordered_at=pl.lit("2024-01-01")),
        }}

crmlab.sources.register("shop")(Shop)

@crmlab.classifiers.register("nosy")
class Nosy(Classifier):
    """Fails with what it knows."""
    title = Text("多嘴", "Nosy")
    requires = ("order_count", "name")
    scheme = Scheme("nosy", "多嘴", "Nosy", (Label("a", "甲", "A"), Label("b", "乙", "B")))

    def _predict(self, features):
        raise KeyError(f"{{features.rows()}}")

@crmlab.classifiers.register("astray")
class Astray(Nosy):
    """Takes names for labels."""
    def _predict(self, features):
        return features["name"]
'''
OPEN = """
import crmlab
lab = crmlab.open("r", study="tiny", data=data, as_of=as_of, plugin_folder=plugin_folder, classifiers={})
lab.tables["customers"]
secret = lab.tables.sources[0].password
name, phone = lab.tables["customers"].select("name", "mobile").row(0)
"""
SHOUTS = """
import logging, os, subprocess, sys
logging.warning(secret + phone)
print(secret, phone, flush=True)
print(secret, phone, file=sys.stderr, flush=True)
print(secret, phone, file=sys.__stdout__, flush=True)
print(secret, phone, file=sys.__stderr__, flush=True)
os.write(1, (secret + phone).encode())
os.write(2, (secret + phone).encode())
subprocess.run(["echo", secret + phone])
subprocess.run([sys.executable, "-c", f"raise SystemExit({secret + phone!r})"])
import time; time.sleep(0.5)
"""
# The last cells of a report, its settings, and how it ends.
REPORTS: dict[str, tuple[list[str], str, str]] = {
    "shouting": ([SHOUTS], "read", "done"),
    "raising": (["raise ValueError(f'{secret} {phone} {name}')"], "read", "error"),
    "nosy": (["lab.classify('nosy')"], "read", "error"),
    "astray": (["lab.classify('astray')"], "read", "error"),
    "exiting": (["import sys; sys.exit(f'{secret} {phone} {name}')"], "read", "exited"),
    "killing": (
        ["import os\nprint(secret, phone)\nos.kill(os.getpid(), 9)"],
        "read",
        "kernel_died",
    ),
    "refused": ([], "raise", "error"),
    "caused": ([], "cause", "error"),
    "hanging": ([], "hang", "timeout"),
    "dying": ([], "die", "kernel_died"),
}


@pytest.fixture(scope="module")
def ended() -> Iterator[tuple[World, str]]:
    """One run with all of these reports, and what it said on the terminal."""
    world = World()
    (world.folder / "plugins").mkdir()
    (world.folder / "plugins" / "shop.py").write_text(PLUGIN, encoding="utf-8")
    shops = {
        report: {"data": [{"source": "shop", "password": "env:SHOP_PASSWORD", "how": how}]}
        for report, (_, how, _) in REPORTS.items()
    }
    shops["hanging"] |= {"cell_timeout": 12}
    world.study(
        {report: [OPEN, *cells] for report, (cells, _, _) in REPORTS.items()},
        "data = []\nplugin_folder = None",
        each=shops,
        data=[{"source": "shop", "password": "env:SHOP_PASSWORD"}],
        plugin_folder="plugins",
    )
    code, said = world.run("--engine", "fork", "--language", "zh", SHOP_PASSWORD=SECRET)
    assert code == 1, said
    yield world, said
    world.end()


def test_the_reports_ended_as_they_should(ended: tuple[World, str]) -> None:
    """Otherwise there would be nothing to find."""
    world, _ = ended
    (folder,) = world.published()
    assert statuses(folder) == {report: status for report, (_, _, status) in REPORTS.items()}


def test_the_terminal_tells_nothing(ended: tuple[World, str]) -> None:
    _, said = ended
    assert "shouting" in said
    assert found_in_text(said, CANARIES) == []
    assert "Traceback" not in said


def test_no_file_tells_anything(ended: tuple[World, str]) -> None:
    world, _ = ended
    files = [path for path in world.runs.rglob("*") if path.is_file() and path.suffix != ".parquet"]
    assert {path.suffix for path in files} >= {".html", ".ipynb", ".json"}
    assert [hit for path in files for hit in found_in(path, CANARIES)] == []


def test_what_was_masked_is_shown_as_masked(ended: tuple[World, str]) -> None:
    world, _ = ended
    (folder,) = world.published()
    page = (folder / "shouting.html").read_text(encoding="utf-8")
    assert page.count("env:SHOP_PASSWORD") >= 4
    assert (folder / "hanging.html").read_text(encoding="utf-8").count("Shop (&#39;shop&#39; of shop.py") >= 1


def test_temporary_files_tell_nothing(ended: tuple[World, str]) -> None:
    world, _ = ended
    left = [path for path in world.temporary.rglob("*") if path.is_file()]
    assert [hit for path in left for hit in found_in(path, CANARIES)] == []
