"""What the customers of each class spend in a year, and how many of them lapsed."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import polars as pl

from crmlab.data.suppression import FEW, hidden, hidden_cells
from crmlab.intervals import wilson, z_value
from crmlab.labels import UNCLASSIFIED, Text
from crmlab.view.findings import Note
from crmlab.view.numbers import count, money, percent
from crmlab.view.scheme_view_charts import dots
from crmlab.view.texts import joined, say, texts

if TYPE_CHECKING:
    import altair as alt

    from crmlab.results import Segmentation

MOST = 12
"""Classes that are drawn; smaller ones are one."""
LAPSED_AFTER = 90
"""Days without a paid order after which a buyer counts as lapsed here."""
_SPEND, _LAST = "spend_last_365_days", "days_since_last_order"
_OTHERS = "others"


class ClassOutcomes:
    """Mean spend of the last 365 days and share lapsed per class, among customers who ever bought."""

    def __init__(self, segmentation: Segmentation) -> None:
        self.segmentation = segmentation
        self._lab = segmentation.lab
        self._smallest = segmentation.lab.study.privacy.smallest_group

    @cached_property
    def summary(self) -> pl.DataFrame:
        """One row per class, highest mean spend first; the eleven largest where there are more than twelve.

        ``label`` (``others`` for the smaller classes together, ``few`` for those too small to be shown),
        ``customers`` who ever bought, ``spend`` (mean of the last 365 days, currency units) with
        ``spend_low``–``spend_high`` (Student's t), ``lapsed`` (share whose last paid order is more
        than 90 days ago) with ``lapsed_low``–``lapsed_high`` (Wilson), null where it would tell of fewer
        customers than the study's ``privacy.smallest_group``. No row where too few ever bought.
        """
        groups = self._groups()
        rows = [
            {"label": label, **_figures(self._buyers.filter(pl.col("label").is_in(members)))}
            for label, members in groups.items()
        ]
        frame = pl.DataFrame(rows, schema=_SCHEMA).filter(pl.col("customers") >= max(self._smallest, 2))
        counts = [[gone, n - gone] for gone, n in frame.select("gone", "customers").iter_rows()]
        cells = hidden_cells(counts, self._smallest, [False] * frame.height, [False, False])
        off = pl.Series([any(line) for line in cells], dtype=pl.Boolean)
        shares = [pl.when(~off).then(name).alias(name) for name in ("lapsed", "lapsed_low", "lapsed_high")]
        last = pl.col("label").is_in([_OTHERS, FEW])
        shown = frame.with_columns(shares).drop("gone")
        return shown.sort(last, "spend", "label", descending=[False, True, False])

    def parts(self) -> list[object]:
        """Return both charts, that of the lapsed if it compares classes; a note where all are too small."""
        if "orders" not in self._lab.tables or not self._buyers.height:
            return []
        if not self.summary.height:
            return [Note(texts()["privacy_all_few"], self._lab.language)]
        charts: list[object] = [self.spend_chart()]
        return [*charts, self.lapse_chart()] if self.summary["lapsed"].count() > 1 else charts

    def spend_chart(self) -> alt.LayerChart:
        """Draw the mean spend per class with its interval; the dashed line is that of all of them."""
        currency, language = self._lab.study.currency, self._lab.language

        def written(value: float) -> str:
            return money(value, currency).to(language)

        return self._chart("spend", written, texts()["outcomes_spend_axis"], percent_axis=False)

    def lapse_chart(self) -> alt.LayerChart:
        """Draw the share lapsed per class with its interval."""
        return self._chart("lapsed", percent, texts()["outcomes_lapse_axis"], percent_axis=True)

    def _chart(self, name: str, written: Any, axis: Text, *, percent_axis: bool) -> alt.LayerChart:
        words, language = texts(), self._lab.language
        last = pl.col("label").is_in([_OTHERS, FEW])
        ranked = self._named().drop_nulls(name).sort(last, name, "label", descending=[False, True, False])
        frame = ranked.select(
            name="name",
            value=name,
            low=f"{name}_low",
            high=f"{name}_high",
            label=pl.col(name).map_elements(written, return_dtype=pl.String),
            interval=pl.format(
                "{} – {}",
                *(pl.col(f"{name}_{end}").map_elements(written, return_dtype=pl.String) for end in _ENDS),
            ),
            customers=pl.col("customers").map_elements(count, return_dtype=pl.String),
        )
        everybody = _figures(self._buyers)[name]
        subtitle = say(
            _KEYS[name].subtitle,
            n=count(self._buyers.height),
            day=self.segmentation.as_of,
            days=LAPSED_AFTER,
        )
        return dots(
            frame,
            everybody,
            self._title(name, written),
            joined(subtitle, self._hidden_note(name), self.segmentation.privacy_note()),
            axis,
            self.segmentation.scheme.text,
            language,
            [
                ("name", words["class"]),
                ("label", axis),
                ("interval", words["interval_95"]),
                ("customers", words["customers"]),
            ],
            percent_axis=percent_axis,
        )

    def _title(self, name: str, written: Any) -> Text:
        """Name the highest and the lowest class where they differ beyond chance; else say that none do."""
        own = (
            self.summary.drop_nulls(name)
            .filter(~pl.col("label").is_in([_OTHERS, FEW]))
            .sort(name, "label", descending=[True, False])
        )
        if own.height < 2:
            return say(_KEYS[name].same, scheme=self.segmentation.scheme.text)
        top, low = own.row(0, named=True), own.row(-1, named=True)
        if not _apart(top, low, name, own.height):
            return say(_KEYS[name].same, scheme=self.segmentation.scheme.text)
        names = self.segmentation.scheme
        currency = self._lab.study.currency
        values = [money(row[name], currency) if name == "spend" else written(row[name]) for row in (top, low)]
        return say(
            _KEYS[name].apart,
            top=names[top["label"]].text,
            low=names[low["label"]].text,
            most=values[0],
            least=values[1],
        )

    def _hidden_note(self, name: str) -> Text | None:
        off = self.summary[name].null_count()
        return say("outcomes_hidden", n=off, k=self._smallest) if off else None

    def _named(self) -> pl.DataFrame:
        scheme, language = self.segmentation.scheme, self._lab.language
        names = scheme.names(language) | {
            FEW: say("privacy_few", k=self._smallest).to(language),
            _OTHERS: texts()["outcomes_others"].to(language),
        }
        return self.summary.with_columns(name=pl.col("label").replace_strict(names, return_dtype=pl.String))

    @cached_property
    def _buyers(self) -> pl.DataFrame:
        """``label``, spend of the last 365 days and days since the last order, of classified buyers."""
        figures = self._lab.features(_SPEND, _LAST, as_of=self.segmentation.as_of)
        return (
            self.segmentation.labels.join(figures, on="customer_id", maintain_order="left")
            .filter(pl.col("label") != UNCLASSIFIED.id)
            .drop_nulls(_LAST)
            .select("label", spend=pl.col(_SPEND).fill_null(0.0), days=_LAST)
        )

    def _groups(self) -> dict[str, list[str]]:
        """Return what is shown under which label."""
        ids = list(self.segmentation.scheme.ids)
        sizes = dict(self._buyers.group_by("label").len().iter_rows())
        counts = [sizes.get(label, 0) for label in ids]
        off = hidden(counts, self._smallest, [label in self.segmentation.few for label in ids])
        shown = [label for label, gone in zip(ids, off, strict=True) if not gone and sizes.get(label)]
        largest = sorted(shown, key=lambda label: (-sizes[label], label))
        kept = largest if len(largest) <= MOST else largest[: MOST - 1]
        groups = {label: [label] for label in kept}
        if rest := largest[len(kept) :]:
            groups[_OTHERS] = rest
        if few := [label for label, gone in zip(ids, off, strict=True) if gone]:
            groups[FEW] = few
        return groups


def _figures(buyers: pl.DataFrame) -> dict[str, Any]:
    from scipy.special import stdtrit

    n = buyers.height
    if not n:
        return {"customers": 0}
    spend = buyers["spend"].sort()
    mean, deviation = float(spend.mean() or 0.0), float(spend.std() or 0.0)  # type: ignore[arg-type]
    reach = float(stdtrit(n - 1, 0.975)) * deviation / n**0.5 if n > 1 else 0.0
    gone = int((buyers["days"] > LAPSED_AFTER).sum())
    low, high = wilson(gone, n)
    return {
        "customers": n,
        "spend": mean,
        "spend_low": mean - reach,
        "spend_high": mean + reach,
        "gone": gone,
        "lapsed": gone / n,
        "lapsed_low": low,
        "lapsed_high": high,
    }


def _apart(top: dict[str, Any], low: dict[str, Any], name: str, classes: int) -> bool:
    """Say whether two classes differ, given that they were picked from all pairs (Bonferroni)."""
    squares = sum(((row[f"{name}_high"] - row[f"{name}_low"]) / 2 / z_value(0.95)) ** 2 for row in (top, low))
    pairs = classes * (classes - 1) / 2
    return bool(top[name] - low[name] > z_value(1 - 0.05 / pairs) * squares**0.5)


class _Keys(NamedTuple):
    """The texts of a chart."""

    subtitle: str
    apart: str
    same: str


_KEYS = {
    "spend": _Keys("outcomes_spend_subtitle", "outcomes_spend_title", "outcomes_spend_same"),
    "lapsed": _Keys("outcomes_lapsed_subtitle", "outcomes_lapsed_title", "outcomes_lapsed_same"),
}
_ENDS = ("low", "high")
_SCHEMA = {
    "label": pl.String,
    "customers": pl.Int64,
    "gone": pl.Int64,
    **dict.fromkeys(("spend", "spend_low", "spend_high"), pl.Float64),
    **dict.fromkeys(("lapsed", "lapsed_low", "lapsed_high"), pl.Float64),
}
