"""The rows to label as a CSV file that Excel opens, and back again with the labels in it."""

from __future__ import annotations

import re
from pathlib import Path

import polars as pl

from crmlab.data.exports import write_csv_safely
from crmlab.data.privacy import mask_text
from crmlab.errors import DataError
from crmlab.labels import Language, Text

HEADERS = {
    "text_id": Text("文本编号", "text_id"),
    "text": Text("文本", "text"),
    "label": Text("标注", "label"),
    "selection_probability": Text("抽中概率", "selection_probability"),
}
"""Column → what it is called in the file. The model's own opinion is not in it: it would sway people."""

LABELS = {"positive": Text("正面", "positive"), "negative": Text("负面", "negative")}

_WRITTEN = {
    **dict.fromkeys(("正面", "正", "好评", "满意", "positive", "pos", "1", "1.0", "+"), True),
    **dict.fromkeys(("负面", "负", "差评", "不满意", "negative", "neg", "0", "0.0", "-"), False),
    **dict.fromkeys(("跳过", "不确定", "skip", "uncertain", "?", "？"), None),
}
_TEXT_ID = r"^T-[0-9a-f]{12}$"
_MOST_NAMED = 10
_REPEATED = re.compile(r" \(\d+\)$")
"""How the reader tells equal headers apart."""


def write_sheet(rows: pl.DataFrame, path: Path, language: Language = "zh", mask: bool = True) -> None:
    """Write chosen rows, with contacts in the texts masked, for a person to fill in the labels.

    UTF-8 with a byte-order mark, so that Excel reads it; no text in it runs. ``rows`` is what
    :func:`~crmlab.labelling.sampling.choose` returns, with ``label`` (``positive``, ``negative`` or
    null) where some are labelled already. Raises DataError where the file cannot be written.
    """
    texts = mask_text(rows["text"]) if mask else rows["text"]
    label = (
        rows["label"]
        if "label" in rows.columns
        else pl.repeat(None, rows.height, dtype=pl.String, eager=True)
    )
    named = {value: text.to(language) for value, text in LABELS.items()}
    sheet = pl.DataFrame(
        {
            "text_id": rows["text_id"],
            "text": texts.str.replace_all(r"[\r\n\t]+", " "),
            "label": label.cast(pl.String).replace(named),
            "selection_probability": rows["selection_probability"],
        }
    )
    try:
        write_csv_safely(sheet.rename({name: text.to(language) for name, text in HEADERS.items()}), path)
    except OSError as error:
        raise DataError(f"{path} cannot be written: {error.strerror or error}.") from None


def read_sheet(path: Path) -> pl.DataFrame:
    """Read the labels back: ``text_id``, ``selection_probability``, ``label``; one row per labelled text.

    CSV in UTF-8 or GBK, and workbooks; columns in any order, others are left alone, the text may have
    been edited. A label is 正面, positive or 1, and 负面, negative or 0; a blank, 跳过, 不确定, skip or ?
    is no label, and such a row is left out. Raises DataError that names the rows which cannot be used.
    """
    from crmlab.data.reading.raw_table import SOURCE_ROW
    from crmlab.data.reading.readers import read_file

    raw = read_file(path).frame.collect()
    frame = raw.rename(_found(raw.columns, path)).select(SOURCE_ROW, *_NEEDED)
    frame = frame.with_columns(pl.col(_NEEDED).cast(pl.String).str.strip_chars())
    frame = frame.filter(pl.any_horizontal(pl.col("text_id", "label").is_not_null()))
    level = pl.col("label").str.normalize("NFKC").str.to_lowercase().fill_null("").alias("written")
    given = frame.with_columns(level)
    _refuse(
        given.filter(~pl.col("written").is_in(["", *_WRITTEN])),
        path,
        "label",
        "that is none of 正面, 负面, positive, negative, 1, 0, or blank",
    )
    labelled = given.with_columns(
        positive=pl.col("written").replace_strict(_WRITTEN, default=None, return_dtype=pl.Boolean)
    ).drop_nulls("positive")
    _refuse(
        labelled.filter(~pl.col("text_id").str.contains(_TEXT_ID).fill_null(False)),
        path,
        "text_id",
        "that `crmlab label` did not write; leave that column as it is",
    )
    number = pl.col("selection_probability").cast(pl.Float64, strict=False)
    labelled = labelled.with_columns(selection_probability=number)
    _refuse(
        labelled.filter(~number.is_between(0, 1, closed="right").fill_null(False)),
        path,
        "selection_probability",
        "that is no number above 0 and up to 1; leave that column as it is",
    )
    _refuse(
        labelled.filter(pl.col("positive").n_unique().over("text_id") > 1),
        path,
        "label",
        "that contradicts another row of the same text",
    )
    label = pl.when("positive").then(pl.lit("positive")).otherwise(pl.lit("negative")).alias("label")
    once = labelled.unique("text_id", keep="first", maintain_order=True)
    return once.select("text_id", "selection_probability", label)


_NEEDED = ("text_id", "label", "selection_probability")


def _found(columns: list[str], path: Path) -> dict[str, str]:
    """Return header in the file → column."""
    found = {}
    for name in _NEEDED:
        written = (HEADERS[name].zh, HEADERS[name].en)
        names = [given for given in columns if _REPEATED.sub("", given).strip().casefold() in written]
        if not names:
            raise DataError(
                f"{path.name} has no column {HEADERS[name].zh} ({HEADERS[name].en}). It has: "
                f"{', '.join(columns[1:][:_MOST_NAMED])}. Use the file of `crmlab label STUDY --to FILE`."
            )
        if len(names) > 1:
            raise DataError(
                f"{path.name} has {len(names)} columns for {HEADERS[name].zh} ({HEADERS[name].en}): "
                f"{', '.join(names)}. Keep one of them."
            )
        found[names[0]] = name
    return found


def _refuse(rows: pl.DataFrame, path: Path, column: str, why: str) -> None:
    if rows.is_empty():
        return
    from crmlab.data.reading.raw_table import SOURCE_ROW

    places = ", ".join(str(row) for row in rows[SOURCE_ROW].head(_MOST_NAMED))
    more = f" and {rows.height - _MOST_NAMED} more" if rows.height > _MOST_NAMED else ""
    raise DataError(
        f"{path.name}, row {places}{more}, column {HEADERS[column].zh} ({column}): a value {why}."
    )
