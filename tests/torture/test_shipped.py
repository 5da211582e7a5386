"""Every notebook that is shipped, on a whole company: the same bytes twice, and nobody who may not leave."""

from __future__ import annotations

import csv
import hashlib
import http.server
import json
import os
import re
import shutil
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from crmlab.data.samples.writer import write_company
from tests.canary_scanner import found_in
from torture.world import World, record, statuses, write_notebook

NOTEBOOKS = sorted(path.stem for path in (Path(__file__).resolve().parents[2] / "notebooks").glob("*.ipynb"))
COMPANY = {
    "as_of": "2024-12-31",
    "compare_as_of": "2024-09-30",
    "language": "zh",
    "schemes": ["rfm", "abc", "status", "feedback", "kmeans"],
    "reports": dict.fromkeys(NOTEBOOKS),
}


def written(world: World, name: str, **settings: Any) -> None:
    """Write a company of 300 people into the world, and a study that shows it in every notebook."""
    write_company(world.folder / "company", 300, seed=5)
    study = yaml.safe_load((world.folder / "company" / "company.yaml").read_text(encoding="utf-8"))
    for given in study["data"][0]["files"].values():
        given["path"] = f"company/{given['path']}"
    text = yaml.safe_dump({**study, **COMPANY, "study": name, **settings}, allow_unicode=True)
    (world.folder / "study.yaml").write_text(text, encoding="utf-8")


# --- the same bytes --------------------------------------------------------------------------------

WAYS = (
    ("fork", "2", {"TZ": "UTC", "PYTHONHASHSEED": "1", "POLARS_MAX_THREADS": "1", "LC_ALL": "C.UTF-8"}),
    ("plain", "1", {"TZ": "Asia/Kathmandu", "PYTHONHASHSEED": "7", "POLARS_MAX_THREADS": "5"}),
)
WHEN = ("papermill", "execution")
# Groups come in any order, and mostly in the same: here they come in one that is certainly another.
TURNED = """
import polars as pl

group_by, unique, expression_unique = pl.LazyFrame.group_by, pl.LazyFrame.unique, pl.Expr.unique

def grouped(self, *by, maintain_order=False, **named):
    made = group_by(self, *by, maintain_order=True, **named)
    if not maintain_order:
        agg = made.agg
        made.agg = lambda *each, **more: agg(*each, **more).reverse()
    return made

def different(self, subset=None, *, keep="any", maintain_order=False):
    made = unique(self, subset, keep="last" if keep == "any" else keep, maintain_order=True)
    return made if maintain_order else made.reverse()

def values(self, *, maintain_order=False):
    made = expression_unique(self, maintain_order=True)
    return made if maintain_order else made.reverse()

pl.LazyFrame.group_by, pl.LazyFrame.unique, pl.Expr.unique = grouped, different, values
"""


