"""Movement between two days: the migration matrix by replaying history with frozen cut-points."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import polars as pl

from crmlab.data.suppression import hidden, hidden_cells
from crmlab.intervals import wilson
from crmlab.labels import UNCLASSIFIED
from crmlab.view import charts, theme
from crmlab.view.numbers import count, percent
from crmlab.view.tables import MISSING, Column, Table
from crmlab.view.texts import joined, say, texts

if TYPE_CHECKING:
    import altair as alt

    from crmlab.movement.alerts import Alerts
    from crmlab.movement.movers import Direction, Movers
    from crmlab.results import Segmentation


NEWCOMER = "(new)"
"""Stands for the class of customers who have none on the earlier day; no label can have this id."""

_JUDGED = (theme.GOOD, theme.PALETTE[1], theme.BAD)
"""Colours of schemes with two or three classes, best first."""


class Movement:
    """How customers moved between the classes of one scheme from an earlier day to a later one.

    Both days use the same cut-points. Customers unknown on the earlier day come in as ``NEWCOMER``.
    """

    def __init__(self, before: Segmentation, after: Segmentation) -> None:
        self.before = before
        self.after = after
        self._language = after.lab.language
        self._smallest = after.lab.study.privacy.smallest_group

    @cached_property
    def matrix(self) -> pl.DataFrame:
        """One row per (``before``, ``after``) pair of label ids: ``customers`` and ``share`` of before.

        Both are null for pairs of fewer customers than the study's ``privacy.smallest_group``, and for
        those with which the totals would give them away; pairs without customers have no row.
        """
        counts, gone = self._counts, self._hidden
        rows: list[tuple[str, str, int | None, float | None]] = []
        for before, line, off in zip(self.before_ids, counts, gone, strict=True):
            for after, n, hid in zip(self.after.scheme.ids, line, off, strict=True):
                if hid:
                    rows.append((before, after, None, None))
                elif n:
                    rows.append((before, after, n, n / sum(line)))
        return pl.DataFrame(rows, schema=_MATRIX, orient="row")

    @property
    def before_ids(self) -> list[str]:
        """Label ids of the earlier day in order, ``NEWCOMER`` last."""
        return [*self.after.scheme.ids, NEWCOMER]

    @property
    def row_totals(self) -> list[int]:
        """Customers per class of the earlier day that are known on the later one, as ``before_ids``."""
        return [sum(line) for line in self._counts]

    def moved(self, before: str, after: set[str]) -> tuple[int, int] | None:
        """Return how many went from one class to others, and how many there were.

        None where that would tell of fewer customers than the study's ``privacy.smallest_group``.
        """
        place = self.before_ids.index(before)
        line, off = self._counts[place], self._hidden[place]
        left = [name not in after for name in self.after.scheme.ids]
        split = len({stays for hid, stays in zip(off, left, strict=True) if hid}) > 1
        gone = sum(n for n, stays in zip(line, left, strict=True) if not stays)
        # A sum that holds every hidden cell of the row is as public as the row's total.
        if split or before in self.before.few or any(hidden([gone, sum(line) - gone], self._smallest)):
            return None
        return gone, sum(line)

    @cached_property
    def _counts(self) -> list[list[int]]:
        """Customers per class of the earlier day (rows, newcomers last) and of the later one (columns)."""
        earlier = self.before.labels.rename({"label": "before"})
        later = self.after.labels.rename({"label": "after"})
        both = later.join(earlier, on="customer_id", how="left").with_columns(
            pl.col("before").fill_null(NEWCOMER)
        )
        known = both.with_columns(
            before=pl.when(pl.col("before") == UNCLASSIFIED.id).then(pl.lit(NEWCOMER)).otherwise("before")
        ).filter(pl.col("after") != UNCLASSIFIED.id)
        sizes = {row[:2]: row[2] for row in known.group_by("before", "after").len().iter_rows()}
        ids = self.after.scheme.ids
        return [[sizes.get((before, after), 0) for after in ids] for before in self.before_ids]

    @cached_property
    def _hidden(self) -> list[list[bool]]:
        """Say which cells must not be shown, beside the sizes of the classes on both days."""
        ids = self.after.scheme.ids
        rows = [*(name in self.before.few for name in ids), False]
        columns = [name in self.after.few for name in ids]
        return hidden_cells(self._counts, self._smallest, rows, columns)

    def movers(self, direction: Direction = "down", rows: int = 15) -> Movers:
        """Say who moved and which input moved most; ``direction`` picks whom to list."""
        from crmlab.movement.movers import Movers

        return Movers(self, direction, rows)

    def alerts(self, share_change: float = 0.02, best_left: float = 0.2) -> Alerts:
        """Say what of the movement is larger than these shares, beyond chance."""
        from crmlab.movement.alerts import Alerts

        return Alerts(self, share_change, best_left)

    def shares_chart(self) -> alt.LayerChart:
        """Draw the shares of the classes on both days, one bar a day."""
        scheme, words = self.after.scheme, texts()
        together = {*self.before.few, *self.after.few} & set(scheme.ids)
        few = say("privacy_few", k=self._smallest).to(self._language)
        names = {
            label.id: label.text.to(self._language) for label in scheme.labels if label.id not in together
        }
        first, rows, shares = scheme.labels[0], [], []
        for segmentation in (self.before, self.after):
            labels = _known(segmentation.labels)["label"]
            counts = {name: int((labels == name).sum()) for name in names}
            rows += [(str(segmentation.as_of), names[name], n) for name, n in counts.items()]
            if together:
                rest = labels.len() - sum(counts.values())
                rows.append((str(segmentation.as_of), few, rest))
            known = first.id in counts and labels.len()
            shares.append(percent(counts[first.id] / labels.len() if known else None))
        colours = dict(zip(scheme.ids, self._colours(), strict=False))
        drawn = [colours[name] for name in names] + [theme.MUTED] * bool(together)
        then, now = shares
        return charts.share_bars(
            pl.DataFrame(rows, schema=["group", "name", "count"], orient="row"),
            drawn,
            say("status_title", label=first.text, then=then, now=now, day=self.before.as_of),
            say("status_subtitle", n=count(_known(self.after.labels).height)),
            words["as_of"],
            scheme.text,
            self._language,
        )

    def _colours(self) -> tuple[str, ...]:
        ids = self.after.scheme.ids
        return _JUDGED if len(ids) <= len(_JUDGED) else theme.PALETTE * len(ids)

    def chart(self) -> alt.LayerChart:
        """Draw the migration matrix: rows are the earlier class, columns the later one."""
        language, scheme = self._language, self.after.scheme
        names = {label.id: label.text.to(language) for label in scheme.labels} | {
            NEWCOMER: texts()["newcomer"].to(language)
        }
        frame = self.matrix.with_columns(
            pl.col("before", "after").replace_strict(names, return_dtype=pl.String),
            text=pl.format(
                "{} ({}%)",
                pl.col("customers").map_elements(count, return_dtype=pl.String),
                (pl.col("share") * 100).round(0).cast(pl.Int64),
            ).fill_null(MISSING),
        )
        best = scheme.labels[0]
        moved = self.moved(best.id, set(scheme.ids[1:]))
        title = say("movement_caption", scheme=scheme.text)
        if moved == (0, 0):
            title = say("movement_none", label=best.text, day=self.before.as_of)
        elif moved is not None:
            gone, of = moved
            title = say(
                "movement_title", label=best.text, gone=count(gone), of=count(of), share=percent(gone / of)
            )
        return charts.heat_map(
            frame,
            "after",
            "before",
            "share",
            x_title=say("class_on", day=self.after.as_of),
            y_title=say("class_on", day=self.before.as_of),
            value_title=texts()["share_of_row"],
            title=title,
            subtitle=texts()["movement_subtitle"],
            language=language,
            x_order=[names[name] for name in scheme.ids],
            y_order=[names[name] for name in self.before_ids],
            value_format=".1%",
            tooltips=[("customers", texts()["customers"])],
        )

    def table(self) -> Table:
        """Show the matrix as rows with 95 % Wilson intervals of the shares."""
        words, scheme = texts(), self.after.scheme
        names = scheme.names(self._language) | {NEWCOMER: words["newcomer"].to(self._language)}
        totals = dict(zip(self.before_ids, self.row_totals, strict=True))
        bounds = [
            None if n is None else list(wilson(n, totals[before]))
            for before, n in self.matrix.select("before", "customers").iter_rows()
        ]
        gone = sum(map(sum, self._hidden))
        note = say("privacy_cells", cells=gone, k=self._smallest) if gone else None
        frame = self.matrix.with_columns(
            pl.col("before", "after").replace_strict(names, return_dtype=pl.String),
            interval=pl.Series(bounds, dtype=pl.List(pl.Float64)),
        )
        return Table(
            frame,
            [
                Column("before", say("class_on", day=self.before.as_of)),
                Column("after", say("class_on", day=self.after.as_of)),
                Column("customers", words["customers"], "integer"),
                Column("share", words["share_of_row"], "percent", bar=True),
                Column("interval", words["interval_95"], "interval", of="percent"),
            ],
            caption=say("movement_caption", scheme=scheme.text),
            note=joined(words["movement_note"], note),
            language=self._language,
        )


_MATRIX = {"before": pl.String, "after": pl.String, "customers": pl.Int64, "share": pl.Float64}


def _known(labels: pl.DataFrame) -> pl.DataFrame:
    """Leave out who has no class because data is missing."""
    return labels.filter(pl.col("label") != UNCLASSIFIED.id)
