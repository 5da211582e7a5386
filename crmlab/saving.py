"""Write what a report computed: Parquet for programs, one workbook for people, state for the next run."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from crmlab import registry
from crmlab.errors import PluginContractError
from crmlab.results import Annotation, Scores, Segmentation

if TYPE_CHECKING:
    from crmlab.estimators import Source
    from crmlab.lab import Lab

_SHEET_NAME = 31
_SHEET_ROWS = 100_000
"""A workbook that a manager opens holds no more rows a sheet; the Parquet file has them all."""
_FORMULA = r"^[=+\-@\t\r\n\x00＝＋－＠]"
_EPOCH = datetime(2000, 1, 1)  # a workbook's time has no zone; fixed, so that bytes repeat
_FILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")


def save(lab: Lab, folder: Path) -> None:
    """Write the results, rejected rows, learned state and summary of ``lab`` into a run's folder.

    Parquet files carry customer ids as they are, for programs inside the house; the workbook, which
    people pass on, follows the study's privacy setting. Every file is written whole or not at all.
    Raises PluginContractError for a plugin whose name cannot be that of a file.
    """
    name = lab.output_name
    for plugin in _last_results(lab):
        if not _FILE_NAME.fullmatch(plugin):
            raise PluginContractError(
                f"The results of the plugin {plugin!r} cannot be saved: its name would be that of a file. "
                "Register it under a name of letters, digits, - and _."
            )
    tables = _tables(lab)
    _write_parquet(tables, folder / "tables" / name)
    with _whole(folder / f"{name}.xlsx") as path:
        _write_workbook(lab, tables, path)
    for table in lab.tables.loaded:
        rejected = lab.tables.cleaned(table).rejected
        if rejected.height:
            _write_parquet({table: rejected}, folder / "rejected" / name)
    for plugin, result in _last_results(lab).items():
        if isinstance(result, Segmentation):
            result.classifier.save(folder / "state" / name / plugin)
    summary = json.dumps(_summary(lab), ensure_ascii=False, indent=1)
    (folder / f".{name}.json").write_text(summary, encoding="utf-8")


def _tables(lab: Lab) -> dict[str, pl.DataFrame]:
    """Collect the result tables by name: what each result says on its own day, without variants."""
    tables: dict[str, pl.DataFrame] = {}
    for plugin, result in _last_results(lab).items():
        if isinstance(result, Segmentation):
            tables[f"{plugin}_summary"] = result.summary
            tables[f"{plugin}_customers"] = result.explain().join(
                result.features, on="customer_id", maintain_order="left"
            )
        elif isinstance(result, Scores):
            tables[f"{plugin}_summary"] = result.summary
            tables[f"{plugin}_customers"] = result.scores
        else:
            tables[f"{plugin}_texts"] = result.added
    tables |= lab.extra_tables()
    return tables


def _last_results(lab: Lab) -> dict[str, Segmentation | Scores | Annotation]:
    return {result.name: result for key, result in lab.results.items() if lab.is_own(key)}


def _write_parquet(tables: dict[str, pl.DataFrame], folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, frame in tables.items():
        with _whole(folder / f"{name}.parquet") as path:
            frame.write_parquet(path)


@contextlib.contextmanager
def _whole(path: Path) -> Iterator[Path]:
    """Lend a name beside ``path``; what was written there takes its place when all went well."""
    draft = path.with_name(f".{path.name}")
    try:
        yield draft
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def _sheet_names(tables: Iterable[str]) -> dict[str, str]:
    """Cut names to what a workbook allows, and keep them apart."""
    short: dict[str, str] = {}
    for name in tables:
        taken = {sheet.casefold() for sheet in short.values()}
        candidates = [name[:_SHEET_NAME], *(f"{name[: _SHEET_NAME - 3]}~{extra}" for extra in range(2, 100))]
        short[name] = next(sheet for sheet in candidates if sheet.casefold() not in taken)
    return short


def _write_workbook(lab: Lab, tables: dict[str, pl.DataFrame], path: Path) -> None:
    import xlsxwriter

    options = {
        "strings_to_urls": False,
        "strings_to_formulas": False,
        "strings_to_numbers": False,
        "nan_inf_to_errors": True,
    }
    sheets = _sheet_names(tables)
    workbook = xlsxwriter.Workbook(str(path), options)
    workbook.set_properties({"created": _EPOCH, "title": lab.study.heading.to(lab.language)})
    for name, frame in tables.items():
        shown = _shareable(lab, frame).head(_SHEET_ROWS)
        shown.write_excel(
            workbook,
            worksheet=sheets[name],
            autofit=frame.height <= 5000,
            freeze_panes=(1, 0),
            autofilter=frame.height > 0,
            header_format={"bold": True, "bg_color": "#eef5f3", "border": 1, "border_color": "#c9e3de"},
            table_style="Table Style Light 1",
            column_formats={
                column: _number_format(column) for column, kind in frame.schema.items() if kind.is_float()
            },
        )
    workbook.close()


def _shareable(lab: Lab, frame: pl.DataFrame) -> pl.DataFrame:
    """Mask ids as the study says, flatten lists, and defuse text that a spreadsheet would run."""
    if "customer_id" in frame.columns:
        frame = frame.with_columns(customer_id=lab.shown_ids(frame["customer_id"]))
    lists = [name for name, kind in frame.schema.items() if isinstance(kind, pl.List)]
    frame = frame.with_columns(pl.col(name).cast(pl.List(pl.String)).list.join(", ") for name in lists)
    words = [name for name, kind in frame.schema.items() if kind == pl.String]
    return frame.with_columns(
        pl.when(pl.col(name).str.contains(_FORMULA))
        .then("'" + pl.col(name))
        .otherwise(pl.col(name))
        .alias(name)
        for name in words
    )


def _number_format(column: str) -> str:
    share = any(word in column for word in ("share", "low", "high", "probability", "accuracy", "baseline"))
    return "0.0%" if share else "#,##0.00"


def _summary(lab: Lab) -> dict[str, Any]:
    """Say what the manifest wants to know: headline, inputs, plugins."""
    found = lab.finding_texts()
    inputs: dict[Source, dict[str, Any]] = {}
    for table in lab.tables.loaded:
        owner = lab.tables.owner(table)
        told = {
            "source": lab.source_name(owner),
            "title": owner.title._asdict(),
            "origin": owner.origin._asdict(),
        }
        entry = inputs.setdefault(owner, {**told, "tables": {}})
        counted = lab.tables.count(table)
        entry["tables"][table] = {
            "rows": counted.read,
            "rejected": counted.rejected,
            "later": counted.later,
            "sha256": _fingerprint(lab.tables.cleaned(table).table),
        }
    return {
        "headline": found[0]._asdict() if found else None,
        "inputs": list(inputs.values()),
        "plugins": _plugins(lab),
    }


def _plugins(lab: Lab) -> list[dict[str, str]]:
    used: list[tuple[Any, str]] = [(registry.sources, spec.source) for spec in lab.study.data]
    kinds = {Segmentation: registry.classifiers, Scores: registry.models, Annotation: registry.annotators}
    used += [(kinds[type(result)], plugin) for plugin, result in _last_results(lab).items()]
    used += [(registry.features, feature) for feature in lab.features_used]
    infos = [plugins.origin(plugin) for plugins, plugin in used]
    return [
        {"group": i.group, "name": i.name, "distribution": i.distribution, "version": i.version}
        for i in infos
    ]


def _fingerprint(frame: pl.DataFrame) -> str:
    """Return a sha256 over the content of a frame, independent of how it is laid out in memory."""
    import hashlib
    import io

    buffer = io.BytesIO()
    frame.rechunk().write_parquet(buffer, compression="uncompressed", statistics=False)
    return hashlib.sha256(buffer.getbuffer()).hexdigest()
