"""Segment quality: is a segmentation real, and is it useful.

Every test that an analyst should ask of any scheme, each with its figure, its interval, its limit and a
sentence. None stands alone: a silhouette of .95 is worth nothing where one class has 99 % of the
customers, so sizes come first.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from math import nan
from typing import TYPE_CHECKING, Any

import polars as pl

from crmlab.labels import UNCLASSIFIED, Text
from crmlab.results import Finding
from crmlab.segments.checks import SILHOUETTE_CUSTOMERS, TESTS, checks
from crmlab.segments.drift import Drift
from crmlab.segments.separation import Separation, separation
from crmlab.segments.stability import Stability, bootstrap_stability
from crmlab.segments.structure import Structure, null_check
from crmlab.segments.surrogate import Surrogate, surrogate
from crmlab.segments.verdicts import UNKNOWN, Check, known, listed
from crmlab.view.findings import Note
from crmlab.view.numbers import count, percent
from crmlab.view.tables import Column, Table
from crmlab.view.texts import joined, say, texts

if TYPE_CHECKING:
    from datetime import date

    from crmlab.lab import Lab
    from crmlab.results import Segmentation


class SegmentQuality:
    """Sizes, stability, separation, drift, explainability and the null check of one segmentation.

    ``horizon_days`` is how far separation and null check look ahead: they learn so many days before the
    study's day. ``earlier`` is the day that drift compares with, the study's own unless given. A class
    of less than ``min_share`` of the customers, or fewer than ``min_customers``, is too small to work
    with. Everything is computed when first asked for; a test that cannot be made says why.
    """

    def __init__(
        self,
        segmentation: Segmentation,
        *,
        horizon_days: int = 90,
        earlier: date | None = None,
        resamples: int = 20,
        permutations: int = 1999,
        refits: int = 19,
        most: int = 5000,
        min_share: float = 0.03,
        min_customers: int = 30,
        seed: int = 0,
    ) -> None:
        self.segmentation = segmentation
        self.horizon_days = horizon_days
        self.earlier = earlier or segmentation.lab.study.earlier
        self.resamples = resamples
        self.permutations = permutations
        self.refits = refits
        self.most = most
        self.min_share = min_share
        self.min_customers = min_customers
        self.seed = seed

    def __repr__(self) -> str:
        return f"<SegmentQuality of {self.segmentation.name} as of {self.segmentation.as_of}>"

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, Any]:
        return self.table()._repr_mimebundle_()

    @cached_property
    def sizes(self) -> dict[str, int]:
        """Customers per class of the scheme, in its order, empty ones included."""
        counts = dict(self.segmentation.labels.group_by("label").len().iter_rows())
        return {name: counts.get(name, 0) for name in self.segmentation.scheme.ids if name != UNCLASSIFIED.id}

    @cached_property
    def stability(self) -> Stability:
        """How much labels change when the classifier learns on resampled customers."""
        part = self.segmentation
        return bootstrap_stability(part.classifier, part.features, self.resamples, self.seed, self.most)

    @cached_property
    def separation(self) -> Separation:
        """What the labels say of the days that follow."""
        return separation(self._lab, self.segmentation.name, self.horizon_days, **self._params)

    @cached_property
    def drift(self) -> Drift:
        """How classes and inputs moved since the earlier day, by one frozen rule."""
        part = self.segmentation
        return Drift(self._lab.classify(part.name, as_of=self.earlier, **self._params), part)

    @cached_property
    def surrogate(self) -> Surrogate:
        """The few rules that come nearest to the classes."""
        part = self.segmentation
        names = {name: self._lab.measure(name) for name in part.classifier.goes_by}
        return surrogate(part.features.select("customer_id", *names), part.labels["label"], names=names)

    @cached_property
    def structure(self) -> Structure:
        """Whether the classes are more than chance."""
        return self._null_check(shuffled=False)

    @cached_property
    def control(self) -> Structure:
        """The same check on column-permuted data, where there is nothing to find."""
        return self._null_check(shuffled=True)

    @cached_property
    def silhouette(self) -> float:
        """The mean silhouette (Rousseeuw 1987) of the numeric inputs by ranks; NaN where there is none.

        Of at most 2,000 customers. For reference only: it is high where one class holds nearly everybody.
        """
        return _silhouette(self.segmentation, self.seed)

    @property
    def undated(self) -> Text | None:
        """Say which inputs may have been written down after the fact."""
        names = [self._lab.measure(name).text for name in self.separation.undated]
        if not names:
            return None
        return say("segments_undated", names=listed(names), days=self.horizon_days)

    @cached_property
    def checks(self) -> list[Check]:
        """Every test, in the order of :attr:`summary`."""
        return checks(self)

    @cached_property
    def summary(self) -> pl.DataFrame:
        """One row per test.

        Columns: ``test``, ``value`` with ``low`` and ``high``, ``threshold``, ``unit`` of all four (count,
        share or number), ``verdict``, ``grade`` (good, watch, poor, neutral), ``customers`` that it rests
        on, and a sentence (``zh``, ``en``). Classes of fewer customers than the study's
        ``privacy.smallest_group`` have no figure.
        """
        rows = [
            (
                check.test,
                known(check.value),
                known(check.low),
                known(check.high),
                check.threshold,
                check.unit,
                check.verdict,
                check.grade,
                check.customers,
                *check.text,
            )
            for check in self.checks
        ]
        return pl.DataFrame(rows, schema=_SCHEMA, orient="row")

    def check(self, test: str) -> Check | None:
        """Return one test by its id; None where it was not made."""
        return next((check for check in self.checks if check.test == test), None)

    def table(self) -> Table:
        """Show every test with its verdict and a sentence."""
        words, language = texts(), self._lab.language
        rows = [
            {
                "test": words[TESTS[check.test]].to(language),
                "figure": check.figure,
                "interval": check.interval,
                "limit": check.limit,
                "verdict": check.word.to(language),
                "text": check.text.to(language),
            }
            for check in self.checks
        ]
        titles = {
            "test": words["segments_test"],
            "figure": words["value"],
            "interval": words["interval_95"],
            "limit": words["segments_limit"],
            "verdict": words["segments_verdict"],
            "text": words["segments_meaning"],
        }
        return Table(
            pl.DataFrame(rows, schema=dict.fromkeys(titles, pl.String)),
            [Column(name, title) for name, title in titles.items()],
            caption=say(
                "segments_quality_caption",
                scheme=self.segmentation.scheme.text,
                n=count(self.segmentation.labels.height),
                day=self.segmentation.as_of,
            ),
            note=joined(
                say("segments_quality_note", days=self.horizon_days),
                self.undated,
                self.segmentation.privacy_note(),
            ),
            language=language,
        )

    def note(self) -> Note:
        """Show the findings."""
        return Note(joined(*(finding.text for finding in self.findings())), self._lab.language)

    def findings(self) -> list[Finding]:
        """Say in a sentence whether the segmentation is real, and in one whether it is useful."""
        scheme = self.segmentation.scheme.text
        stable = self.check("jaccard")
        found = [
            Finding(
                f"segments_real_{self.segmentation.name}",
                say(
                    self._real,
                    scheme=scheme,
                    stable=stable.word if stable else texts()["segments_unknown"],
                ),
            )
        ]
        spend, back = (self.separation.verdict(name) for name in ("spend", "return"))
        if "holds" in (spend, back):
            key = "segments_useful"
        elif spend == back == "unknown":
            key = "segments_useful_unknown"
        else:
            key = "segments_not_useful"
        explained = self.separation.explained
        found.append(
            Finding(
                f"segments_useful_{self.segmentation.name}",
                say(
                    key,
                    scheme=scheme,
                    days=self.horizon_days,
                    share=percent(explained.value),
                    low=percent(explained.low),
                    high=percent(explained.high),
                ),
            )
        )
        return found

    @property
    def _real(self) -> str:
        """Return the key of the sentence on whether the classes are more than chance."""
        made, control = self.check("null_check"), self.check("control")
        verdict = made.verdict if made else UNKNOWN
        if verdict == UNKNOWN or (control and control.verdict == "failed"):
            return "segments_real_unknown"
        if verdict == "no_structure":
            return "segments_not_real"
        outcomes = self.structure.outcomes
        return "segments_real_inputs" if outcomes and not outcomes.found else "segments_real"

    @property
    def _lab(self) -> Lab:
        return self.segmentation.lab

    @cached_property
    def _params(self) -> Mapping[str, Any]:
        """What differs from the study's own parameters, so that results of the study are shared."""
        usual = self._lab.classify(self.segmentation.name).classifier.get_params()
        return {
            name: value
            for name, value in self.segmentation.classifier.get_params().items()
            if value != usual[name]
        }

    def _null_check(self, *, shuffled: bool) -> Structure:
        return null_check(
            self._lab,
            self.segmentation.name,
            self.horizon_days,
            self.permutations,
            self.refits,
            self.seed,
            shuffled,
            **self._params,
        )


def _silhouette(segmentation: Segmentation, seed: int) -> float:
    import numpy as np
    from sklearn.metrics import silhouette_score

    features = segmentation.features
    numeric = [name for name, kind in features.schema.items() if kind.is_numeric()]
    if not numeric:
        return nan
    rows = features.select(numeric).with_columns(segmentation.labels["label"])
    rows = rows.filter(pl.col("label") != UNCLASSIFIED.id).drop_nulls()
    if rows.height > SILHOUETTE_CUSTOMERS:
        random = np.random.default_rng(seed)
        rows = rows[np.sort(random.choice(rows.height, SILHOUETTE_CUSTOMERS, replace=False))]
    if not 2 <= rows["label"].n_unique() < rows.height:
        return nan
    ranks = rows.select(pl.col(numeric).rank("average") / rows.height)
    return float(silhouette_score(ranks.to_numpy(), rows["label"].to_numpy()))


_SCHEMA = {
    "test": pl.String,
    "value": pl.Float64,
    "low": pl.Float64,
    "high": pl.Float64,
    "threshold": pl.Float64,
    "unit": pl.String,
    "verdict": pl.String,
    "grade": pl.String,
    "customers": pl.Int64,
    "zh": pl.String,
    "en": pl.String,
}
