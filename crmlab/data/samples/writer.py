"""Write a generated company into a folder: tables, truth, a study that runs, and what it all is."""

from __future__ import annotations

import json
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Literal

import polars as pl

from crmlab.data.samples.company import TABLES, company_blocks
from crmlab.data.samples.parameters import CURRENCY, LAST_DAY, MOST_CUSTOMERS, TIME_ZONE
from crmlab.data.samples.truth import GENERATED, season_truth, truth_document
from crmlab.data.schemas import TABLE_NAMES, columns
from crmlab.errors import ParamsError

Format = Literal["csv", "parquet"]
FORMATS: tuple[Format, ...] = ("csv", "parquet")
TRUTH = "truth"
"""The folder of the tables of the truth."""

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
_REPORTS = ("segmentation", "feedback", "complaints", "improvement", "data-quality")


@dataclass(frozen=True)
class Written:
    """What was written: the study's file, and the rows of each table."""

    study: Path
    rows: dict[str, int]


def write_company(
    folder: Path,
    customers: int,
    seed: int,
    *,
    dirt: bool = True,
    form: Format = "csv",
    force: bool = False,
    advance: Callable[[int], object] = lambda customers: None,
) -> Written:
    """Generate a company of so many people into ``folder``; the same numbers give the same bytes.

    ``advance`` is told of customers that are done. Nothing is in the folder before everything is. With
    ``force`` a folder with files in it is written to, replacing files of a company and leaving others.
    Raises ParamsError for numbers and folders that do not serve.
    """
    check_size(customers, seed)
    _check_folder(folder, force=force)
    with _beside(folder) as draft:
        rows = dict.fromkeys(TABLES, 0)
        parts = _Parts(draft)
        for company in company_blocks(customers, seed, dirt=dirt):
            for name, table in company.tables.items():
                rows[name] += table.height
                _add(parts, table.rename(_headers(name, table)), draft / f"{name}.{form}")
            for name, table in company.truth.items():
                _add(parts, table, draft / TRUTH / f"{name}.parquet")
            advance(company.truth["customers"].height)
        parts.join()
        season_truth().write_parquet(draft / TRUTH / "season.parquet")
        truth = {path.stem: pl.scan_parquet(path) for path in sorted((draft / TRUTH).glob("*.parquet"))}
        document = truth_document(customers, seed, dirt=dirt, rows=rows, truth=truth)
        _write_text(draft / "truth.json", json.dumps(document, ensure_ascii=False, indent=1) + "\n")
        _write_text(draft / f"{folder.name}.yaml", _study(folder.name, form))
        _write_text(draft / "README.md", _readme(folder.name, customers, seed, form, rows, dirt=dirt))
        _move(draft, folder)
    return Written(folder / f"{folder.name}.yaml", rows)


def check_size(customers: int, seed: int) -> None:
    """Raise ParamsError unless so many customers can be generated from such a seed."""
    if not 1 <= customers <= MOST_CUSTOMERS:
        raise ParamsError(
            f"A company of {customers:,} customers cannot be generated; choose 1 to {MOST_CUSTOMERS:,}."
        )
    if not 0 <= seed < 2**63:
        raise ParamsError(
            f"The seed {seed} is no whole number from 0 to 2^63 - 1; choose one, for example 1."
        )


class _Parts:
    """Parquet files that come in parts, which are joined at the end: memory is bounded by a part."""

    def __init__(self, draft: Path) -> None:
        self._folder = draft / ".parts"
        self._parts: dict[Path, list[Path]] = {}

    def add(self, table: pl.DataFrame, path: Path) -> None:
        """Keep a further part of the file ``path``."""
        self._folder.mkdir(exist_ok=True)
        known = self._parts.setdefault(path, [])
        known.append(self._folder / f"{list(self._parts).index(path)}-{len(known)}.parquet")
        table.write_parquet(known[-1])

    def join(self) -> None:
        """Write the files."""
        for path, parts in self._parts.items():
            path.parent.mkdir(exist_ok=True)
            if len(parts) == 1:
                parts[0].rename(path)
            else:
                pl.scan_parquet(parts).sink_parquet(path, row_group_size=_ROWS, maintain_order=True)
        shutil.rmtree(self._folder)


