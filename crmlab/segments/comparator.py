"""The scheme comparator: which classification of these customers should be used.

Too complex a standard costs more to manage, too simple a one manages badly. So of all schemes whose
classes tell apart what customers do next, and hold when learned from other customers, the one with the
fewest classes is recommended that separates nearly as well as the best: the rule by which a tree is
pruned to the smallest that is about as good (Breiman et al. 1984, Classification and Regression Trees,
3.4.3), with a tolerance.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from itertools import combinations
from typing import TYPE_CHECKING, Any

import polars as pl

from crmlab import registry
from crmlab.errors import ParamsError
from crmlab.labels import Text
from crmlab.results import Finding
from crmlab.segments import comparison_views as views
from crmlab.segments.agreement import Agreement
from crmlab.segments.contenders import Contender, contender
from crmlab.segments.quality import SegmentQuality
from crmlab.segments.verdicts import known, listed
from crmlab.view.findings import Note
from crmlab.view.numbers import percent
from crmlab.view.tables import Table
from crmlab.view.texts import joined, say

if TYPE_CHECKING:
    import altair as alt

    from crmlab.lab import Lab


class SchemeComparison:
    """Registered schemes side by side on the same customers, and the simplest that is good enough.

    ``names`` are classifiers (all that are registered unless given). ``tolerance`` is the share of the
    best scheme's separation that a simpler one may lose. ``actions`` has the recommended action per
    class, by ``class`` or by ``scheme.class``; a scheme allows as many actions as its usable classes have
    different ones (without a mapping: as it has usable classes). ``options`` go to
    :class:`crmlab.segments.quality.SegmentQuality`.

    Aliases of a scheme that is compared, schemes without data, and those that fail are listed with the
    reason. Raises ParamsError for a tolerance outside 0–1.
    """

    def __init__(
        self,
        lab: Lab,
        names: Sequence[str] | None = None,
        *,
        tolerance: float = 0.2,
        actions: Mapping[str, Any] | None = None,
        **options: Any,
    ) -> None:
        if not 0 <= tolerance < 1:
            raise ParamsError(
                f"tolerance is {tolerance!r}; it must be 0 or more and below 1, for example 0.2: a simpler "
                "scheme may lose a fifth of the best one's separation."
            )
        self.lab = lab
        self.names = tuple(dict.fromkeys(registry.classifiers if names is None else names))
        self.tolerance = tolerance
        self.actions = actions
        self.options = options

    def __repr__(self) -> str:
        return f"<SchemeComparison of {', '.join(self.names)}>"

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, Any]:
        return self.table()._repr_mimebundle_()

    @cached_property
    def qualities(self) -> dict[str, SegmentQuality]:
        """The quality of each scheme that is compared, by name, computed as far as it was asked for."""
        return {each.name: each.quality for each in self.contenders if each.quality is not None}

    @cached_property
    def contenders(self) -> list[Contender]:
        """Every scheme with its figures and position: simplest first, then those not compared."""
        everybody = [contender(self.lab, name, self.names, self.actions, self.options) for name in self.names]
        compared = sorted((each for each in everybody if each.quality), key=lambda each: each.order)
        self._place([each for each in compared if each.reason is None])
        return compared + [each for each in everybody if each.quality is None]

    @property
    def recommended(self) -> Contender | None:
        """The simplest scheme within tolerance of the best; None where none is eligible."""
        return next((each for each in self.contenders if each.position == "recommended"), None)

    @property
    def best(self) -> Contender | None:
        """The eligible scheme that separates most; None where none is eligible."""
        return _best([each for each in self.contenders if each.quality and each.reason is None])

    @cached_property
    def summary(self) -> pl.DataFrame:
        """One row per scheme: simplest first, then those that were not compared.

        ``scheme`` (name), ``classes`` with customers, ``usable`` (large enough to work with),
        ``smallest_share`` (null where it must not be shown), ``coverage`` (of those who had bought),
        ``separation`` with ``low`` and ``high`` (mean of eta² on next spend and V² on next return, times
        the coverage: a scheme separates nothing among customers without a class),
        ``spend`` and ``return`` (eta² and V), ``ari``, ``least_jaccard``, ``actions``, ``fidelity``,
        ``inputs``, ``position``, and the reason (``zh``, ``en``) where it is not eligible or not compared.
        """
        rows = []
        for each in self.contenders:
            parts = each.quality.separation.estimates if each.quality else {}
            stable = each.stability
            jaccard = min(stable.jaccard.values(), default=None) if stable else None
            rows.append(
                (
                    each.name,
                    each.classes if each.quality else None,
                    each.usable if each.quality else None,
                    each.smallest,
                    each.coverage,
                    *(known(end) for end in each.separation),
                    known(parts["spend"].value) if "spend" in parts else None,
                    known(parts["return"].value) if "return" in parts else None,
                    known(stable.ari) if stable else None,
                    known(jaccard),
                    each.actions if each.quality else None,
                    known(each.fidelity),
                    each.inputs if each.quality else None,
                    each.position,
                    each.reason.zh if each.reason else None,
                    each.reason.en if each.reason else None,
                )
            )
        return pl.DataFrame(rows, schema=_SUMMARY, orient="row")

    @cached_property
    def agreements(self) -> dict[tuple[str, str], Agreement]:
        """How far each two of the compared schemes say the same, on the study's day."""
        return {
            (a, b): Agreement(self.qualities[a].segmentation, self.qualities[b].segmentation)
            for a, b in combinations(self.qualities, 2)
        }

    @cached_property
    def agreement(self) -> pl.DataFrame:
        """One row per pair: ``first``, ``second``, ``v`` (``v_low``, ``v_high``), ``ari``, ``customers``."""
        rows = [
            (a, b, *(known(end) for end in pair.v), known(pair.ari), pair.both.height)
            for (a, b), pair in self.agreements.items()
        ]
        return pl.DataFrame(rows, schema=_AGREEMENT, orient="row")

    def explain(self) -> Text:
        """Say which scheme to use, why, and what is given up by it."""
        chosen, best = self.recommended, self.best
        if chosen is None or best is None:
            return say("segments_none_recommended")
        values = {
            "scheme": chosen.title,
            "classes": chosen.classes,
            "share": percent(chosen.separation.value),
            "low": percent(chosen.separation.low),
            "high": percent(chosen.separation.high),
            "days": self.days,
            "tolerance": percent(self.tolerance, 0),
        }
        if chosen is best:
            return joined(say("segments_best_is_simplest", **values), chosen.caution, self._costs())
        lost = best.separation.value - chosen.separation.value
        fewer_actions = best.actions - chosen.actions
        return joined(
            say(
                "segments_simplest",
                best=best.title,
                best_classes=best.classes,
                lost=percent(lost / best.separation.value),
                **values,
            ),
            say("segments_gave_up", best=best.title, points=f"{lost * 100:.1f}"),
            say("segments_gave_up_actions", n=fewer_actions) if fewer_actions > 0 else None,
            chosen.caution,
            self._costs(),
        )

    def findings(self) -> list[Finding]:
        """Say which scheme to use."""
        return [Finding("segments_recommended", self.explain())]

    def note(self) -> Note:
        """Show the recommendation."""
        return Note(self.explain(), self.lab.language)

    def chart(self) -> alt.LayerChart | Note:
        """Draw what each scheme separates, simplest first."""
        return views.separation_chart(self)

    def agreement_chart(self) -> alt.LayerChart | Note:
        """Draw how strongly each scheme follows from each other one (Cramér's V)."""
        return views.agreement_chart(self)

    def table(self) -> Table:
        """Show the compared schemes, simplest first, with what speaks against each."""
        return views.scheme_table(self)

    @property
    def days(self) -> int:
        """How many days after learning the separation looks at."""
        return int(self.options.get("horizon_days", 90))

    def _costs(self) -> Text | None:
        """Name the schemes that are more complex than what they bring, and those too simple."""
        sentences = []
        for position, key in (("too_complex", "segments_are_complex"), ("too_simple", "segments_are_simple")):
            named = [each.title for each in self.contenders if each.position == position]
            if named:
                sentences.append(say(key, schemes=listed(named, 3)))
        return joined(*sentences) if sentences else None

    def _place(self, eligible: list[Contender]) -> None:
        """Write into each eligible scheme where it stands; they come simplest first."""
        best = _best(eligible)
        if best is None:
            return
        least = (1 - self.tolerance) * best.separation.value
        enough = [each for each in eligible if each.separation.value >= least]
        chosen = enough[0]
        for each in eligible:
            if each is chosen:
                each.position = "recommended"
            elif each.classes > chosen.classes:
                each.position = "too_complex"
            elif each in enough:
                each.position = "equivalent"
            else:
                each.position = "too_simple" if each.classes < chosen.classes else "weaker"


def _best(eligible: list[Contender]) -> Contender | None:
    """Return what separates most; of equals the simplest."""
    return max(eligible, key=lambda each: (each.separation.value, -each.classes, -each.inputs), default=None)


_SUMMARY = {
    "scheme": pl.String,
    "classes": pl.Int64,
    "usable": pl.Int64,
    "smallest_share": pl.Float64,
    "coverage": pl.Float64,
    "separation": pl.Float64,
    "low": pl.Float64,
    "high": pl.Float64,
    "spend": pl.Float64,
    "return": pl.Float64,
    "ari": pl.Float64,
    "least_jaccard": pl.Float64,
    "actions": pl.Int64,
    "fidelity": pl.Float64,
    "inputs": pl.Int64,
    "position": pl.String,
    "zh": pl.String,
    "en": pl.String,
}
_AGREEMENT = {
    "first": pl.String,
    "second": pl.String,
    "v": pl.Float64,
    "v_low": pl.Float64,
    "v_high": pl.Float64,
    "ari": pl.Float64,
    "customers": pl.Int64,
}
