"""Do customers who complain stay: against others who were like them, by whether it was resolved in time."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from crmlab.complaints.log import Log
from crmlab.complaints.matching import Matched, matched
from crmlab.complaints.part import Part
from crmlab.complaints.promise import Promise
from crmlab.labels import Text
from crmlab.retention.kaplan_meier import difference
from crmlab.segments.separation import UNKNOWN, Estimate
from crmlab.view.complaint_charts import differences
from crmlab.view.findings import Note
from crmlab.view.numbers import count, percent, signed
from crmlab.view.tables import Column, Table
from crmlab.view.texts import joined, say, texts

if TYPE_CHECKING:
    import altair as alt

    from crmlab.lab import Lab

_FEWEST = 30


class Staying(Part):
    """The share of complainers who buy again within so many days, and of others who were like them.

    Each customer counts with the first complaint in the log. See :func:`crmlab.complaints.matching.matched`
    for who is compared with whom. ``in_time`` goes by the promise of the study; without one by the median
    time to resolve. A difference is an association: who complains may differ in what no table shows.
    """

    def __init__(self, lab: Lab, log: Log | None, promise: Promise) -> None:
        super().__init__(lab, log)
        self._promise = promise

    @property
    def days(self) -> int:
        """The days within which buying again counts."""
        return self.lab.study.complaints.repurchase_days

    @cached_property
    def summary(self) -> pl.DataFrame:
        """One row per group: all, in_time, late.

        ``group``, ``complainers`` matched, ``bought`` and ``others`` (shares who bought again),
        ``difference`` with ``low``, ``high``. Figures of fewer than 30 complainers are null.
        """
        rows = []
        for name, chosen in self._groups.items():
            n = int(chosen.sum())
            apart = self.matched.difference(chosen)
            told: tuple[float | None, ...] = (None,) * 5
            if n >= max(_FEWEST, self.fewest):
                shares = (float(x[chosen].mean()) for x in (self.matched.bought, self.matched.others))
                told = (*shares, *apart)
            rows.append((name, n, *told))
        return pl.DataFrame(rows, schema=_SCHEMA, orient="row")

    @cached_property
    def apart(self) -> Estimate:
        """The difference of those resolved in time less that of those resolved late; NaN where unknown."""
        rows = {row["group"]: row for row in self.summary.drop_nulls().iter_rows(named=True)}
        if not {"in_time", "late"} <= set(rows):
            return UNKNOWN
        one, other = (
            Estimate(rows[name]["difference"], rows[name]["low"], rows[name]["high"])
            for name in ("in_time", "late")
        )
        return difference(one, other)

    @cached_property
    def matched(self) -> Matched:
        """The complainers and their others."""
        numbers = pl.Series(np.arange(len(self._ids)))
        customer, complainer = (
            names.replace_strict(self._ids, numbers, return_dtype=pl.Int64).to_numpy()
            for names in (self._paid["customer_id"], self._first["customer_id"])
        )
        return matched(
            customer,
            self._paid["day"].to_numpy(),
            self._paid["amount_hundredths"].to_numpy().astype(np.float64),
            complainer,
            self._first["day"].to_numpy(),
            customers=len(self._ids),
            days=self.days,
        )

    def brief(self) -> Text:
        """Compare all complainers with their others, in a sentence; say that it is no effect."""
        return joined(self._of_all(), texts()["complaints_association"])

    def _of_all(self) -> Text:
        row = self.summary.row(0, named=True)
        if row["difference"] is None:
            return say("complaints_staying_few", n=count(row["complainers"]))
        key = "complaints_staying_alike"
        if row["low"] > 0 or row["high"] < 0:
            key = "complaints_staying_more" if row["low"] > 0 else "complaints_staying_less"
        return say(
            key,
            days=self.days,
            bought=percent(row["bought"]),
            others=percent(row["others"]),
            n=count(row["complainers"]),
            **_points(Estimate(row["difference"], row["low"], row["high"])),
        )

    def _explain(self) -> Text:
        second = None
        if self.apart.value == self.apart.value:
            way = "alike"
            if self.apart.low > 0 or self.apart.high < 0:
                way = "better" if self.apart.low > 0 else "worse"
            keys = {
                "alike": "complaints_staying_time_alike",
                "better": "complaints_staying_time_better",
                "worse": "complaints_staying_time_worse",
            }
            second = say(keys[way], **_points(self.apart))
        lost = say("complaints_staying_unmatched", n=count(self.matched.unmatched))
        return joined(
            self._of_all(),
            second,
            lost if self.matched.unmatched else None,
            texts()["complaints_association"],
        )

    def _chart(self) -> alt.LayerChart | Note:
        frame = self._named().drop_nulls("difference")
        if frame.is_empty():
            return Note(self.explain(), self.lab.language)
        words, row = texts(), self.summary.row(0, named=True)
        return differences(
            frame.with_columns(
                value="difference",
                told=pl.col("difference").map_elements(lambda x: signed(100 * x, 1), return_dtype=pl.String),
            ),
            say(
                "complaints_staying_title",
                days=self.days,
                bought=percent(row["bought"]),
                others=percent(row["others"]),
            ),
            say("complaints_staying_subtitle", n=count(row["complainers"])),
            words["complaints_difference"],
            words["complaints_group"],
            self.lab.language,
            [
                ("name", words["complaints_group"]),
                ("complainers", words["complaints_complainers"]),
                ("told", words["complaints_difference"]),
            ],
        )

    def _table(self) -> Table:
        words = texts()
        return Table(
            self._named().with_columns(interval=pl.concat_list("low", "high")),
            [
                Column("name", words["complaints_group"]),
                Column("complainers", words["complaints_complainers"], "integer"),
                Column("bought", words["complaints_bought"], "percent"),
                Column("others", words["complaints_others"], "percent"),
                Column("difference", words["complaints_difference"], "percent"),
                Column("interval", words["interval_95"], "interval", of="percent"),
            ],
            caption=say("complaints_staying_caption", days=self.days),
            note=words["complaints_staying_note"],
            language=self.lab.language,
        )

    @cached_property
    def _paid(self) -> pl.DataFrame:
        return self.lab.tables["orders"].filter(pl.col("amount_hundredths") > 0)

    @cached_property
    def _ids(self) -> pl.Series:
        """Everybody who bought or complained; the place is the number of the customer."""
        return pl.concat([self._paid["customer_id"], self._first["customer_id"]]).unique().sort()

    @cached_property
    def _first(self) -> pl.DataFrame:
        """The first complaint of each known customer, where the orders reach over the days after it."""
        known = self.log.frame.drop_nulls("customer_id").unique(
            "customer_id", keep="first", maintain_order=True
        )
        return known.filter(pl.col("day") + self.days <= self.lab.tables["orders"]["day"].max())

    @cached_property
    def _groups(self) -> dict[str, np.ndarray[tuple[int], np.dtype[np.bool_]]]:
        groups = {"all": np.ones(len(self.matched.customer), bool)}
        judged = self._promise.in_time()
        if judged is None:
            ended = self._first.filter(pl.col("ended_at").is_not_null())
            middle = ended["resolution_calendar"].median()
            judged = ended.select("complaint_id", in_time=pl.col("resolution_calendar") <= middle)
        whose = pl.DataFrame({"customer_id": self._ids.gather(self.matched.customer)})
        timed = self._first.select("customer_id", "complaint_id").join(judged, on="complaint_id")
        in_time = whose.join(timed, on="customer_id", how="left", maintain_order="left")["in_time"]
        return groups | {
            "in_time": in_time.fill_null(value=False).to_numpy(),
            "late": (~in_time).fill_null(value=False).to_numpy(),
        }

    def _named(self) -> pl.DataFrame:
        words = texts()
        by_promise = self._promise.in_time() is not None
        keys = {
            "all": "complaints_all",
            "in_time": "complaints_kept" if by_promise else "complaints_quicker",
            "late": "complaints_late" if by_promise else "complaints_slower",
        }
        names = {group: words[key].to(self.lab.language) for group, key in keys.items()}
        return self.summary.with_columns(name=pl.col("group").replace_strict(names, return_dtype=pl.String))

    def _lacks(self) -> Text | None:
        if "orders" not in self.lab.tables or not self.log.has("customer_id"):
            return texts()["complaints_staying_lacks"]
        if self._first.is_empty():
            return say("complaints_staying_early", days=self.days)
        return None


_SCHEMA = {
    "group": pl.String,
    "complainers": pl.Int64,
    **dict.fromkeys(("bought", "others", "difference", "low", "high"), pl.Float64),
}


def _points(apart: Estimate) -> dict[str, str]:
    return {name: signed(100 * getattr(apart, name), 1) for name in ("value", "low", "high")}
