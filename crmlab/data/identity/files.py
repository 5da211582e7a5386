"""The file in which an analyst decides on proposals: XLSX or CSV, in Chinese or English."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import polars as pl

from crmlab.data.exports import FORMULA, whole
from crmlab.data.identity.evidence import evidence_text, field_name
from crmlab.data.identity.proposals import COMPARED, DECISIONS, SCHEMA
from crmlab.data.reading.raw_table import LEFT_OUT_AS
from crmlab.errors import DataError, did_you_mean
from crmlab.labels import Language, Text

HEADERS: dict[str, Text] = {
    "cluster": Text("组", "Cluster"),
    "record_id": Text("记录编号", "Record ID"),
    "source": Text("来源", "Source"),
    "decision": Text("决定", "Decision"),
    "score": Text("匹配得分", "Match score"),
    "cluster_score": Text("全组得分", "Cluster score"),
    "reasons": Text("依据", "Evidence"),
    "differences": Text("不一致的字段", "Conflicting fields"),
    "evidence": Text("依据代码", "Evidence codes"),
}
"""The columns of the file; the fields of the records stand before the last."""

_SHOWN = (*COMPARED, "registered_on", "updated_at", "remark")
_NEEDED = ("cluster", "record_id", "decision")
_SYNONYMS = {
    "同意": "accept",
    "接受": "accept",
    "是": "accept",
    "拒绝": "reject",
    "否": "reject",
    "": "proposed",
}
# What a spreadsheet may take for a formula gets an apostrophe in front; one more than it had, so that
# reading takes back just what writing added.
_RISKY = rf"^'*{FORMULA}"
_SHEET = Text("合并建议", "Proposed merges")
_LONGEST_SHEET = 1_048_575
_EPOCH = datetime(2000, 1, 1)  # a workbook's time has no zone; fixed, so that bytes repeat


def write_proposals(
    proposals: pl.DataFrame, customers: pl.DataFrame, path: Path, language: Language = "zh"
) -> None:
    """Write proposals with the fields of their records to ``path``, a .xlsx or .csv file.

    Every cell is text, never a formula or a link. The file shows personal data as they are, because the
    analyst decides by them: it stays in the house. Raises DataError for another kind of file.
    """
    if path.suffix.casefold() not in (".xlsx", ".csv"):
        raise DataError(f"Proposals are kept in a .xlsx or .csv file, not in {path.name!r}.")
    frame = _shown(proposals, customers, language)
    try:
        with whole(path) as draft:
            if path.suffix.casefold() == ".csv":
                frame.write_csv(draft, include_bom=True, quote_style="always")
            else:
                _write_workbook(frame, draft, language)
    except OSError as error:
        raise DataError(f"{path} can't be written: {error.strerror}.") from None


def read_proposals(path: Path) -> pl.DataFrame:
    """Read a file of proposals, edited or not, as a table of ``proposals.SCHEMA`` without conflicts.

    A further column ``row`` says where each stood in the file. Headers and decisions may be in either
    language; an empty decision is ``proposed``. Decisions that are none are kept for
    :func:`crmlab.data.identity.proposals.check` to name. Raises DataError for a file that can't be read
    or lacks a column.
    """
    from crmlab.data.reading.readers import read_file

    raw = read_file(path)
    totals = raw.left_out.filter(pl.col(LEFT_OUT_AS) == "total")["source_row"].to_list()
    if totals:
        raise DataError(
            f"{path}, row {', '.join(map(str, totals))}: it looks like a total. Take it out of the table."
        )
    given = raw.frame.collect()
    names = {name.casefold(): column for column, text in HEADERS.items() for name in text}
    known = [(name, names.get(name.strip().casefold())) for name in given.columns]
    ours = [column for _, column in known if column]
    frame = given.select(
        pl.col(name).alias(column) for name, column in known if column and ours.count(column) == 1
    )
    for column in _NEEDED:
        if column not in frame.columns:
            raise DataError(
                f"{path} has not exactly one column {' or '.join(map(repr, HEADERS[column]))}."
                f"{did_you_mean(HEADERS[column].en, given.columns)} Keep the header row as it was written."
            )
    missing = [pl.lit(None, pl.String).alias(name) for name in SCHEMA.names() if name not in frame.columns]
    frame = frame.with_columns(missing)
    words = {word.casefold(): code for code, text in DECISIONS.items() for word in (code, *text)} | _SYNONYMS
    decision = pl.col("decision").str.strip_chars().str.to_lowercase().fill_null("")
    plain = [_unguarded(name).replace("", None) for name in ("cluster", "record_id", "source")]
    return frame.select(
        *plain,
        decision.replace(words),
        pl.col("score", "cluster_score").cast(pl.Float64, strict=False),
        pl.col("evidence").str.split("+").fill_null([]),
        conflicts=pl.lit([], pl.List(pl.String)),
    ).select(*SCHEMA.names(), row=given["source_row"])


def _shown(proposals: pl.DataFrame, customers: pl.DataFrame, language: Language) -> pl.DataFrame:
    """Put everything into text cells under headers in ``language``."""
    fields = [name for name in _SHOWN if name in customers.columns]
    names = {name: text.to(language) for name, text in HEADERS.items()}
    decisions = {code: text.to(language) for code, text in DECISIONS.items()}
    conflicts = {
        name: field_name(name).to(language) for name in proposals["conflicts"].explode().drop_nulls().unique()
    }
    said = pl.element().replace_strict(conflicts, return_dtype=pl.String)
    values = customers.select("customer_id", pl.col(fields).cast(pl.String).name.prefix("field "))
    joined = proposals.join(
        values, left_on="record_id", right_on="customer_id", how="left", maintain_order="left"
    )
    frame = joined.with_columns(
        pl.col("decision").replace_strict(decisions),
        pl.col("evidence").list.join("+"),
        reasons=evidence_text(proposals["evidence"], language),
        differences=pl.col("conflicts").list.eval(said).list.join("、" if language == "zh" else ", "),
    )
    first = [name for name in HEADERS if name != "evidence"]
    frame = frame.select(*first, *(f"field {name}" for name in fields), "evidence").cast(pl.String)
    guarded = [
        pl.when(pl.col(name).str.contains(_RISKY)).then("'" + pl.col(name)).otherwise(name).alias(name)
        for name in frame.columns
    ]
    titles: dict[str, str] = {}
    for name in frame.columns:
        title = names[name] if name in names else field_name(name.removeprefix("field ")).to(language)
        titles[name] = f"{title} (field)" if title in titles.values() else title
    return frame.with_columns(guarded).fill_null("").rename(titles)


def _unguarded(name: str) -> pl.Expr:
    value = pl.col(name)
    return (
        pl.when(value.str.contains(rf"^'{_RISKY[1:]}")).then(value.str.slice(1)).otherwise(value).alias(name)
    )


def _write_workbook(frame: pl.DataFrame, path: Path, language: Language) -> None:
    import xlsxwriter

    if frame.height > _LONGEST_SHEET:
        raise DataError(f"{frame.height:,} rows are too many for a worksheet. Write a .csv file instead.")
    options = {"strings_to_urls": False, "strings_to_formulas": False, "strings_to_numbers": False}
    workbook = xlsxwriter.Workbook(str(path), options)
    workbook.set_properties({"created": _EPOCH})
    sheet = _SHEET.to(language)
    frame.write_excel(
        workbook,
        worksheet=sheet,
        autofit=frame.height <= 5000,
        freeze_panes=(1, 0),
        autofilter=frame.height > 0,
        header_format={"bold": True, "bg_color": "#eef5f3", "border": 1, "border_color": "#c9e3de"},
        table_style="Table Style Light 1",
    )
    choices = [text.to(language) for text in DECISIONS.values()]
    place = list(HEADERS).index("decision")
    worksheet = workbook.get_worksheet_by_name(sheet)
    worksheet.data_validation(1, place, max(frame.height, 1), place, {"validate": "list", "source": choices})
    workbook.close()
