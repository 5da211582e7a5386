"""Movement between two days: the migration matrix by replaying history with frozen cut-points."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import polars as pl

from crmlab.data.suppression import hidden, hidden_cells
from crmlab.errors import ParamsError
from crmlab.intervals import wilson
from crmlab.labels import UNCLASSIFIED, Text
from crmlab.view import charts, theme
from crmlab.view.numbers import count, percent
from crmlab.view.tables import MISSING, Column, Table
from crmlab.view.texts import joined, say, texts

if TYPE_CHECKING:
    from datetime import date

    import altair as alt

    from crmlab.movement.alerts import Alerts
    from crmlab.movement.movers import Direction, Movers
    from crmlab.results import Segmentation


NEWCOMER = "(new)"
"""Stands for the class of customers who have none on the earlier day; no label can have this id."""
LEAVER = "(none)"
"""Stands for the class of customers who have none on the later day any more, such as old feedback."""

_JUDGED = (theme.GOOD, theme.PALETTE[1], theme.BAD)
"""Colours of schemes with two or three classes, best first."""


class Movement:
    """How customers moved between the classes of one scheme from an earlier day to a later one.

    Both days use the same cut-points. Customers without a class on the earlier day come in as
    ``NEWCOMER``, those without one on the later day go to ``LEAVER``. Raises ParamsError for two
    different classifications, and for days that are not in order.
    """

    def __init__(self, before: Segmentation, after: Segmentation) -> None:
        _check_comparable(before, after)
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
            for after, n, hid in zip(self.after_ids, line, off, strict=True):
                if hid:
                    rows.append((before, after, None, None))
                elif n:
                    rows.append((before, after, n, n / sum(line)))
        return pl.DataFrame(rows, schema=_MATRIX, orient="row")

    @property
    def before_ids(self) -> list[str]:
        """Label ids of the earlier day in order, ``NEWCOMER`` last."""
        return [*self.after.scheme.ids, NEWCOMER]

    @cached_property
    def after_ids(self) -> list[str]:
        """Label ids of the later day in order; ``LEAVER`` last where anybody has no class any more."""
        left = any(after == LEAVER for _, after in self._pairs)
        return [*self.after.scheme.ids, *([LEAVER] if left else [])]

    @cached_property
    def names(self) -> dict[str, str]:
        """What readers call the classes of both days, by id."""
        words = texts()
        return self.after.scheme.names(self._language) | {
            NEWCOMER: words["newcomer"].to(self._language),
            LEAVER: words["leaver"].to(self._language),
        }

    def leaver_note(self) -> Text | None:
        """Say what ``LEAVER`` is, or None where nobody is one."""
        return texts()["leaver_note"] if LEAVER in self.after_ids else None

    @property
    def ranked(self) -> bool:
        """Whether the classes stand for more or less revenue or loyalty, so that some are worse."""
        return bool({"revenue", "loyalty"} & set(self.after.scheme.axes))

    @property
    def row_totals(self) -> list[int]:
        """Customers per class of the earlier day, as ``before_ids``."""
        return [sum(line) for line in self._counts]

    def moved(self, before: str, after: set[str]) -> tuple[int, int] | None:
        """Return how many went from one class to others, and how many there were.

        None where that would tell of fewer customers than the study's ``privacy.smallest_group``.
        """
        place = self.before_ids.index(before)
        line, off = self._counts[place], self._hidden[place]
        left = [name not in after for name in self.after_ids]
        split = len({stays for hid, stays in zip(off, left, strict=True) if hid}) > 1
        gone = sum(n for n, stays in zip(line, left, strict=True) if not stays)
        # A sum that holds every hidden cell of the row is as public as the row's total.
        if split or before in self.before.few or any(hidden([gone, sum(line) - gone], self._smallest)):
            return None
        return gone, sum(line)

    @cached_property
    def _pairs(self) -> dict[tuple[str, str], int]:
        """Customers per class of the earlier and of the later day; who has none on both does not count."""
        earlier = self.before.labels.rename({"label": "before"})
        later = self.after.labels.rename({"label": "after"})
        both = earlier.join(later, on="customer_id", how="full", coalesce=True)
        known = both.select(
            pl.col("before").replace(UNCLASSIFIED.id, None).fill_null(NEWCOMER),
            pl.col("after").replace(UNCLASSIFIED.id, None).fill_null(LEAVER),
        ).filter((pl.col("before") != NEWCOMER) | (pl.col("after") != LEAVER))
        return {row[:2]: row[2] for row in known.group_by("before", "after").len().iter_rows()}

    @cached_property
    def _counts(self) -> list[list[int]]:
        """Customers per class of the earlier day (rows, as ``before_ids``) and of the later one (columns)."""
        sizes, ids = self._pairs, self.after_ids
        return [[sizes.get((before, after), 0) for after in ids] for before in self.before_ids]

    @cached_property
    def _hidden(self) -> list[list[bool]]:
        """Say which cells must not be shown, beside the sizes of the classes on both days."""
        ids = self.after.scheme.ids
        rows = [*(name in self.before.few for name in ids), False]
        columns = [name in self.after.few for name in self.after_ids]
        return hidden_cells(self._counts, self._smallest, rows, columns)

    def movers(self, direction: Direction | None = None, rows: int = 15) -> Movers:
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
        names = self.names
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
            x_order=[names[name] for name in self.after_ids],
            y_order=[names[name] for name in self.before_ids],
            value_format=".1%",
            tooltips=[("customers", texts()["customers"])],
        )

    def table(self) -> Table:
        """Show the matrix as rows with 95 % Wilson intervals of the shares."""
        words, scheme = texts(), self.after.scheme
        names = self.names
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
            note=joined(words["movement_note"], self.leaver_note(), note),
            language=self._language,
        )


_MATRIX = {"before": pl.String, "after": pl.String, "customers": pl.Int64, "share": pl.Float64}


def replay(segmentation: Segmentation, day: date) -> Segmentation:
    """Return the same classification on another day, with the very cut-points of ``segmentation``."""
    from crmlab.results import Segmentation

    if day == segmentation.as_of:
        return segmentation
    classifier, lab = segmentation.classifier, segmentation.lab
    features = lab.features(*classifier.requires, as_of=day)
    return Segmentation(lab, segmentation.name, classifier, features, day, segmentation.learned)


def _check_comparable(before: Segmentation, after: Segmentation) -> None:
    """Raise ParamsError where moving from one to the other would not be the customers' own change."""
    if before.name != after.name:
        raise ParamsError(
            f"Movement compares one classification on two days; given: {before.name!r} and {after.name!r}."
        )
    if before.as_of >= after.as_of:
        raise ParamsError(
            f"Movement goes from an earlier day to a later one; given: {before.as_of}, then {after.as_of}. "
            "Call later.compare(earlier)."
        )
    then, now = before.classifier.get_params(), after.classifier.get_params()
    changed = sorted(name for name in now if then.get(name) != now[name])
    if changed or before.learned != after.learned or before.scheme.ids != after.scheme.ids:
        what = ", ".join(changed) or "what it learned, and when"
        raise ParamsError(
            f"Movement needs the same rule on both days, but {after.name!r} differs in {what}. "
            "Classify both days with the same parameters, and without learned_on."
        )


def _known(labels: pl.DataFrame) -> pl.DataFrame:
    """Leave out who has no class because data is missing."""
    return labels.filter(pl.col("label") != UNCLASSIFIED.id)