@pytest.mark.torture
def test_every_notebook_gives_the_same_bytes(figures: dict[str, Any]) -> None:
    """Whatever the engine, the folder, the time zone, the hash seed, the threads, and the order of groups."""
    worlds = [World() for _ in WAYS]
    try:
        folders: list[Path] = []
        for world, (engine, jobs, variables) in zip(worlds, WAYS, strict=True):
            written(world, "tiny")
            (world.runs / ".crmlab").mkdir(parents=True)
            if folders:
                shutil.copy(worlds[0].runs / ".crmlab" / "key", world.runs / ".crmlab" / "key")
                (world.folder / "site").mkdir()
                (world.folder / "site" / "sitecustomize.py").write_text(TURNED, encoding="utf-8")
                paths = [str(world.folder / "site"), os.environ.get("PYTHONPATH", "")]
                variables["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
            code, said = world.run("--engine", engine, "--jobs", jobs, **variables)
            assert code == 0, said
            folders += world.published()
        first, second = (dict(contents(folder)) for folder in folders)
        assert first.keys() == second.keys()
        assert {path.partition(".")[0] for path in first if path.endswith(".html")} == set(NOTEBOOKS)
        assert [path for path in first if first[path] != second[path]] == []
        kinds = [path.rpartition(".")[2] for path in first]
        figures["the same bytes twice"] = {
            "notebooks": len(NOTEBOOKS),
            **{f"{kind} files": kinds.count(kind) for kind in sorted(set(kinds))},
        }
    finally:
        for world in worlds:
            world.end()


def contents(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Give path and sha256 of each file but the manifest; notebooks without the moments of their cells."""
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        data = path.read_bytes()
        if path.suffix == ".ipynb":
            document = json.loads(data)
            for part in (document, *document["cells"]):
                for mark in WHEN:
                    part["metadata"].pop(mark, None)
                if "injected-parameters" in part["metadata"].get("tags", []):
                    part.pop("id")  # papermill throws dice for it
            data = json.dumps(document, sort_keys=True).encode()
        if path.name != "manifest.json":
            yield path.relative_to(folder).as_posix(), hashlib.sha256(data).digest()


# --- what may not leave ----------------------------------------------------------------------------

PASSWORD, TOKEN = "sesame-5f2d91+Ü&/", "k4nari-t0ken-77c1"
FORMULA, SCRIPT = "=cmd|'/C calc'!A0", "<script>document.title='PWNED'</script><img src=x onerror=alert(1)>"
OPEN = """
import crmlab
lab = crmlab.open("broken", study=study, data=data, as_of=as_of, plugin_folder=plugin_folder)
people, feedback = lab.tables["customers"], lab.tables["feedback"]
row = people.filter(people["identity_number"].is_not_null()).row(0, named=True)
"""
BROKEN = {
    "quoting": [OPEN, "raise ValueError(f'cannot use {row} with {feedback.row(0)}')"],
    # Of what an analyst prints, contacts alone are masked; names in prints are said to stay (privacy.md).
    "printing": [
        OPEN,
        "import sys\ncontacts = [row[name] for name in ('mobile', 'email', 'identity_number')]\n"
        "print(contacts)\nprint(contacts, file=sys.stderr)\nfeedback['text'][0]",
    ],
    "plugin": [OPEN, "lab.classify('nosy')"],
    "database": [OPEN],
}
NOSY = '''
import polars as pl
import crmlab
from crmlab import Classifier, Label, Scheme, Text

@crmlab.classifiers.register("nosy")
class Nosy(Classifier):
    """Fails with what it knows."""
    title = Text("多嘴", "Nosy")
    requires = ("order_count", "name", "mobile")
    scheme = Scheme("nosy", "多嘴", "Nosy", (Label("a", "甲", "A"), Label("b", "乙", "B")))

    def _predict(self, features):
        raise RuntimeError(f"nobody like {features.rows()}")
'''


class Robot(http.server.BaseHTTPRequestHandler):
    """Keeps what it is told."""

    heard: list[str]

    def do_POST(self) -> None:
        self.heard.append(self.rfile.read(int(self.headers["Content-Length"])).decode())
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b'{"errcode": 0}')

    def log_message(self, *_: object) -> None:
        """Be quiet."""


@pytest.fixture
def robot() -> Iterator[tuple[str, list[str]]]:
    """A server for messages: its address, and what it has heard."""
    heard: list[str] = []
    kind = type("Hearing", (Robot,), {"heard": heard})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), kind) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}/send?key={TOKEN}", heard
        server.shutdown()


def planted(folder: Path) -> list[str]:
    """Give everybody a name, a messenger id and contacts in their texts; return all that names somebody."""
    path = folder / "customers.csv"
    with path.open(encoding="utf-8-sig", newline="") as file:
        people = list(csv.DictReader(file))
    marks, canaries = "梓宸晗昱霖钰琛懿岚翊", set()
    for place, person in enumerate(people):
        person["姓名"] = "鲜于" + "".join(marks[place // 10**power % 10] for power in (2, 1, 0))
        person["微信号"] = f"wxkanari{place:05d}"
        person["手机"] = f"139{(place + 7) * 46_337 % 100_000_000:08d}"
        person["备注"] = f"{FORMULA} {SCRIPT}"
        if place % 3 == 0:
            person["省"] = SCRIPT if place % 2 else FORMULA
        known = ("姓名", "微信号", "手机", "电话", "电子邮件", "身份证号", "住址", "客户编号")
        canaries |= {person[column] for column in known if len(person[column]) > 4}
    rewritten(path, people)
    by_id = {person["客户编号"]: person for person in people}
    for name, column in (("feedback", "反馈内容"), ("complaints", "投诉内容"), ("interactions", "互动内容")):
        path = folder / f"{name}.csv"
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file))
        for place, row in enumerate(rows):
            person = by_id.get(row["客户编号"]) or people[0]
            told = f"，手机{person['手机']}，微信{person['微信号']}，邮箱{person['电子邮件']}，"
            told += f"身份证{person['身份证号']}，住{person['住址']}。"
            row[column] += told + (f"{SCRIPT}{FORMULA}" if place % 5 == 0 else "")
        rewritten(path, rows)
    path = folder / "order_lines.csv"
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    for place, row in enumerate(rows):
        row["商品名称"] += SCRIPT if place % 2 else ""
        row["品类"] = FORMULA if place % 4 == 0 else row["品类"]
    rewritten(path, rows)
    return sorted(canaries)


def rewritten(path: Path, rows: list[dict[str, str]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


@pytest.mark.torture
def test_nobody_and_no_secret_is_in_anything_that_leaves(
    world: World, robot: tuple[str, list[str]], figures: dict[str, Any]
) -> None:
    address, heard = robot
    written(world, "tiny")
    people = planted(world.folder / "company")
    secrets = [PASSWORD, TOKEN]
    (world.folder / "plugins").mkdir()
    (world.folder / "plugins" / "nosy.py").write_text(NOSY, encoding="utf-8")
    study = yaml.safe_load((world.folder / "study.yaml").read_text(encoding="utf-8"))
    study["data"][0]["note"] = "env:CANARY_PASSWORD"
    database = {
        "source": "postgresql",
        "connection": "env:CANARY_URL",
        "select": {"orders": {"table": "orders"}},
    }
    study |= {"plugin_folder": "plugins", "notify": [{"kind": "wecom", "url": "env:CANARY_HOOK"}]}
    broken = {**dict.fromkeys(BROKEN), "database": {"data": [database]}}
    for name in NOTEBOOKS:
        source = Path(__file__).resolve().parents[2] / "notebooks" / f"{name}.ipynb"
        (world.folder / "notebooks").mkdir(exist_ok=True)
        shutil.copy(source, world.folder / "notebooks")
    for name, cells in BROKEN.items():
        taken = 'study = "x"\ndata = []\nplugin_folder = None\nprivacy = {}\nreports = {}'
        write_notebook(world.folder / "notebooks" / f"{name}.ipynb", cells, taken)
    study["reports"] |= broken
    variables = {
        "CANARY_PASSWORD": PASSWORD,
        "CANARY_HOOK": address,
        "CANARY_URL": f"postgresql://reader:{TOKEN}@127.0.0.1:1/shop",
        "HOME": str(world.folder / "home"),
    }
    (world.folder / "home").mkdir()
    said = ""
    rounds = {  # of which the second is compared with the first
        "2024-12-31": (NOTEBOOKS, 0),
        "2024-11-30": (["segmentation", "feedback"], 0),
        "2024-10-31": (list(BROKEN), 1),
    }
    for day, (reports, expected) in rounds.items():
        study["as_of"] = day
        text = yaml.safe_dump(study, allow_unicode=True, sort_keys=False)
        (world.folder / "study.yaml").write_text(text, encoding="utf-8")
        chosen = [option for report in reports for option in ("--report", report)]
        code, told = world.run("--engine", "fork", "--jobs", "2", *chosen, **variables)
        assert code == expected, told
        said += told
    _, second, third = world.published()
    ends = {"quoting": "error", "printing": "done", "plugin": "error", "database": "error"}
    assert statuses(third) == ends, said
    assert (second / "compare.html").exists()
    assert len(heard) == len(rounds)

    spoken = world.folder / "spoken.txt"
    spoken.write_text("\n".join([said, *heard, *map(str, record(third)["reports"])]), encoding="utf-8")
    home = [path for path in (world.folder / "home").rglob("*") if path.is_file()]
    left = [path for path in world.temporary.rglob("*") if path.is_file()]
    kept = [path for path in world.runs.rglob("*") if path.is_file()]
    leaving = [path for path in kept if path.suffix != ".parquet" and path.parent.name != ".crmlab"]
    leaving = [path for path in leaving if "state" not in path.relative_to(world.runs).parts]
    assert {path.suffix for path in leaving} >= {".html", ".ipynb", ".xlsx", ".json"}
    everything = [spoken, *leaving, *home, *left]
    assert [hit for path in everything for hit in found_in(path, people)][:10] == []
    assert [hit for path in {*everything, *kept} for hit in found_in(path, secrets)][:10] == []
    for path in leaving:
        assert harmless(path), f"{path.name} holds a script or a formula of the data"
    figures["what may not leave"] = {
        "planted": len(people) + len(secrets),
        "files searched": len({*everything, *kept}),
        "found": 0,
    }


def harmless(path: Path) -> bool:
    """Say whether no text of the data is markup of a page or a formula of a sheet."""
    if path.suffix == ".html":
        return "<script>document.title" not in path.read_text(encoding="utf-8")
    if path.suffix == ".csv":
        return not re.search(r"(^|,|\")=cmd", path.read_text(encoding="utf-8"), flags=re.M)
    if path.suffix == ".xlsx":
        with zipfile.ZipFile(path) as book:
            return not any("<f>" in book.read(name).decode() for name in book.namelist() if "sheet" in name)
    return True
