"""Personal data and secrets planted in every column, header, text and error are in nothing that leaves."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from pathlib import Path

import polars as pl
import pytest
import yaml

from crmlab.data.masking import KINDS
from crmlab.data.schemas import TABLES, CanonicalColumn, columns
from crmlab.report.run import Run, run
from tests.canary_scanner import found_in

CUSTOMERS, ROWS = 40, 80
SECRET = 'q7 "Kanari+&/ü'
NOSY = '''
import polars as pl
from crmlab import Classifier, Label, Scheme, Text, classifiers

@classifiers.register("nosy")
class Nosy(Classifier):
    """Quotes everything that it knows of a customer."""

    title = Text("多嘴", "Nosy")
    requires = ("name", "mobile", "birth_date", "home_address", "city", "extra")
    scheme = Scheme("nosy", "多嘴", "Nosy", (Label("a", "甲类", "A"), Label("b", "乙类", "B")))

    def _predict(self, features):
        return features.select(label=pl.when(pl.int_range(pl.len()) % 2 == 0).then(pl.lit("a")).otherwise(pl.lit("b"))).to_series()

    def _explain(self, features):
        told = pl.format("{} {} {} {} {} {} {}", "customer_id", *[pl.col(c).cast(pl.String).fill_null("?") for c in self.requires])
        return features.select(zh="客户 " + told, en="customer " + told)
'''  # noqa: E501
OPEN = """
import warnings
import polars as pl
import crmlab
lab = crmlab.open("broken", study=study, data=data, as_of=as_of, classifiers=classifiers,
                  plugin_folder=plugin_folder, reports=reports, privacy=privacy)