_ROWS = 250_000


def _add(parts: _Parts, table: pl.DataFrame, path: Path) -> None:
    if path.suffix == ".parquet":
        parts.add(table, path)
        return
    begun = path.exists()
    with path.open("ab") as file:
        table.write_csv(file, include_header=not begun, include_bom=not begun, line_terminator="\r\n")


def _headers(name: str, table: pl.DataFrame) -> dict[str, str]:
    """Return canonical name → Chinese header."""
    return {column.name: column.text.zh for column in columns(name) if column.name in table.columns}


def _check_folder(folder: Path, *, force: bool) -> None:
    if not _NAME.fullmatch(folder.name):
        raise ParamsError(
            f"{folder.name!r} cannot name a company: the name is that of a folder and of a study, so it has "
            "1 to 64 of a–z, 0–9, - and _, and begins with a letter or digit; for example 'shop'."
        )
    if folder.exists() and not folder.is_dir():
        raise ParamsError(f"{folder} is a file. Choose another name.")
    if not force and folder.is_dir() and any(folder.iterdir()):
        raise ParamsError(
            f"The folder {folder} is not empty. Choose another name, or --force to write into it."
        )


@contextmanager
def _beside(folder: Path) -> Iterator[Path]:
    """Give a folder beside the wanted one, which is gone afterwards."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    except OSError as error:
        raise ParamsError(f"The folder {folder} cannot be written: {error.strerror}.") from None
    try:
        yield draft
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _move(draft: Path, folder: Path) -> None:
    """Put the files in place; of an earlier company in another format nothing stays."""
    for name in TABLES:
        for form in FORMATS:
            (folder / f"{name}.{form}").unlink(missing_ok=True)
    for path in sorted(draft.rglob("*")):
        if path.is_file():
            target = folder / path.relative_to(draft)
            target.parent.mkdir(parents=True, exist_ok=True)
            os.replace(path, target)


def _write_text(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8", newline="\n")


def _study(name: str, form: Format) -> str:
    tables = "\n".join(f"      {table}: {{path: {table}.{form}}}" for table in TABLES)
    reports = "\n".join(f"  {report}:" for report in _REPORTS)
    return f"""\
# {GENERATED.zh} {GENERATED.en}
# crmlab run {name}.yaml
study: {name}
title:
  zh: 生成的零售公司
  en: A generated retail company

data:
  - source: files
    warning:
      zh: 全部为生成数据：人物、公司与数字均属虚构，不代表任何真实市场。
      en: All of it is generated data; people, firms and figures are invented and stand for no real market.
    files:
{tables}

as_of: {LAST_DAY}
compare_as_of: 2024-09-30
timezone: {TIME_ZONE}
currency: {CURRENCY}
language: zh

reports:
{reports}
"""


def _readme(name: str, customers: int, seed: int, form: Format, rows: dict[str, int], *, dirt: bool) -> str:
    listed = "\n".join(
        f"| `{table}.{form}` | {TABLE_NAMES[table].zh} {TABLE_NAMES[table].en} | {count:,} |"
        for table, count in rows.items()
    )
    clean = "" if dirt else " --clean"
    other = "" if form == "csv" else f" --format {form}"
    command = f"crmlab sample {name} --customers {customers} --seed {seed}{clean}{other}"
    template = files("crmlab.data.samples").joinpath("readme.md").read_text(encoding="utf-8")
    return template.format(
        name=name,
        listed=listed,
        command=command,
        last_day=LAST_DAY,
        time_zone=TIME_ZONE,
        **GENERATED._asdict(),
    )
