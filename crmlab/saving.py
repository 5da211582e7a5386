"""Write what a report computed: Parquet for programs, one workbook for people, state for the next run.

Parquet and state stay with whoever ran the report and hold everything; the workbook is passed on, so
every column in it is masked by its sensitivity, small groups are shown together, and nothing in it runs.
"""

from __future__ import annotations

import json
import re
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from crmlab import registry
from crmlab.data.exports import safe_frame, sheet_names, whole
from crmlab.data.masking import KINDS, mask_reasons, mask_values
from crmlab.data.privacy import report_key
from crmlab.data.schemas import TABLES, columns, sensitivity_of
from crmlab.data.suppression import FEW, merged_values
from crmlab.environment import secrets_in
from crmlab.errors import PluginContractError
from crmlab.figures import figures
from crmlab.labels import Text
from crmlab.report.traces import Traces
from crmlab.results import Annotation, Scores, Segmentation
from crmlab.state import write_day
from crmlab.view.texts import say

if TYPE_CHECKING:
    from crmlab.estimators import Source
    from crmlab.lab import Lab

_SHEET_ROWS = 100_000
"""A workbook that a manager opens holds no more rows a sheet; the Parquet file has them all."""
_CODES = {column.column for table in TABLES for column in columns(table) if column.sensitivity == "code"}
_EPOCH = datetime(2000, 1, 1)  # a workbook's time has no zone; fixed, so that bytes repeat
_CUSTOMERS, _STAGES = "_customers", "_stages"
"""Ends of the names of tables that list customers: with their class, with the days of their stages."""
NAMES = "names.json"
_FILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")


_Result = Segmentation | Scores | Annotation