customers = lab.tables["customers"]
"""
CELLS = (
    OPEN,
    "lab.watch_list('nosy', ['a', 'b'], rows=30).table()",
    "lab.classify('nosy')",
    "print(customers['mobile'][3]); warnings.warn(str(customers['email'][4]) + customers['name'][4])",
    "{number: [number] for number in customers['mobile'].head(3)}",
    "from IPython.display import JSON, SVG, display\n"
    "display(JSON({number: {number: 1} for number in customers['mobile'].head(3)}))\n"
    "SVG('<svg xmlns=\"http://www.w3.org/2000/svg\"><text data-x=\"' + customers['mobile'][5] + '\">'"
    "+ customers['email'][6] + '</text><!-- ' + customers['mobile'][7] + ' --></svg>')",
    "wide = customers.select('mobile', 'city').head(4)\n"
    "wide = wide.with_columns(n=pl.lit(1)).pivot(on='mobile', index=wide.columns[1], values='n')\n"
    "wide.plot.point(x=wide.columns[1], y=wide.columns[2])",
    "customers.select('mobile', 'email', 'identity_number')",
    "from IPython.display import HTML, Markdown\n"
    "HTML('<b title=\"' + customers['mobile'][5] + '\">' + customers['email'][6] + '</b>')",
    "Markdown('# ' + customers['mobile'][7])",
    "customers.select('mobile', 'email').head(9).plot.point(x='mobile', y='email', tooltip='mobile')"
    ".properties(title=customers['mobile'][8], description='写给 ' + customers['email'][8])",
    "customers.select(pl.col('name').cast(pl.Int64))",
)
QUOTING = """
row, text = customers.row(0), lab.tables["feedback"].row(0)
raise ValueError(f"cannot use {row} of {customers.columns} with {text}")
"""
BROKEN = {"broken": CELLS, "broken-too": (OPEN, QUOTING)}


class Planted:
    """Values that must not leave, by what they are."""

    def __init__(self) -> None:
        self.phones: dict[tuple[str, str, int], str] = {}
        self.names: dict[tuple[str, str, int], str] = {}
        self.ids: set[str] = set()

    def phone(self, table: str, column: str, row: int = 0) -> str:
        number = f"139{(len(self.phones) + 7) * 46_337 % 100_000_000:08d}"
        return self.phones.setdefault((table, column, row), number)

    def email(self, table: str, column: str, row: int = 0) -> str:
        return f"kanari.{self.phone(table, column, row)[3:]}@pii.example.com"

    def identity(self, row: int) -> str:
        digits = f"1101051949{1231 - row % 28}{row:03d}"
        total = sum(int(digit) * pow(2, 17 - place, 11) for place, digit in enumerate(digits))
        number = digits + "10X98765432"[total % 11]
        self.ids.add(number)
        return number

    def name(self, table: str, column: str, row: int) -> str:
        marks = "梓宸晗昱霖钰琛懿岚翊"
        place = len(self.names)
        made = "鲜于" + marks[place // 100 % 10] + marks[place // 10 % 10] + marks[place % 10]
        return self.names.setdefault((table, column, row), made)

    def code(self, table: str, row: int) -> str:
        code = f"KUNDE{row:04d}X" if table == "customers" else f"{table.upper()}-NR-{row:05d}"
        self.ids.add(code)
        return code

    def all(self) -> list[str]:
        mails = [self.email(*place) for place in self.phones]
        return sorted({*self.phones.values(), *mails, *self.names.values(), *self.ids})


def cell(planted: Planted, table: str, column: CanonicalColumn, row: int) -> str:
    """Return a value that the column takes and that, wherever the column allows it, names somebody."""
    name = column.name
    if name == "customer_id":
        return planted.code("customers", row % CUSTOMERS)
    if name == "order_id":
        return planted.code("orders", row)
    if column.sensitivity == "code":
        return planted.code(f"{table}-{name}", row)
    if name == "campaign_id":
        return f"A{row}"
    if column.codes:
        return next(iter(column.codes)) if name != "arm" else ("treatment", "control")[row % 2]
    if column.dtype == pl.Boolean:
        return ("是", "否")[row % 2]
    if column.dtype == pl.Date:
        return (
            f"{1960 + row % 40}-03-{1 + row % 28:02d}" if name == "birth_date" else f"2024-0{1 + row % 5}-01"
        )
    if isinstance(column.dtype, pl.Datetime):
        return f"2024-0{1 + row % 5}-0{1 + row % 9} 10:00:00"
    if name == "scale":
        return "csat_1_5"
    if column.dtype.is_numeric():
        return "0.5" if table == "identities" else str(1 + row % 5)
    if name == "currency":
        return "CNY"
    if name == "language":
        return "zh"
    if name == "identity_number":
        return planted.identity(row)
    if column.sensitivity == "free_text":
        said = ("物流很快，质量很好，非常满意", "质量太差，客服态度恶劣，很失望")[row % 2]
        return f"{said}，请打{planted.phone(table, name, row)}或写信到{planted.email(table, name, row)}谢谢"
    if column.sensitivity == "ordinary":
        # In so many rows that the value is a group of its own, which charts and tables name.
        return planted.phone(table, name) if row % 2 else f"值{row % 4}"
    kind = KINDS.get(name, "name")
    if kind == "phone":
        return planted.phone(table, name, row)
    return planted.email(table, name, row) if kind == "email" else planted.name(table, name, row)


def write_tables(folder: Path, planted: Planted) -> dict[str, dict[str, str]]:
    """Write a file per canonical table with a value in every column, more columns, and telling names."""
    files = {}
    for table in TABLES:
        path = folder / f"{table} {planted.phone('file', table)}.csv"
        size = CUSTOMERS if table == "customers" else ROWS
        headers = [column.name for column in columns(table)]
        extra = ["extra", f"联系{planted.phone('header', table)}"] if table == "customers" else []
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(headers + extra)
            for row in range(size):
                more = [planted.email(table, "extra", row), planted.phone(table, "more", row)][: len(extra)]
                writer.writerow([cell(planted, table, column, row) for column in columns(table)] + more)
        files[table] = {"path": path.name}
    return files


REPORTS = ["segmentation", "feedback", "data-quality"]


def existing() -> list[str]:
    """Return which of our reports exist."""
    here = Path(__file__).resolve().parents[2] / "notebooks"
    return [name for name in REPORTS if (here / f"{name}.ipynb").exists()]


@pytest.fixture(scope="module")
def planted() -> Planted:
    return Planted()


@pytest.fixture(scope="module")
def done(
    tmp_path_factory: pytest.TempPathFactory, notebook_at: Callable[..., Path], planted: Planted
) -> Iterator[Run]:
    folder = tmp_path_factory.mktemp("canaries")
    parameters = "\n".join(
        ['as_of = "2024-06-30"', *(f"{name} = None" for name in ("data", "classifiers", "plugin_folder"))]
    )
    parameters += '\nstudy = "canaries"\ntitle = None\nreports = {}\nprivacy = {}'
    for name, cells in BROKEN.items():
        notebook_at(folder / "notebooks" / f"{name}.ipynb", *cells, parameters=parameters)
    (folder / "plugins").mkdir()
    (folder / "plugins" / "nosy.py").write_text(NOSY, encoding="utf-8")
    files = write_tables(folder, planted)
    study = {
        "study": "canaries",
        "title": {"zh": f"打{planted.phone('study', 'title')}", "en": planted.email("study", "title")},
        "data": [{"source": "files", "files": files, "note": "env:KANARI"}],
        "as_of": "2024-06-30",
        "classifiers": {"nosy": {}, "status": {"method": "fixed_days"}},
        "schemes": ["rfm", "abc", "status", "nosy"],
        "plugin_folder": "plugins",
        "quality": {"max_rejected_share": 1.0},
        "reports": dict.fromkeys([*existing(), *BROKEN]),
    }
    (folder / "study.yaml").write_text(yaml.safe_dump(study, allow_unicode=True), encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KANARI", SECRET)
        yield run(folder / "study.yaml", runs=folder / "runs", language="zh", jobs=2, progress=False)


def test_the_reports_came_about(done: Run) -> None:
    """Otherwise there would be nothing to find."""
    ended = {outcome.name: outcome for outcome in done.outcomes}
    assert {name for name, outcome in ended.items() if outcome.status == "done"} == set(existing())
    assert {name: outcome.error["type"] for name, outcome in ended.items() if outcome.error} == {
        "broken": "InvalidOperationError",
        "broken-too": "ValueError",
    }
    page = (done.folder / "feedback.html").read_text(encoding="utf-8")
    assert "有代表性的原话" in page
    assert "[电话]" in page
    assert "甲类" in (done.folder / "segmentation.html").read_text(encoding="utf-8")
    broken = (done.folder / "broken.html").read_text(encoding="utf-8")
    assert "鲜**" in broken
    assert "C-" in broken


def test_no_person_is_in_anything_that_leaves(done: Run, planted: Planted) -> None:
    canaries = planted.all()
    assert len(canaries) > 3000
    leaving = [path for path in done.folder.rglob("*") if path.is_file() and path.suffix != ".parquet"]
    assert {path.suffix for path in leaving} >= {".html", ".ipynb", ".xlsx", ".json"}
    found = [hit for path in [*leaving, done.gallery] for hit in found_in(path, canaries)]
    assert found == []


def test_the_secret_is_nowhere(done: Run) -> None:
    files = [path for path in done.folder.parents[1].rglob("*") if path.is_file()]
    assert {path.suffix for path in files} >= {".html", ".ipynb", ".xlsx", ".json", ".parquet"}
    assert [hit for path in files for hit in found_in(path, [SECRET])] == []
    assert "env:KANARI" in (done.folder / "manifest.json").read_text(encoding="utf-8")


def test_what_stays_is_whole(done: Run, planted: Planted) -> None:
    """Parquet is for programs inside the house: it holds the ids."""
    table = pl.read_parquet(done.folder / "tables" / "segmentation" / "nosy_customers.parquet")
    assert set(table["customer_id"]) == {planted.code("customers", row) for row in range(CUSTOMERS)}
    assert table["name"].str.starts_with("鲜于").all()
