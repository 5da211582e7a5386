"""How many texts repeat others or look like spam, and what changes without them."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import polars as pl

from crmlab.intervals import wilson
from crmlab.view.findings import Note
from crmlab.view.numbers import count, percent
from crmlab.view.tables import Column, Table
from crmlab.view.texts import say, texts
from crmlab.voice.sentiment import POLES

if TYPE_CHECKING:
    from crmlab.lab import Lab

_KINDS = ("exact", "near", "advert", "copied_text", "gibberish", "any")


class Duplicates:
    """Repeated texts and suspected spam among the feedback.

    ``feedback`` has ``sentiment`` where it was judged, so that the share of positive texts can be told
    with and without what is flagged.
    """

    def __init__(self, lab: Lab, feedback: pl.DataFrame) -> None:
        self._language = lab.language
        flags = lab.annotate("duplicates").added
        judged = feedback.select(
            "feedback_id", "text", *(["sentiment"] if "sentiment" in feedback.columns else [])
        )
        written = judged.filter(pl.col("text").str.contains(r"\w"))
        self._flagged = written.join(flags, on="feedback_id", how="left", maintain_order="left")

    @cached_property
    def summary(self) -> pl.DataFrame:
        """One row per kind of flag: ``kind``, ``texts``, ``share`` of texts with ``low``, ``high`` (Wilson).

        ``exact`` and ``near`` repeat an earlier text; ``advert``, ``copied_text``, ``gibberish`` are
        suspected spam; ``any`` counts each text once.
        """
        repeats = pl.col("duplicate_of").is_not_null()
        kinds = {
            "exact": repeats & ~pl.col("near_duplicate"),
            "near": repeats & pl.col("near_duplicate"),
            **{kind: pl.col("spam") == kind for kind in _KINDS[2:5]},
            "any": self._any,
        }
        rows = []
        for kind in _KINDS:
            flagged = int(self._flagged.select(kinds[kind].fill_null(value=False).sum()).item())
            low, high = wilson(flagged, self._flagged.height)
            share = flagged / self._flagged.height if self._flagged.height else None
            rows.append({"kind": kind, "texts": flagged, "share": share, "low": low, "high": high})
        figures = dict.fromkeys(("share", "low", "high"), pl.Float64)
        return pl.DataFrame(rows, schema={"kind": pl.String, "texts": pl.Int64, **figures})

    @cached_property
    def positive(self) -> tuple[float | None, float | None]:
        """Share of positive texts among those judged positive or negative: of all texts, without flagged."""
        if "sentiment" not in self._flagged.columns:
            return None, None
        decided = self._flagged.filter(pl.col("sentiment").is_in(POLES))
        without = decided.filter(~self._any.fill_null(value=False))
        return tuple(  # type: ignore[return-value]
            float((part["sentiment"] == "positive").mean()) if part.height else None  # type: ignore[arg-type]
            for part in (decided, without)
        )

    def note(self) -> Note:
        """Say how many texts are flagged and what changes without them."""
        flagged = self.summary.row(-1, named=True)
        if not flagged["texts"]:
            return Note(say("copies_none", n=count(self._flagged.height)), self._language)
        given = {
            "n": count(self._flagged.height),
            "flagged": count(flagged["texts"]),
            "share": percent(flagged["share"]),
        }
        before, after = self.positive
        if before is None or after is None:
            return Note(say("copies_some", **given), self._language)
        said = say("copies_change", **given, before=percent(before), after=percent(after))
        return Note(said, self._language)

    def table(self) -> Table:
        """Show how many texts carry which flag."""
        words = texts()
        flags = (
            *(words["copies_kind_exact"], words["copies_kind_near"], words["copies_kind_advert"]),
            *(words["copies_kind_copied_text"], words["copies_kind_gibberish"], words["copies_kind_any"]),
        )
        names = {kind: name.to(self._language) for kind, name in zip(_KINDS, flags, strict=True)}
        frame = self.summary.with_columns(
            name=pl.col("kind").replace_strict(names, return_dtype=pl.String),
            interval=pl.concat_list("low", "high"),
        )
        return Table(
            frame,
            [
                Column("name", words["copies_kind"]),
                Column("texts", words["texts"], "integer"),
                Column("share", words["of_texts"], "percent", bar=True),
                Column("interval", words["interval_95"], "interval", of="percent"),
            ],
            caption=words["copies_caption"],
            note=words["copies_note"],
            language=self._language,
        )

    @property
    def _any(self) -> pl.Expr:
        return pl.col("duplicate_of").is_not_null() | pl.col("spam").is_not_null()