def save(lab: Lab, folder: Path) -> None:
    """Write the results, rejected rows, learned state and summary of ``lab`` into a run's folder.

    Parquet files carry customers as they are, for programs inside the house; the workbook, which
    people pass on, follows the study's privacy settings. Every file is written whole or not at all.
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
    _write_names(lab, folder / "tables" / name / NAMES)
    with whole(folder / f"{name}.xlsx") as path:
        _write_workbook(lab, tables, path)
    for table in lab.tables.loaded:
        rejected = lab.tables.cleaned(table).rejected
        if rejected.height:
            _write_parquet({table: rejected}, folder / "rejected" / name)
    for plugin, result in _last_results(lab).items():
        if isinstance(result, Segmentation):
            state = folder / "state" / name / plugin
            result.classifier.save(state)
            write_day(state, lab.learned_days[plugin])
        elif isinstance(result, Scores):
            state = folder / "state" / name / plugin
            result.model.save(state)
            write_day(state, result.as_of)
    summary = json.dumps(_summary(lab), ensure_ascii=False, indent=1)
    (folder / f".{name}.json").write_text(summary, encoding="utf-8")


def _tables(lab: Lab) -> dict[str, pl.DataFrame]:
    """Collect the result tables by name: what each result says on its own day, without variants."""
    tables: dict[str, pl.DataFrame] = {}
    for plugin, result in _last_results(lab).items():
        if isinstance(result, Segmentation):
            tables[f"{plugin}_summary"] = result.summary
            tables[f"{plugin}{_CUSTOMERS}"] = result.explain().join(
                result.features, on="customer_id", maintain_order="left"
            )
            if hasattr(result.classifier, "reached_on"):
                tables[f"{plugin}{_STAGES}"] = result.funnel().entries
        elif isinstance(result, Scores):
            tables[f"{plugin}_summary"] = result.summary
            tables[f"{plugin}{_CUSTOMERS}"] = result.scores
        else:
            tables[f"{plugin}_texts"] = result.added
    tables |= lab.extra_tables()
    return tables


def _plugin_of(table: str) -> str:
    """Return the name of the plugin whose customers a table lists."""
    return table.removesuffix(_CUSTOMERS).removesuffix(_STAGES)


def _last_results(lab: Lab) -> dict[str, _Result]:
    return {result.name: result for key, result in lab.results.items() if lab.is_own(key)}


def _write_parquet(tables: dict[str, pl.DataFrame], folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, frame in tables.items():
        with whole(folder / f"{name}.parquet") as path:
            frame.write_parquet(path)


def _write_names(lab: Lab, path: Path) -> None:
    """Write what readers call the classes and the columns of the tables of classes, as JSON.

    ``schemes`` has a plugin's scheme (zh, en) and its ``labels`` in order, ``columns`` the names and units
    of inputs. A program that reads the tables later has no plugin to ask.
    """
    schemes: dict[str, Any] = {}
    columns: dict[str, Any] = {}
    for plugin, result in _last_results(lab).items():
        if isinstance(result, Segmentation):
            labels = [{"id": label.id, **label.text._asdict()} for label in result.scheme]
            schemes[plugin] = {**result.scheme.text._asdict(), "labels": labels}
            for column in result.features.columns:
                if column != "customer_id":
                    columns[column] = lab.measure(column)._asdict()
    if schemes:
        with whole(path) as temporary:
            text = json.dumps({"schemes": schemes, "columns": columns}, ensure_ascii=False, indent=1)
            temporary.write_text(text + "\n", encoding="utf-8")


def _write_workbook(lab: Lab, tables: dict[str, pl.DataFrame], path: Path) -> None:
    import xlsxwriter

    options = {
        "strings_to_urls": False,
        "strings_to_formulas": False,
        "strings_to_numbers": False,
    }
    sheets, results = sheet_names(tables), _last_results(lab)
    alone = _in_small_groups(lab)
    workbook = xlsxwriter.Workbook(str(path), options)
    workbook.set_properties({"created": _EPOCH, "title": lab.study.heading.to(lab.language)})
    for name, frame in tables.items():
        shown = safe_frame(_shareable(lab, results.get(_plugin_of(name)), frame, alone).head(_SHEET_ROWS))
        # A sheet has no infinity: it would hold the formula 1/0, and show an error.
        floats = [pl.col(column) for column, kind in shown.schema.items() if kind.is_float()]
        shown = shown.with_columns(pl.when(column.is_finite()).then(column) for column in floats)
        shown.write_excel(
            workbook,
            worksheet=sheets[name],
            autofit=frame.height <= 5000,
            freeze_panes=(1, 0),
            autofilter=frame.height > 0,
            header_format={"bold": True, "bg_color": "#eef5f3", "border": 1, "border_color": "#c9e3de"},
            table_style="Table Style Light 1",
            column_formats={
                column: _number_format(column) for column, kind in shown.schema.items() if kind.is_float()
            },
        )
    workbook.close()


def _in_small_groups(lab: Lab) -> pl.Series:
    """Return the customers whose class, or whose cell of the grid, is too small to be shown."""
    ids = [pl.Series("customer_id", [], dtype=pl.String)]
    for result in _last_results(lab).values():
        if isinstance(result, Segmentation):
            ids.append(result.labels.filter(pl.col("label").is_in(result.few))["customer_id"])
            if hasattr(result.classifier, "cells"):
                ids.append(result.grid().hidden_customers)
    return pl.concat(ids).unique().sort()


def _shareable(lab: Lab, result: _Result | None, frame: pl.DataFrame, alone: pl.Series) -> pl.DataFrame:
    """Return a result table as it may leave: who it is about as codes, what they are like masked by class.

    A class that is too small to be shown is ``few``. Customers ``alone`` in such a class or cell have no
    reason and no figures in any sheet of classes: with the cut-points these would tell which it is. A
    text of an attribute that too few customers share is "other".
    """
    customers = lab.tables["customers"] if "customers" in lab.tables.loaded else None
    attributes = customers.columns if customers is not None and "customer_id" in frame.columns else ()
    if isinstance(result, Segmentation) and "customer_id" in frame.columns:
        small = pl.col("label").is_in(result.few)
        figures = [name for name in frame.columns if name not in ("customer_id", "label", *attributes)]
        if "zh" in frame.columns:
            frame = mask_reasons(frame, customers)
        frame = frame.with_columns(
            pl.when(~pl.col("customer_id").is_in(alone.implode())).then(pl.col(figures)),
            label=pl.when(small).then(pl.lit(FEW)).otherwise("label"),
        )
    shown: dict[str, pl.Series] = {}
    for column in frame.columns:
        values = frame[column]
        if column == "customer_id":
            shown[column] = lab.shown_ids(values)
        elif column in attributes:
            shown[column] = _attribute(lab, values)
        elif column not in _CODES:
            shown[column] = mask_values(values, "ordinary")
        elif lab.study.privacy.ids == "masked":
            shown[column] = mask_values(values, "code", key=report_key())
    return frame.with_columns(**shown)


def _attribute(lab: Lab, values: pl.Series) -> pl.Series:
    sensitivity = sensitivity_of("customers", values.name)
    shown = mask_values(values, sensitivity, KINDS.get(values.name), report_key())
    if shown.dtype != pl.String or sensitivity not in ("ordinary", "free_text"):
        return shown
    smallest = lab.study.privacy.smallest_group
    return merged_values(shown, smallest, say("privacy_few", k=smallest).to(lab.language))


def _number_format(column: str) -> str:
    share = any(word in column for word in ("share", "low", "high", "probability", "accuracy", "baseline"))
    return "0.0%" if share else "#,##0.00"


def _summary(lab: Lab) -> dict[str, Any]:
    """Say what the manifest wants to know: headline, key figures, inputs, plugins."""
    found = lab.finding_texts()
    inputs: dict[Source, dict[str, Any]] = {}
    for table in lab.tables.loaded:
        owner = lab.tables.owner(table)
        told = {
            "source": lab.source_name(owner),
            "title": owner.title._asdict(),
            "origin": _scanned(lab, owner.origin),
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
        "headline": _scanned(lab, found[0]) if found else None,
        "figures": [{**figure.as_json(), **_scanned(lab, figure.name)} for figure in figures(lab)],
        "inputs": list(inputs.values()),
        "plugins": _plugins(lab),
    }


def _scanned(lab: Lab, text: Text) -> dict[str, str]:
    """Return a text for the manifest: names of files and notes of sources may hold anything."""
    traces = Traces(secrets=secrets_in([spec.params for spec in lab.study.data]))
    return {"zh": traces.without(text.zh), "en": traces.without(text.en)}


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
