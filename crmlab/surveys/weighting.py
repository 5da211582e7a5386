"""Ratings weighted to known shares, beside the unweighted ones."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import polars as pl

from crmlab.data.suppression import hidden
from crmlab.errors import ParamsError, did_you_mean
from crmlab.intervals import wilson
from crmlab.labels import Text
from crmlab.satisfaction import nps_interval, poles, rated
from crmlab.surveys.frame import Frame, dimension, group_names
from crmlab.surveys.groups import customer_groups
from crmlab.surveys.raking import MOST, Raked, effective, rake
from crmlab.surveys.response import DIMENSIONS
from crmlab.view.findings import Note
from crmlab.view.numbers import count, decimal, percent, signed
from crmlab.view.tables import Column, Table
from crmlab.view.texts import joined, say, texts

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from crmlab.lab import Lab
    from crmlab.surveys.sheets import Sheets

_NAMED = 8
"""So many groups are named in an error."""


@dataclass(frozen=True, eq=False)
class Margin:
    """One trait with known shares, and the place of each sheet among them (−1: unknown).

    ``hidden`` says whose shares must not be shown, because few people of the group answered.
    """

    title: Text
    groups: list[str]
    targets: NDArray[np.float64]
    codes: NDArray[np.int64]
    left_out: list[str]
    hidden: list[bool]


class Weighting:
    """Raking of the answer sheets to ``surveys.targets``, else to the orders or customers asked about.

    See :func:`crmlab.surveys.raking.rake`. A share that nobody answered for is left out, and named.
    """

    def __init__(self, lab: Lab, sheets: Sheets, frame: Frame | None) -> None:
        self.lab = lab
        self._sheets = sheets
        self._frame = frame

    @cached_property
    def margins(self) -> list[Margin]:
        """The traits that are weighted to; none where nothing is known of whom the survey is about."""
        targets = self.lab.study.surveys.targets
        if targets:
            return [self._margin(name, shares) for name, shares in targets.items()]
        if self._frame is None:
            return []
        names = [name for name in DIMENSIONS if name != "class" or "customers" in self.lab.tables]
        found = [self._margin(name, None) for name in names]
        return [margin for margin in found if len(margin.groups) > 1]

    @cached_property
    def raked(self) -> Raked:
        """The weights of the sheets, in the order of the respondents."""
        return rake([margin.codes for margin in self.margins], [margin.targets for margin in self.margins])

    @cached_property
    def weights(self) -> pl.DataFrame:
        """One row per sheet: ``respondent_id``, ``weight`` (mean 1)."""
        return self._sheets.respondents.select("respondent_id").with_columns(
            weight=pl.Series(self.raked.weights, dtype=pl.Float64)
        )

    @cached_property
    def summary(self) -> pl.DataFrame:
        """One row per question with a rating: unweighted and weighted figure with intervals.

        ``question``, ``metric``, ``unit`` (share or points), ``n``, ``effective`` (Kish), ``value`` with
        ``low``, ``high``, and ``weighted`` with ``weighted_low``, ``weighted_high``. Intervals of weighted
        figures use the effective number of answers; that fitting to known shares may also narrow them is
        left aside.
        """
        if not self.margins:
            return pl.DataFrame(schema=_SUMMARY)
        direction, rows = self.lab.study.surveys.ces_direction, []
        for asked in self._sheets.questions:
            least = max(self.lab.study.privacy.smallest_group, 1)
            if asked.kind != "rating" or asked.frame["person"].n_unique() < least:
                continue
            scale = str(asked.scale)
            rating = rated(asked.frame["score"], scale, direction)
            joined_up = asked.frame.join(self.weights, on="respondent_id", maintain_order="left")
            weights, total = joined_up["weight"].to_numpy(), float(joined_up["weight"].sum())
            bad, _, good = (
                float(joined_up.filter(pl.col("score").is_in(list(map(float, pole))))["weight"].sum()) / total
                for pole in poles(scale, direction)
            )
            n = effective(weights)
            if rating.unit == "points":
                value, ends = 100 * (good - bad), nps_interval(good * n, bad * n, n)
            else:
                # Wilson's interval holds for numbers that are not whole as well.
                value, ends = good, wilson(min(good, 1.0) * n, n)
            rows.append(
                (
                    *(asked.title, rating.metric, rating.unit, rating.n, n),
                    *(rating.value, rating.low, rating.high, value, *ends),
                )
            )
        return pl.DataFrame(rows, schema=_SUMMARY, orient="row")

    @cached_property
    def shares(self) -> pl.DataFrame:
        """One row per trait and group: ``trait``, ``group``, ``target``, ``unweighted``, ``weighted``.

        Shares of groups of few people are null, and others from which they could be computed.
        """
        import numpy as np

        rows = []
        for margin in self.margins:
            known = margin.codes >= 0
            before = np.bincount(margin.codes[known], minlength=len(margin.groups))
            after = np.bincount(margin.codes[known], self.raked.weights[known], minlength=len(margin.groups))
            for place, group in enumerate(margin.groups):
                shares = (
                    float(margin.targets[place]),
                    before[place] / before.sum(),
                    after[place] / after.sum(),
                )
                few = margin.hidden[place]
                told = (None if few else float(share) for share in shares)
                rows.append((margin.title.to(self.lab.language), group, *told))
        return pl.DataFrame(rows, schema=_SHARES, orient="row")

    def table(self) -> Table | Note:
        """Show each rating unweighted and weighted."""
        if self.summary.is_empty():
            return Note(texts()["survey_no_weights"], self.lab.language)
        words = texts()

        def shown(row: dict[str, Any], *names: str) -> str:
            written = (_written(row[name], row["unit"]) for name in names)
            return " – ".join(written)

        rows = [
            {
                "question": row["question"],
                "metric": words[f"survey_metric_{row['metric']}"].to(self.lab.language),
                "n": row["n"],
                "value": shown(row, "value"),
                "interval": shown(row, "low", "high"),
                "effective": row["effective"],
                "weighted": shown(row, "weighted"),
                "weighted_interval": shown(row, "weighted_low", "weighted_high"),
            }
            for row in self.summary.iter_rows(named=True)
        ]
        return Table(
            pl.DataFrame(rows),
            [
                Column("question", words["survey_question"]),
                Column("metric", words["survey_figure"]),
                Column("n", words["survey_respondents"], "integer"),
                Column("value", words["survey_unweighted"]),
                Column("interval", words["interval_95"]),
                Column("effective", words["survey_effective"], "integer"),
                Column("weighted", words["survey_weighted"]),
                Column("weighted_interval", words["interval_95"]),
            ],
            caption=words["survey_weighted_caption"],
            note=self._said(),
            language=self.lab.language,
        )

    def shares_table(self) -> Table | Note:
        """Show the target of each group, and its share before and after weighting."""
        if self.shares.is_empty():
            return Note(texts()["survey_no_weights"], self.lab.language)
        words = texts()
        return Table(
            self.shares,
            [
                Column("trait", words["survey_dimension"]),
                Column("group", words["survey_group"]),
                Column("target", words["survey_target"], "percent"),
                Column("unweighted", words["survey_unweighted"], "percent"),
                Column("weighted", words["survey_weighted"], "percent"),
            ],
            caption=words["survey_margins_caption"],
            note=self._said(),
            language=self.lab.language,
        )

    def note(self) -> Note:
        """Say what weighting costs and whether it met its targets."""
        if not self.margins:
            return Note(texts()["survey_no_weights"], self.lab.language)
        return Note(self._said(), self.lab.language)

    def _said(self) -> Text:
        raked, words = self.raked, texts()
        left_out = [name for margin in self.margins for name in margin.left_out]
        of = "targets" if self.lab.study.surveys.targets else str(self._frame.of if self._frame else "")
        return joined(
            words[f"survey_weighted_to_{of}"],
            say(
                "survey_design_effect",
                effect=decimal(raked.design_effect),
                n=count(len(raked.weights)),
                effective=count(raked.effective),
            ),
            words["survey_converged"] if raked.converged and not raked.trimmed else None,
            None if raked.converged else say("survey_not_converged", gap=percent(raked.gap, 2)),
            say("survey_trimmed", n=count(raked.trimmed), most=f"{MOST:g}", gap=percent(raked.gap, 2))
            if raked.trimmed
            else None,
            say("survey_unmet", groups=Text("、".join(left_out), ", ".join(left_out))) if left_out else None,
        )

    def _margin(self, name: str, shares: dict[str, float] | None) -> Margin:
        import numpy as np

        title, of_sheets = self._groups(name)
        names = group_names(self.lab, name)
        if shares is not None:
            unknown = [group for group in shares if names and group not in (*names, *names.values())]
            if unknown:
                raise ParamsError(
                    f"surveys.targets.{name} names {unknown[0]!r}, and there is no such group."
                    f"{did_you_mean(unknown[0], names)} Allowed: {', '.join(names)}."
                )
        else:
            assert self._frame is not None
            _, of_units = dimension(self.lab, self._frame, name)
            sizes = of_units.group_by("group").agg(pl.col("place").min(), pl.len().alias("n"))
            ordered = sizes.sort("place", -pl.col("n").cast(pl.Int64), "group")
            shares = dict(ordered.select("group", "n").iter_rows())
        shares = {names.get(group, group): share for group, share in shares.items()}
        present = set(of_sheets["group"].drop_nulls().to_list())
        kept = [group for group in shares if group in present]
        if not kept:
            raise ParamsError(
                f"surveys.targets.{name}: nobody who answered is in one of {', '.join(shares)}. "
                f"Those who answered are in: {', '.join(sorted(present)[:_NAMED]) or 'none that is known'}."
            )
        places = {group: place for place, group in enumerate(kept)}
        codes = of_sheets["group"].replace_strict(places, default=-1, return_dtype=pl.Int64).fill_null(-1)
        targets = np.array([float(shares[group]) for group in kept])
        left_out = [group for group in shares if group not in present]
        people = self._sheets.respondents.select("person", group=of_sheets["group"])
        answered = [people.filter(group=group)["person"].n_unique() for group in kept]
        few = hidden(answered, self.lab.study.privacy.smallest_group)
        return Margin(title, kept, targets / targets.sum(), codes.to_numpy(), left_out, few)

    def _groups(self, name: str) -> tuple[Text, pl.DataFrame]:
        """Return the group of each sheet, in the order of the respondents."""
        respondents = self._sheets.respondents.select("respondent_id", "customer_id")
        if self._frame is not None and name in ("channel", "value"):
            title, of_units = dimension(self.lab, self._frame, name)
            known = self._frame.sheets.join(of_units, on="unit", maintain_order="left")
            known = known.unique("respondent_id", keep="first", maintain_order=True)
            return title, respondents.join(known, on="respondent_id", how="left", maintain_order="left")
        title, groups = customer_groups(self.lab, name)
        return title, respondents.join(groups, on="customer_id", how="left", maintain_order="left")


def _written(value: float, unit: str) -> str:
    return percent(value) if unit == "share" else signed(value, 1)


_SUMMARY: dict[str, Any] = {
    "question": pl.String,
    "metric": pl.String,
    "unit": pl.String,
    "n": pl.Int64,
    **dict.fromkeys(
        ("effective", "value", "low", "high", "weighted", "weighted_low", "weighted_high"), pl.Float64
    ),
}
_SHARES: dict[str, Any] = {
    "trait": pl.String,
    "group": pl.String,
    **dict.fromkeys(("target", "unweighted", "weighted"), pl.Float64),
}
