"""Who is in the data, what was rejected, and which data it is."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import polars as pl

from crmlab.data.schemas import REASONS, TABLE_NAMES
from crmlab.data.tables import TableCount
from crmlab.labels import Text
from crmlab.view.findings import KeyFigures, SourceBox
from crmlab.view.numbers import count, money, percent
from crmlab.view.tables import MISSING, Column, Table
from crmlab.view.texts import say, texts

if TYPE_CHECKING:
    from crmlab.lab import Lab


class Overview:
    """What a report stands on: ``tables`` are read, cleaned and counted."""

    def __init__(self, lab: Lab, tables: tuple[str, ...]) -> None:
        self.lab = lab
        self.tables = tuple(name for name in tables if name in lab.tables)

    @cached_property
    def counts(self) -> list[TableCount]:
        """What became of each table."""
        return [self.lab.tables.count(name) for name in self.tables]

    def figures(self) -> KeyFigures:
        """Show the size of the study in a few big numbers."""
        figures: list[tuple[str, Text]] = []
        words, lab = texts(), self.lab
        if "orders" in self.tables:
            orders = lab.tables["orders"]
            paid = orders.filter(pl.col("amount_hundredths") > 0)
            revenue = money(int(orders["amount_hundredths"].sum()) / 100, lab.study.currency)
            figures += [
                (count(lab.features("order_count").height), words["customers"]),
                (count(paid.height), words["paid_orders"]),
                (revenue.to(lab.language), words["net_revenue"]),
                (self._period("orders"), words["period"]),
            ]
        if "feedback" in self.tables:
            feedback = lab.tables["feedback"]
            n = feedback.height
            scored, dated = (n - feedback[name].null_count() for name in ("score", "given_on"))
            figures += [
                (count(n), words["texts_used"]),
                (percent(scored / n if n else None), words["with_score"]),
                (percent(dated / n if n else None), words["with_date"]),
            ]
        return KeyFigures(figures, lab.language)

    def table(self) -> Table:
        """Show rows read, rejected, later than the as-of day and used, per table."""
        words, language = texts(), self.lab.language
        rows = [
            {
                "name": TABLE_NAMES.get(c.name, Text(c.name, c.name)).to(language),
                "read": c.read,
                "rejected": c.rejected,
                "why": self._why(c),
                "later": c.later,
                "outside": c.outside,
                "used": c.used,
            }
            for c in self.counts
        ]
        outside = [Column("outside", words["selection_outside"], "integer")] if self.lab.study.where else []
        return Table(
            pl.DataFrame(rows, schema=_COUNTS).drop([] if outside else "outside"),
            [
                Column("name", words["table"]),
                Column("read", words["rows_read"], "integer"),
                Column("rejected", words["rows_rejected"], "integer"),
                Column("why", words["reasons"]),
                Column("later", say("rows_later", day=self.lab.study.as_of), "integer"),
                *outside,
                Column("used", words["rows_used"], "integer"),
            ],
            caption=words["data_caption"],
            note=words["data_note"] if "orders" in self.tables else self._undated(),
            language=language,
        )

    def _undated(self) -> Text | None:
        """Say how much feedback has no date, so that nobody thinks it was cut at the as-of day."""
        if "feedback" not in self.tables:
            return None
        undated = int(self.lab.tables["feedback"]["given_on"].is_null().sum())
        return say("data_note_feedback", undated=count(undated))

    def sources(self) -> SourceBox:
        """Say which data this is, from where, on which terms, for which day."""
        words, study = texts(), self.lab.study
        owners = dict.fromkeys(self.lab.tables.owner(name) for name in self.tables)
        items: list[tuple[Text, Text]] = [(owner.title, owner.origin) for owner in owners]
        items.append(
            (words["as_of"], say("as_of_text", day=study.as_of, zone=study.timezone, currency=study.currency))
        )
        if "orders" in self.tables:
            items.append((words["policy"], study.policy.text()))
        if study.where:
            parts = [f"{name} = {' / '.join(values)}" for name, values in study.where.items()]
            items.append((words["selection"], Text("；".join(parts), "; ".join(parts))))
        if "identities" in self.lab.tables:
            merged = self.lab.tables.cleaned("identities").table.filter(
                pl.col("record_id") != pl.col("customer_id")
            )
            people = merged["customer_id"].n_unique()
            given = say("merged_records_text", records=count(merged.height), customers=count(people))
            items.append((words["merged_records"], given))
        return SourceBox(items, self.lab.language)

    def _why(self, c: TableCount) -> str:
        language = self.lab.language
        comma = "，" if language == "zh" else ", "
        reasons = [f"{REASONS[reason].to(language)} {count(n)}" for reason, n in c.reasons.items()]
        return comma.join(reasons) or MISSING

    def _period(self, name: str) -> str:
        day = pl.from_epoch(pl.col("day"), time_unit="d").dt.to_string("%Y-%m-%d")
        first, last = self.lab.tables[name].select(first=day.min(), last=day.max()).row(0)
        return f"{first} – {last}" if first else MISSING


_COUNTS = {
    "name": pl.String,
    "read": pl.Int64,
    "rejected": pl.Int64,
    "why": pl.String,
    "later": pl.Int64,
    "outside": pl.Int64,
    "used": pl.Int64,
}
