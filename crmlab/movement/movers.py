"""Who moved, and why: the input of the rule that moved most, and the customers worth a look."""

from __future__ import annotations

from datetime import date
from functools import cached_property
from typing import TYPE_CHECKING, Literal

import polars as pl

from crmlab.data.masking import mask_reasons
from crmlab.errors import ParamsError
from crmlab.intervals import wilson
from crmlab.labels import Measure, Text
from crmlab.movement.matrix import LEAVER, NEWCOMER
from crmlab.view.findings import Note
from crmlab.view.numbers import count, money, percent
from crmlab.view.tables import Column, Table
from crmlab.view.texts import joined, say, texts

if TYPE_CHECKING:
    from crmlab.movement.matrix import Movement

Direction = Literal["down", "up", "any"]

MOST_MOVES = 20
"""Rows of the table of moves; :attr:`Movers.summary` has all."""


class Movers:
    """The customers whose class differs between the two days of a movement.

    ``direction`` picks whom :attr:`customers` lists: those whose class got worse in the order of the
    scheme (``down``, where it has such an order), better (``up``), or both (``any``). Raises
    ParamsError for another one, and for a direction in classes that are not better or worse.
    """

    def __init__(self, movement: Movement, direction: Direction | None = None, rows: int = 15) -> None:
        if direction is None:
            direction = "down" if movement.ranked else "any"
        if direction not in ("down", "up", "any"):
            raise ParamsError(f"direction is {direction!r}; it must be down, up or any.")
        if direction != "any" and not movement.ranked:
            raise ParamsError(
                f"direction is {direction!r}, but no class of {movement.after.name!r} is better than others. "
                "Use any."
            )
        self.movement = movement
        self.direction = direction
        self.rows = rows
        self._lab = movement.after.lab
        self._language = self._lab.language

    @cached_property
    def summary(self) -> pl.DataFrame:
        """One row per move, the largest first: ``before``, ``after``, ``customers``, ``share`` of before.

        ``driver`` is the input that moved most: its median ``then`` and ``now`` (null for texts), and
        ``shift``, the mean change of its rank among all customers of both days, within −1 to 1; of a
        text, the share of movers whose value changed. Inputs in different units compare that way
        whatever their spread (Conover & Iman 1981, The American Statistician 35:124–129, on ranks).
        What moved most has the largest sum of that change and of its difference from the change of those
        who stayed in ``before``: everybody grows older by the same days. Texts count half.
        Moves that the matrix hides are left out.
        """
        moves = self.movement.matrix.filter(
            pl.col("before") != pl.col("after"),
            pl.col("before") != NEWCOMER,
            pl.col("after") != LEAVER,
            pl.col("customers").is_not_null(),
        )
        order = {name: place for place, name in enumerate(self.movement.after.scheme.ids)}
        moves = moves.sort(
            "customers",
            pl.col("before").replace_strict(order, return_dtype=pl.Int64),
            pl.col("after").replace_strict(order, return_dtype=pl.Int64),
            descending=[True, False, False],
        )
        rows = []
        for before, after, n, share in moves.iter_rows():
            there = self._changes.filter(pl.col("before") == before)
            moved, stayed = there.filter(pl.col("after") == after), there.filter(pl.col("after") == before)
            rows.append((before, after, n, share, *self._driver(moved, stayed)))
        return pl.DataFrame(rows, schema=_SUMMARY, orient="row")

    @cached_property
    def customers(self) -> pl.DataFrame:
        """The movers who have spent most: ``customer_id``, ``before``, ``after``, ``total_spend``.

        Then the reasons in both languages: ``then_zh``, ``then_en``, ``now_zh``, ``now_en``. Moves that
        the matrix hides are left out.
        """
        before, after = self.movement.before, self.movement.after
        order = {name: place for place, name in enumerate(after.scheme.ids)}
        shown = self.movement.matrix.filter(pl.col("customers").is_not_null()).select("before", "after")
        was, now = (
            pl.col(name).replace_strict(order, default=None, return_dtype=pl.Int64)
            for name in ("before", "after")
        )
        picked = {"down": now > was, "up": now < was, "any": now != was}[self.direction]
        moved = (
            before.labels.rename({"label": "before"})
            .join(after.labels.rename({"label": "after"}), on="customer_id")
            .filter(picked)
            .join(shown, on=["before", "after"], how="semi")
        )
        spend = self._lab.features("total_spend", as_of=after.as_of)
        listed = (
            moved.join(spend, on="customer_id", how="left")
            .sort("total_spend", "customer_id", descending=[True, False], nulls_last=True)
            .head(self.rows)
        )
        for segmentation, name in ((before, "then"), (after, "now")):
            wanted = segmentation.features.join(listed, on="customer_id", how="semi", maintain_order="left")
            reasons = segmentation.classifier.explain(wanted).select(pl.all().name.prefix(f"{name}_"))
            told = wanted.select("customer_id").hstack(reasons)
            listed = listed.join(told, on="customer_id", how="left", maintain_order="left")
        return listed

    def table(self) -> Table | Note:
        """Show the moves with what moved; say so where nobody moved."""
        words = texts()
        if self.summary.is_empty():
            return Note(words["movers_none"], self._language)
        names = self.movement.after.scheme.names(self._language)
        totals = dict(zip(self.movement.before_ids, self.movement.row_totals, strict=True))
        bounds = [
            list(wilson(n, totals[before]))
            for before, n in self.summary.select("before", "customers").iter_rows()
        ]
        frame = self.summary.with_columns(
            pl.col("before", "after").replace_strict(names, return_dtype=pl.String),
            interval=pl.Series(bounds, dtype=pl.List(pl.Float64)),
            why=pl.Series(
                [text.to(self._language) if text else None for text in self.reasons()], dtype=pl.String
            ),
        )
        more = say("movers_most", n=MOST_MOVES, of=frame.height) if frame.height > MOST_MOVES else None
        return Table(
            frame.head(MOST_MOVES),
            [
                Column("before", words["movers_before"]),
                Column("after", words["movers_after"]),
                Column("customers", words["customers"], "integer"),
                Column("share", words["share_of_row"], "percent", bar=True),
                Column("interval", words["interval_95"], "interval", of="percent"),
                Column("why", words["movers_why"], note=words["movers_why_note"]),
            ],
            caption=say("movers_caption", scheme=self.movement.after.scheme.text, **self._days),
            note=joined(more, words["movers_note"], self._hidden_note()),
            language=self._language,
        )

    def reasons(self) -> list[Text | None]:
        """Return for each move of :attr:`summary` what moved most, as 距最近一次购买 12 天 → 95 天."""
        return [
            self._worded(driver, then, now, shift)
            for driver, then, now, shift in self.summary.select("driver", "then", "now", "shift").iter_rows()
        ]

    def customers_table(self) -> Table | Note:
        """Show the listed customers, under codes instead of ids unless the study says otherwise."""
        words = texts()
        if self.customers.is_empty():
            return Note(words["movers_nobody"], self._language)
        attributes = self._lab.tables["customers"] if "customers" in self._lab.tables.loaded else None
        names = self.movement.after.scheme.names(self._language)
        frame = self.customers.with_columns(
            pl.col("before", "after").replace_strict(names, return_dtype=pl.String)
        )
        for name in ("then", "now"):
            reasons = frame.select("customer_id", zh=f"{name}_zh", en=f"{name}_en")
            masked = mask_reasons(reasons, attributes)
            frame = frame.with_columns(masked[self._language].alias(name))
        plain = self._lab.study.privacy.ids == "plain"
        frame = frame.with_columns(customer_id=self._lab.shown_ids(frame["customer_id"]))
        return Table(
            frame,
            [
                Column("customer_id", words["customer_id"] if plain else words["customer_code"]),
                Column("before", words["movers_before"]),
                Column("after", words["movers_after"]),
                Column("total_spend", words["spend"], "money", bar=True),
                Column("then", words["movers_then"]),
                Column("now", words["movers_now"]),
            ],
            caption=say(f"movers_listed_{self.direction}", n=count(frame.height), **self._days),
            note=joined(words["watch_note_plain" if plain else "watch_note_masked"], self._hidden_note()),
            language=self._language,
            currency=self._lab.study.currency,
        )

    @property
    def _days(self) -> dict[str, date]:
        return {"first": self.movement.before.as_of, "last": self.movement.after.as_of}

    def _hidden_note(self) -> Text | None:
        if not self.movement.matrix["customers"].has_nulls():
            return None
        return say("movers_hidden", k=self._lab.study.privacy.smallest_group)

    @cached_property
    def _inputs(self) -> list[str]:
        """The inputs of the rule that can be compared: numbers, truth values and texts."""
        schema = self.movement.after.features.schema
        kinds = (pl.String, pl.Boolean)
        return [
            name
            for name in dict.fromkeys(self.movement.after.classifier.goes_by)
            if name != "customer_id" and (schema[name].is_numeric() or schema[name] in kinds)
        ]

    @cached_property
    def _changes(self) -> pl.DataFrame:
        """Everybody's classes and inputs on both days, with the change of each input's rank."""
        before, after = self.movement.before, self.movement.after
        both = before.features.select(
            pl.col("customer_id", *self._inputs), before=before.labels["label"]
        ).join(
            after.features.select(pl.col("customer_id", *self._inputs), after=after.labels["label"]),
            on="customer_id",
            suffix="_now",
            maintain_order="left",
        )
        for name in self._inputs:
            then, now = both[name], both[f"{name}_now"]
            if then.dtype == pl.String:
                change = then.ne_missing(now).cast(pl.Float64)
            else:
                pooled = pl.concat([then, now]).cast(pl.Float64)
                ranks = pooled.rank("average") / max(1, pooled.len() - pooled.null_count())
                change = ranks.slice(both.height) - ranks.slice(0, both.height)
            both = both.with_columns(change.alias(f"{name}_shift"))
        return both

    def _driver(
        self, moved: pl.DataFrame, stayed: pl.DataFrame
    ) -> tuple[str | None, float | None, float | None, float | None]:
        best: tuple[str | None, float | None, float | None, float | None] = (None, None, None, None)
        most = 0.0
        for name in self._inputs:
            shift, usual = moved[f"{name}_shift"].mean(), stayed[f"{name}_shift"].mean()
            if not isinstance(shift, float):
                continue
            text = moved.schema[name] == pl.String
            beyond = shift - (usual if isinstance(usual, float) else 0.0)
            weight = (abs(shift) + abs(beyond)) * (0.5 if text else 1.0)
            if weight > most:
                middle = [None if text else _median(moved[column]) for column in (name, f"{name}_now")]
                best, most = (name, middle[0], middle[1], shift), weight
        return best

    def _worded(
        self, driver: str | None, then: float | None, now: float | None, shift: float | None
    ) -> Text | None:
        if driver is None or shift is None or not shift:
            return None
        measure = self._lab.measure(driver)
        if then is None or now is None:
            return say("movers_changed", name=measure.text, share=percent(abs(shift), 0))
        currency = self._lab.study.currency
        written = [_written(value, measure, currency) for value in (then, now)]
        return Text(
            f"{measure.zh}：{written[0].zh} → {written[1].zh}",
            f"{measure.en}: {written[0].en} → {written[1].en}",
        )


_SUMMARY = {
    "before": pl.String,
    "after": pl.String,
    "customers": pl.Int64,
    "share": pl.Float64,
    "driver": pl.String,
    "then": pl.Float64,
    "now": pl.Float64,
    "shift": pl.Float64,
}


def _median(values: pl.Series) -> float | None:
    """Return the median; of truth values, the share that is true."""
    known = values.drop_nulls().cast(pl.Float64)
    middle = known.mean() if values.dtype == pl.Boolean else known.median()
    return float(middle) if isinstance(middle, float) else None


def _written(value: float, measure: Measure, currency: str) -> Text:
    """Write a value with its unit."""
    if measure.unit == "currency":
        return money(value, currency)
    if measure.unit in ("share", "boolean"):
        text = percent(value)
    else:
        text = f"{value:,.0f}" if value == int(value) or abs(value) >= 100 else f"{value:,.1f}"
    if measure.unit != "days":
        return Text(text, text)
    days = say("movers_days", n=text)
    # The unit is not said twice: 距最近一次购买的天数：12 → 95.
    return Text(text if "天" in measure.zh else days.zh, text if "days" in measure.en else days.en)
