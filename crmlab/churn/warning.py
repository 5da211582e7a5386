"""The churn warning of a study: who is about to leave, how sure that is, why, and what it costs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar, cast

import polars as pl

from crmlab.churn.backtest import Backtest, Contender, backtest
from crmlab.churn.figures import window_words
from crmlab.churn.leakage import Leakage, attributes_among, known_only_later, leakage
from crmlab.churn.levels import Levels, levels
from crmlab.churn.snapshots import Design, LearnsChurn, Snapshots, snapshots
from crmlab.estimators import KEY
from crmlab.labels import Text
from crmlab.view.numbers import count, decimal, money, percent
from crmlab.view.texts import joined, say, texts

if TYPE_CHECKING:
    from crmlab.churn.earnings import Profit
    from crmlab.churn.profit import Campaign
    from crmlab.churn.reasons import ChurnReasons
    from crmlab.churn.scorecard import Metrics
    from crmlab.churn.views import Calibration, Lift
    from crmlab.lab import Lab
    from crmlab.view.findings import Note
    from crmlab.view.tables import Table

MODEL = "churn"
V = TypeVar("V")
_ORDER = ("churn-recency", "churn-last-status", "churn-logistic", "churn-boosting", "churn-alive")


class Churn:
    """The churn warning of a study; its settings are the parameters of the model ``churn``.

    Everything is computed when first asked for, and once. Where the study has no paid orders, or too
    short a history, the parts are notes that say so.
    """

    def __init__(self, lab: Lab) -> None:
        self.lab = lab

    def __repr__(self) -> str:
        return f"<Churn of {self.lab.study.study}: {self.design}>"

    @cached_property
    def model(self) -> Any:
        """The model that the study chooses, with its parameters, not fitted."""
        from crmlab import registry

        return registry.models[MODEL].from_params(self.lab.study.models.get(MODEL, {}))

    @property
    def design(self) -> Design:
        """What is predicted, of whom, and from how many past days it is learned."""
        design: Design = self.model.design
        return design

    @cached_property
    def campaign(self) -> Campaign:
        """What a contact costs and brings, as the study says."""
        from crmlab.churn.profit import Campaign

        return Campaign(self.model.customer_value, self.model.incentive, self.model.contact_cost)

    @cached_property
    def contenders(self) -> tuple[Contender, ...]:
        """The models that are compared, baselines first; P(alive) where its model is there."""
        from crmlab import registry

        given = self.model.get_params()
        found = []
        for name in _ORDER:
            if name not in registry.models or (name == "churn-alive" and not self._has_alive):
                continue
            kind = registry.models[name]
            params = {each: given[each] for each in kind.parameter_names()}
            found.append(Contender(name, kind.title, cast("LearnsChurn", kind.from_params(params))))
        return tuple(found)

    @cached_property
    def snapshots(self) -> Snapshots:
        """Customers on past days with the inputs of all models, each beside what came after."""
        columns = tuple(dict.fromkeys(name for each in self.contenders for name in each.model.inputs))
        if self.problem:
            return Snapshots(pl.DataFrame(schema=_NO_ROWS), columns, self.design)
        tables, day = self.lab.model_tables(), self.lab.study.as_of
        return snapshots(tables, columns, day, self.design, self._settings, progress=True)

    @property
    def problem(self) -> Text | None:
        """Say what the study lacks for a churn warning; None where it has orders."""
        return None if "orders" in self.lab.tables else texts()["churn_no_orders"]

    @cached_property
    def refused(self) -> Text | None:
        """Why no result of this study counts: a feature, or a model, knows the outcome; None where none does.

        Then no figure is shown as a success, and nobody is put on a list.
        """
        if self.problem or not self.snapshots.rows.height:
            return None
        if not self._backtest.told:
            return self._leakage.explain() if self._leakage.found else None
        return self._backtest.explain() if self._backtest.refused else None

    def leakage(self) -> Leakage:
        """Return the search for features that know the outcome."""
        return self._leakage

    def backtest(self) -> Backtest:
        """Return all models on the same past days, forward-chained, baselines first."""
        return self._backtest

    def levels(self) -> Levels:
        """Return the warning level of every customer at risk, by expected loss."""
        return self._levels

    def predictions(self) -> pl.DataFrame:
        """Return what the models said on the last test day: ``model``, ``observed_on``, ``customer_id``.

        And ``y`` (1: left) and ``p``.
        """
        return self._backtest.predictions

    def metrics(self) -> Metrics | Note:
        """Show every model's figures on the last test day, with intervals."""
        from crmlab.churn.scorecard import Metrics

        return self._judged(Metrics, capacity=self.capacity, campaign=self.campaign)

    def calibration(self) -> Calibration | Note:
        """Show whether customers leave as often as the model says."""
        from crmlab.churn.views import Calibration

        return self._judged(Calibration)

    def lift(self) -> Lift | Note:
        """Show how many of those who leave a list of a given length holds."""
        from crmlab.churn.views import Lift

        return self._judged(Lift, capacity=self.capacity)

    def profit(self) -> Profit | Note:
        """Show what a campaign that follows the model earns."""
        from crmlab.churn.earnings import Profit

        return self._judged(Profit, campaign=self.campaign)

    def why(self) -> ChurnReasons:
        """Return the contrast of those who left with those who stayed: behaviour, complaints, feedback."""
        from crmlab.churn.reasons import ChurnReasons

        return ChurnReasons(self.lab, self.design)

    @property
    def capacity(self) -> int:
        """How many customers can be contacted: as the study says, else a tenth of those at risk."""
        at_risk = self._backtest.last.height or self._levels.customers.height
        return self.model.capacity or max(1, round(at_risk / 10))

    def reasons(self, customers: pl.Series | None = None, most: int = 3) -> pl.DataFrame:
        """Return ``customer_id``, ``zh`` and ``en``: what moves the odds of each customer most.

        Of everybody with a score, unless ``customers`` names some.
        """
        from crmlab.churn.explanations import reasons

        ids = self._levels.customers[KEY] if customers is None else customers
        if not len(ids):
            return pl.DataFrame(schema=dict.fromkeys((KEY, "zh", "en"), pl.String))
        fitted: Any = self.lab.model(MODEL)
        features = ids.to_frame(KEY).join(
            self.lab.features(*fitted.inputs), on=KEY, how="left", maintain_order="left"
        )
        return reasons(fitted, features, self.lab.measure, most, self.lab.study.currency)

    def list(self, rows: int = 20) -> Table | Note:
        """Show whom to call first: the largest expected losses, each with the reasons."""
        from crmlab.churn.call_list import call_list

        return call_list(self, rows)

    def explain(self) -> Text:
        """Return what the churn warning says, in sentences."""
        return joined(*self.findings())

    def note(self) -> Note:
        """Show :meth:`explain`, as a warning where a result is refused."""
        from crmlab.view.findings import Note

        return Note(self.explain(), self.lab.language, "warning" if self.refused else "note")

    def findings(self) -> Sequence[Text]:
        """Return the sentences to repeat: what is at stake, whom to call, how sure that is."""
        if self.problem:
            return [self.problem]
        if refused := self.refused:
            return [refused]
        verdict = self._backtest.explain()
        customers = self._levels.customers
        if not customers.height:
            return [verdict] if self._backtest.told else [verdict, self.nothing]
        at_stake = say(
            "churn_finding",
            n=count(customers.height),
            window=window_words(self.design),
            lost=count(float(customers["churn_probability"].sum())),
            share=percent(float(customers["churn_probability"].mean())),  # type: ignore[arg-type]
            loss=money(float(customers["expected_loss"].sum()), self.lab.study.currency),
        )
        return [at_stake, self._levels.explain(), joined(verdict, self._in_use)]

    def saved_tables(self) -> dict[str, pl.DataFrame]:
        """Return the tables of the report by name."""
        if self.problem:
            return {}
        return {
            "churn_backtest": self._backtest.summary,
            "churn_leakage": self._leakage.summary,
            "churn_levels": self._levels.summary,
            "churn_snapshots": self.snapshots.summary,
        }

    @cached_property
    def _leakage(self) -> Leakage:
        tables, columns = self.lab.model_tables(), self.snapshots.columns
        rows, days = self.snapshots.rows, self.snapshots.days
        if not rows.height:
            return leakage(pl.DataFrame(schema=_NO_ROWS), (), language=self.lab.language)
        later = known_only_later(tables, columns, days[-1], self._settings)
        undated = attributes_among(tables, columns)
        return leakage(rows, columns, later=later, undated=undated, language=self.lab.language)

    @cached_property
    def _backtest(self) -> Backtest:
        return backtest(
            self.snapshots,
            self.contenders,
            self._leakage,
            self.model.capacity,
            self.lab.language,
            self.lab.study.privacy.smallest_group,
            progress=True,
        )

    @cached_property
    def _levels(self) -> Levels:
        if self.problem:
            schema = {KEY: pl.String, "churn_probability": pl.Float64, "expected_loss": pl.Float64}
            scores = pl.DataFrame(schema=schema)
        else:
            scores = self.lab.score(MODEL).scores
        contact, rate = self.model.contact_cost, self.model.success_rate
        return levels(
            scores,
            costs=None if rate is None else (contact + self.model.incentive, contact),
            success_rate=rate,
            language=self.lab.language,
            currency=self.lab.study.currency,
            smallest=self.lab.study.privacy.smallest_group,
            refused=self.refused,
        )

    @property
    def _settings(self) -> dict[str, dict[str, Any]]:
        """The parameters of features and of models whose scores are features, as the study gives them."""
        given: dict[str, dict[str, Any]] = self.model.feature_settings or {}
        study = self.lab.study
        return given or {name: dict(params) for name, params in {**study.models, **study.features}.items()}

    @property
    def _has_alive(self) -> bool:
        from crmlab import registry

        return self.model.alive.rsplit(".", 1)[0] in registry.models

    @property
    def nothing(self) -> Text:
        """Say why nobody has a score."""
        if self.problem:
            return self.problem
        fitted: Any = self.lab.model(MODEL)
        return fitted.verdict or texts()["churn_levels_none"]

    @property
    def _judged_model(self) -> Contender | None:
        """The contender that the warning stands on: the one whose figures are shown."""
        chosen = [each for each in self.contenders if each.name == self.model.model]
        return next(iter(chosen), self._backtest.winner)

    @property
    def _in_use(self) -> Text | None:
        """Say which model the levels and the list are by, where another one did best."""
        mine, best = self._judged_model, self._backtest.winner
        if mine is None or best is None or mine.name == best.name:
            return None
        area = self._backtest.figure(mine.name, "auc")
        ends = {name: decimal(value, 3) for name, value in area._asdict().items()}
        return say("churn_in_use", model=mine.title, best=best.title, name=best.name, **ends)

    def _judged(self, view: Callable[..., V], **settings: Any) -> V | Note:
        """Return a view of what the model of the study said on the last test day, or a note without one."""
        from crmlab.view.findings import Note

        if refused := self.refused:
            return Note(refused, self.lab.language, "warning")
        found, mine = self._backtest, self._judged_model
        if not found.told or mine is None:
            return Note(self.problem or found.explain(), self.lab.language)
        return view(found.predictions, self.lab, mine.name, **settings)


_NO_ROWS = {KEY: pl.String, "observed_on": pl.Date, "churned": pl.Boolean}
