"""What the customer base is worth, who slips away, and how far the models behind it can be trusted."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar, cast

import polars as pl

from crmlab.labels import Text
from crmlab.value.holdout import FEWEST_REPEAT, HISTORY, setting
from crmlab.view.findings import Note
from crmlab.view.numbers import count, money, percent
from crmlab.view.texts import joined, say, texts

if TYPE_CHECKING:
    from crmlab.lab import Lab
    from crmlab.value.assumptions import Assumptions
    from crmlab.value.calibration import Calibration
    from crmlab.value.comparison import Comparison
    from crmlab.value.diagnostics import Diagnostics
    from crmlab.value.heterogeneity import Heterogeneity
    from crmlab.value.holdout import Holdout
    from crmlab.value.matrices import Matrices
    from crmlab.value.slipping import Slipping
    from crmlab.value.spread import Spread
    from crmlab.value.tracking import Tracking
    from crmlab.value.worth import Worth
    from crmlab.view.findings import KeyFigures

T = TypeVar("T")


class Value:
    """The value report of a study: figures first, then what they stand on.

    ``lab.value.worth`` is what the base is worth, ``.spread`` how concentrated that is, ``.slipping`` who
    is about to be lost; :meth:`diagnostics` tells how far to trust them, all in one, and :meth:`holdout`,
    :meth:`comparison`, :meth:`tracking`, :meth:`calibration`, :meth:`matrices`, :meth:`heterogeneity` and
    :meth:`assumptions` are its parts. Each part is computed once, and is a note in words where the study
    has too little data.
    """

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self._parts: dict[tuple[object, ...], Any] = {}

    def __repr__(self) -> str:
        return f"<Value of {self.lab.study.study} as of {self.lab.study.as_of}>"

    @cached_property
    def worth(self) -> Worth:
        """What the customer base is worth, and how sure that is."""
        from crmlab.value.worth import Worth

        return Worth(self.lab)

    @cached_property
    def spread(self) -> Spread:
        """How concentrated the value to come is."""
        from crmlab.value.spread import Spread

        return Spread(self.lab)

    @cached_property
    def slipping(self) -> Slipping:
        """Who is slipping away, and what that costs."""
        from crmlab.value.slipping import Slipping

        return Slipping(self.lab)

    def meaning(self) -> Any:
        """Say what the numbers mean and what they do not."""
        from crmlab.value.meaning import meaning

        return meaning(self.lab)

    @property
    def horizon(self) -> int:
        """Days ahead that values are computed for, as the study sets them for ``clv``."""
        return int(setting(self.lab, "horizon_days"))

    @cached_property
    def missing(self) -> Text | None:
        """Say why the study is too small for models of purchases; None where it is not."""
        if "orders" not in self.lab.tables:
            return texts()["val_no_orders"]
        repeat = self.lab.features(HISTORY[0]).filter(pl.col(HISTORY[0]) > 0).height
        if repeat < FEWEST_REPEAT:
            return say("val_few_repeat", n=count(repeat), least=FEWEST_REPEAT, day=self.lab.study.as_of)
        return None

    def diagnostics(self) -> Diagnostics:
        """Show every check of the models: a list with verdicts, then all charts and tables."""
        from crmlab.value.diagnostics import Diagnostics

        return self._once(("diagnostics",), lambda: Diagnostics(self))

    def holdout(self, days: int | None = None) -> Holdout:
        """Return the customers known by a cutoff and what they did in the ``days`` after it."""
        from crmlab.value.holdout import Holdout

        return self._once(("holdout", days), lambda: Holdout(self.lab, days))

    def comparison(self, days: int | None = None) -> Comparison:
        """Compare all models and simple baselines on one holdout."""
        from crmlab.value.comparison import Comparison

        return self._once(("comparison", days), lambda: Comparison(self.holdout(days)))

    def tracking(self, model: str | None = None, days: int | None = None) -> Tracking:
        """Follow expected and actual repeat purchases week by week."""
        from crmlab.value.tracking import Tracking

        return self._once(("tracking", model, days), lambda: Tracking(self.holdout(days), model))

    def calibration(self, model: str | None = None, days: int | None = None) -> Calibration:
        """Compare expected and actual purchases, group by group."""
        from crmlab.value.calibration import Calibration

        return self._once(("calibration", model, days), lambda: Calibration(self.holdout(days), model))

    def matrices(self, model: str | None = None) -> Matrices:
        """Show what the model foretells by repeats and days of silence."""
        from crmlab.value.matrices import Matrices

        name = model or self.model
        return self._once(("matrices", name), lambda: Matrices(self.lab, name, self.horizon, self.missing))

    def heterogeneity(self, model: str | None = None) -> Heterogeneity:
        """Show the parameters of the model, and how customers differ."""
        from crmlab.value.heterogeneity import Heterogeneity

        name = model or self.model
        return self._once(("heterogeneity", name), lambda: Heterogeneity(self.lab, name, self.missing))

    def assumptions(self) -> Assumptions:
        """Test what the models take for granted."""
        from crmlab.value.assumptions import Assumptions

        return self._once(("assumptions",), lambda: Assumptions(self.lab))

    @property
    def model(self) -> str:
        """The model of purchases that the study's values stand on."""
        return str(setting(self.lab, "purchases"))

    def figures(self) -> KeyFigures | Note:
        """Show the few big numbers: the total with its interval, the mean, what came in so far."""
        return self.worth.figures()

    def note(self) -> Note:
        """Say how far the figures can be trusted, in sentences."""
        return Note(self.explain(), self.lab.language)

    def explain(self) -> Text:
        """Return what the test of the study's model says, and what its fit warns of."""
        if missing := self.missing or self.holdout().missing:
            return missing
        return joined(
            self.tracking().outcome,
            self.comparison().of_baseline(self.holdout().main),
            self.calibration().understated,
            *self.heterogeneity().verdicts,
        )

    def findings(self) -> list[Text]:
        """Return the sentences to repeat: worth, who carries it, what is slipping, how far to trust."""
        if self.missing:
            return [self.missing]
        if self.worth.missing:
            return [self.worth.missing]
        return [self._of_worth(), self.spread.explain(), self.slipping.explain(), self.explain()]

    def _of_worth(self) -> Text:
        total, model, currency = self.worth.total, self.worth.model, self.lab.study.currency
        return say(
            "val_finding",
            day=self.lab.study.as_of,
            n=count(total.customers),
            days=count(self.worth.days),
            value=money(total.value, currency),
            low=money(total.low, currency),
            high=money(total.high, currency),
            margin=percent(model.margin, 0),
            discount=percent(model.annual_discount, 0),
        )

    def saved_tables(self) -> dict[str, pl.DataFrame]:
        """Return the frames of the parts that have been looked at, under the names of their files."""
        tables: dict[str, pl.DataFrame] = {}
        for (name, *_), part in self._parts.items():
            holdout = getattr(part, "holdout", part)
            if not getattr(holdout, "missing", None):
                tables |= _frames(str(name), part)
        for name in ("worth", "spread", "slipping"):
            if name in vars(self) and not getattr(vars(self)[name], "missing", None):
                tables[name] = vars(self)[name].summary
        if "worth" in tables:
            tables["worth_past"] = self.worth.past.summary
        return tables

    def _once(self, key: tuple[object, ...], make: Callable[[], T]) -> T:
        if key not in self._parts:
            self._parts[key] = make()
        return cast(T, self._parts[key])


def _frames(name: str, part: Any) -> dict[str, pl.DataFrame]:
    """Return the frames of one part."""
    if name == "calibration":
        groups = ("by_count", "by_decile", "by_alive")
        return {name: pl.concat([_grouped(part, by) for by in groups], how="diagonal")}
    if name == "heterogeneity":
        return {name: part.summary, "parameters": part.parameters}
    return {name: part.summary}


def _grouped(part: Any, by: str) -> pl.DataFrame:
    frame: pl.DataFrame = getattr(part, by)
    return frame.select(pl.lit(by).alias("grouped"), pl.all())
