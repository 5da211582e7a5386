"""Movement over several days in a row, such as quarter ends, as an alluvial chart."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

import polars as pl

from crmlab.data.suppression import FEW
from crmlab.errors import ParamsError
from crmlab.intervals import wilson
from crmlab.labels import Text
from crmlab.movement.matrix import LEAVER, NEWCOMER, Movement, replay
from crmlab.view import theme
from crmlab.view.movement_charts import Ribbon, Stratum, alluvial
from crmlab.view.numbers import count, percent
from crmlab.view.tables import Column, Table
from crmlab.view.texts import joined, say, texts

if TYPE_CHECKING:
    import altair as alt

    from crmlab.lab import Lab
    from crmlab.results import Segmentation

MOST_DAYS = 5
MOST_CLASSES = 8
"""As many as there are colours that can be told apart; the smallest beyond them are drawn together."""

_TO_COME = "#d5d2ca"
"""Colour of customers who come in after the day: no class yet."""


def quarter_ends(as_of: date, days: int = 4) -> list[date]:
    """Return the last quarter ends before ``as_of``, and ``as_of`` itself: ``days`` dates in all."""
    ends = [as_of]
    while len(ends) < days:
        first = ends[-1].replace(month=(ends[-1].month - 1) // 3 * 3 + 1, day=1)
        ends.append(first - timedelta(days=1))
    return ends[::-1]


class Alluvial:
    """How customers moved between the classes of one scheme over two to five days.

    All days use the same cut-points. Between two days it shows what :class:`Movement` shows: flows
    too small to be shown there are left out here, and leave a gap in the bar of their class.
    Raises ParamsError for another number of days, days out of order, or several classifications.
    """

    def __init__(self, segmentations: Sequence[Segmentation]) -> None:
        days = [each.as_of for each in segmentations]
        if not 2 <= len(days) <= MOST_DAYS or days != sorted(set(days)):
            raise ParamsError(
                f"An alluvial chart shows 2 to {MOST_DAYS} different days, the earliest first; given: "
                f"{', '.join(map(str, days)) or 'none'}."
            )
        if len({each.name for each in segmentations}) > 1:
            raise ParamsError(
                "An alluvial chart follows one classification; given: "
                f"{', '.join(sorted({each.name for each in segmentations}))}."
            )
        self.segmentations = tuple(segmentations)
        self.scheme = segmentations[-1].scheme
        self._lab = segmentations[-1].lab
        self._language = self._lab.language

    @classmethod
    def of(cls, lab: Lab, name: str, days: Sequence[date] | None = None, **params: Any) -> Alluvial:
        """Replay the classifier ``name`` on some days, by default the last three quarter ends and as_of."""
        return cls.replayed(lab.classify(name, **params), days)

    @classmethod
    def replayed(cls, segmentation: Segmentation, days: Sequence[date] | None = None) -> Alluvial:
        """Replay a segmentation on some days, with its own rule and cut-points."""
        return cls([replay(segmentation, day) for day in days or quarter_ends(segmentation.as_of)])

    @cached_property
    def movements(self) -> tuple[Movement, ...]:
        """The movement from each day to the next."""
        pairs = zip(self.segmentations, self.segmentations[1:], strict=False)
        return tuple(Movement(before, after) for before, after in pairs)

    @cached_property
    def sizes(self) -> pl.DataFrame:
        """One row per day and class: ``day``, ``class``, ``customers`` and ``share`` of the classified.

        ``few`` holds what is too small to be shown, and the smallest classes beyond eight. Null where
        even together they are fewer than the study's ``privacy.smallest_group``.
        """
        smallest, rows = self._lab.study.privacy.smallest_group, []
        for each in self.segmentations:
            counts = dict.fromkeys([*self._shown, FEW], 0)
            for label, n in each.labels.group_by("label").len().iter_rows():
                if label in self.scheme.ids:
                    counts[self._group(label)] += n
            total = sum(counts.values())
            for name, n in counts.items():
                known = n == 0 or n >= smallest
                if name != FEW or self._gathered:
                    rows.append(
                        (each.as_of, name, n if known else None, n / total if known and total else None)
                    )
        schema = {"day": pl.Date, "class": pl.String, "customers": pl.Int64, "share": pl.Float64}
        return pl.DataFrame(rows, schema=schema, orient="row")

    @cached_property
    def summary(self) -> pl.DataFrame:
        """One row per step and pair of classes with customers: ``day``, ``next_day``, ``before``, ``after``.

        Then ``customers``, ``share`` of those in ``before`` and its 95 % Wilson interval ``low``, ``high``;
        null where too few to be shown. ``NEWCOMER`` are customers without a class on ``day``, ``LEAVER``
        those without one on ``next_day``.
        """
        rows = []
        for movement in self.movements:
            ids = [*self._shown, FEW, NEWCOMER, LEAVER]
            totals, flows = dict.fromkeys(ids, 0), dict[tuple[str, str], int | None]()
            for before, after, n in movement.matrix.select("before", "after", "customers").iter_rows():
                pair = self._group(before), self._group(after)
                known = flows.get(pair, 0)
                flows[pair] = None if n is None or known is None else known + n
            for before, n in zip(movement.before_ids, movement.row_totals, strict=True):
                totals[self._group(before)] += n
            days = movement.before.as_of, movement.after.as_of
            for (before, after), n in sorted(
                flows.items(), key=lambda item: (ids.index(item[0][0]), ids.index(item[0][1]))
            ):
                shares = (None,) * 3 if n is None else (n / totals[before], *wilson(n, totals[before]))
                rows.append((*days, before, after, n, *shares))
        return pl.DataFrame(rows, schema=_SCHEMA, orient="row")

    def chart(self) -> alt.LayerChart:
        """Draw the days as bars side by side, with ribbons for who went where."""
        words, language = texts(), self._language
        strata = [
            *self._strata(),
            *(
                Stratum(at, NEWCOMER, self._names[NEWCOMER], n, _TO_COME, self._names[NEWCOMER], "")
                for at, n in enumerate(self._newcomers())
                if n
            ),
        ]
        drawn = {(each.column, each.id) for each in strata}
        steps = {movement.before.as_of: at for at, movement in enumerate(self.movements)}
        ribbons = [
            Ribbon(steps[day], before, after, n, share)
            for day, before, after, n, share in self.summary.select(
                "day", "before", "after", "customers", "share"
            ).iter_rows()
            if n and (steps[day], before) in drawn and (steps[day] + 1, after) in drawn
        ]
        subtitle = joined(
            say(
                "alluvial_subtitle",
                n=count(sum(each.customers for each in strata if each.column == self._last)),
            ),
            words["alluvial_new"] if any(each.id == NEWCOMER for each in strata) else None,
            words["alluvial_leaver"] if self._leaver_note() else None,
            self._hidden_note(),
            self._early_note(),
        )
        days = [f"{each.as_of.year}|{each.as_of:%m-%d}" for each in self.segmentations]
        return alluvial(days, strata, ribbons, self._title(), subtitle, language)

    def table(self) -> Table:
        """Show the flows of every step as rows with 95 % Wilson intervals of the shares."""
        words = texts()
        frame = self.summary.with_columns(
            pl.col("before", "after").replace_strict(self._names, return_dtype=pl.String),
            interval=pl.when(pl.col("low").is_not_null()).then(pl.concat_list("low", "high")),
        )
        hidden = self.summary["customers"].null_count()
        return Table(
            frame,
            [
                Column("day", words["alluvial_from"], "date"),
                Column("next_day", words["alluvial_to"], "date"),
                Column("before", words["movers_before"]),
                Column("after", words["movers_after"]),
                Column("customers", words["customers"], "integer"),
                Column("share", words["share_of_row"], "percent", bar=True),
                Column("interval", words["interval_95"], "interval", of="percent"),
            ],
            caption=say("alluvial_caption", scheme=self.scheme.text),
            note=joined(
                words["movement_note"],
                self._leaver_note(),
                self._merged_note(),
                say("privacy_cells", cells=hidden, k=self._smallest) if hidden else None,
            ),
            language=self._language,
        )

    @property
    def _smallest(self) -> int:
        return self._lab.study.privacy.smallest_group

    @property
    def _last(self) -> int:
        return len(self.segmentations) - 1

    @cached_property
    def _shown(self) -> tuple[str, ...]:
        """The classes that are drawn alone: none too small on any day, and at most eight with the rest."""
        few = {label for each in self.segmentations for label in each.few}
        rest = [label for label in self.scheme.ids if label not in few]
        room = MOST_CLASSES - bool(len(rest) < len(self.scheme.ids))
        if len(rest) <= room:
            return tuple(rest)
        sizes = pl.concat([each.labels for each in self.segmentations]).group_by("label").len()
        counts = dict(sizes.iter_rows())
        largest = sorted(rest, key=lambda label: (-counts.get(label, 0), rest.index(label)))
        return tuple(label for label in rest if label in largest[: MOST_CLASSES - 1])

    @property
    def _gathered(self) -> list[str]:
        return [label for label in self.scheme.ids if label not in self._shown]

    def _group(self, label: str) -> str:
        return label if label in self._shown or label in (NEWCOMER, LEAVER) else FEW

    @cached_property
    def _names(self) -> dict[str, str]:
        own = {label.id: label.text.to(self._language) for label in self.scheme.labels}
        words = texts()
        return own | {
            FEW: words["alluvial_other"].to(self._language),
            NEWCOMER: words["newcomer"].to(self._language),
            LEAVER: words["leaver"].to(self._language),
        }

    def _merged_note(self) -> Text | None:
        if not self._gathered:
            return None
        labels = [self.scheme[name].text for name in self._gathered]
        zh, en = "、".join(each.zh for each in labels), ", ".join(each.en for each in labels)
        return say("alluvial_merged", labels_zh=zh, labels_en=en)

    def _leaver_note(self) -> Text | None:
        notes = [movement.leaver_note() for movement in self.movements]
        return next((note for note in notes if note), None)

    def _hidden_note(self) -> Text | None:
        """Say how much of the movement is not drawn; the totals tell it anyway."""
        hidden = self.summary["customers"].null_count()
        if not hidden:
            return None
        everybody = sum(sum(movement.row_totals) for movement in self.movements)
        drawn = int(self.summary["customers"].sum())
        return say(
            "alluvial_hidden", flows=hidden, k=self._smallest, share=percent((everybody - drawn) / everybody)
        )

    def _early_note(self) -> Text | None:
        """Warn of classes that were empty on the first day, perhaps because the data had only begun."""
        first, last = self.segmentations[0].as_of, self.segmentations[-1].as_of
        sizes = {row[:2]: row[2] for row in self.sizes.iter_rows()}
        empty = [label for label in self._shown if sizes[first, label] == 0 and sizes[last, label] != 0]
        began = self._began
        if not empty or began is None:
            return None
        labels = [self.scheme[name].text for name in empty]
        return say(
            "alluvial_early",
            began=began,
            day=first,
            labels_zh="、".join(each.zh for each in labels),
            labels_en=", ".join(each.en for each in labels),
        )

    @property
    def _began(self) -> date | None:
        """The day of the first order."""
        if "orders" not in self._lab.tables:
            return None
        first = self._lab.tables["orders"]["day"].min()
        return date(1970, 1, 1) + timedelta(days=int(first)) if isinstance(first, int) else None

    def _strata(self) -> list[Stratum]:
        palette = (theme.GOOD, theme.PALETTE[1], theme.BAD) if len(self._shown) <= 3 else theme.PALETTE
        colours = dict(zip(self._shown, palette, strict=False)) | {FEW: theme.NEUTRAL}
        columns = {each.as_of: at for at, each in enumerate(self.segmentations)}
        strata = []
        for day, label, n, share in self.sizes.iter_rows():
            if not n:
                continue
            at, name, written = columns[day], self._names[label], percent(share)
            text = f"{name} {written}" if at == self._last else written
            strata.append(Stratum(at, label, name, n, colours[label], text, percent(share, 0)))
        return strata

    def _newcomers(self) -> list[int]:
        """Customers who come in between each day and the next, where their number may be shown."""
        flows = self.summary.filter(pl.col("before") == NEWCOMER)
        known = flows.group_by("day").agg(pl.col("customers").sum())
        sizes = dict(known.iter_rows())
        return [sizes.get(each.as_of, 0) for each in self.segmentations[:-1]]

    def _title(self) -> Text:
        """Name the class whose share changed most between the first day and the last."""
        first, last = self.segmentations[0].as_of, self.segmentations[-1].as_of
        shares = self.sizes.filter(pl.col("class") != FEW).drop_nulls("share")
        then = dict(shares.filter(pl.col("day") == first).select("class", "share").iter_rows())
        now = dict(shares.filter(pl.col("day") == last).select("class", "share").iter_rows())
        both = [label for label in self._shown if label in then and label in now]
        if not both:
            return say("alluvial_caption", scheme=self.scheme.text)
        most = max(both, key=lambda label: (abs(now[label] - then[label]), -both.index(label)))
        if percent(then[most]) == percent(now[most]):
            return say("alluvial_caption", scheme=self.scheme.text)
        return say(
            "alluvial_title",
            label=self.scheme[most].text,
            first=first,
            last=last,
            then=percent(then[most]),
            now=percent(now[most]),
        )


_SCHEMA = {
    "day": pl.Date,
    "next_day": pl.Date,
    "before": pl.String,
    "after": pl.String,
    "customers": pl.Int64,
    "share": pl.Float64,
    "low": pl.Float64,
    "high": pl.Float64,
}
