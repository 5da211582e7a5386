"""The holdout: models learn what was known on a day, and are judged on what came after it."""

from __future__ import annotations

from datetime import date, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

import polars as pl

from crmlab import registry
from crmlab.errors import CrmlabError, ParamsError, did_you_mean
from crmlab.labels import Text
from crmlab.summary import day_number
from crmlab.value.offers import TellsPurchases
from crmlab.view.findings import Note
from crmlab.view.numbers import count
from crmlab.view.tables import Column, Table
from crmlab.view.texts import joined, say, texts

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from crmlab.lab import Lab

    Floats = NDArray[np.float64]

HISTORY = ("repeat_purchase_days", "first_to_last_purchase_days", "days_since_first_order")
"""The features that hold x, t_x and T of buy-till-you-die models, in days."""

FEWEST_REPEAT = 50
"""Repeat buyers by the cutoff below which nothing is judged: parameters would be guesses."""

SHORTEST = 28
"""Days that a holdout has at least."""

SAME_RATE, MEAN_RATE = "same_rate", "mean_rate"
"""The simple baselines: everybody goes on as so far; everybody buys like the mean of all."""


class Holdout:
    """Customers known by the cutoff, and how often they bought in the days from it to the study's day.

    A purchase is a day with a paid order. Unless ``days`` says otherwise the holdout is as long as half
    of the history or as the horizon of the study's values, whichever is shorter. Customers whose first
    purchase is in the holdout are left out, and counted in ``born``.
    """

    def __init__(self, lab: Lab, days: int | None = None) -> None:
        if days is not None and days < 1:
            raise ParamsError(f"days is {days}; a holdout has 1 day or more, for example 90.")
        self.lab = lab
        self._asked = days
        self.failed: dict[str, str] = {}

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, Any]:
        return self.note()._repr_mimebundle_()

    @cached_property
    def history_days(self) -> int:
        """Days from the first paid order to the study's day; 0 without one."""
        first = self._purchases["day"].min()
        return day_number(self.lab.study.as_of) - int(first) if first is not None else 0  # type: ignore[arg-type]

    @cached_property
    def days(self) -> int:
        """How long the holdout is."""
        return self._asked or min(self.history_days // 2, int(setting(self.lab, "horizon_days")))

    @property
    def cutoff(self) -> date:
        """The last day that models learn from."""
        return self.lab.study.as_of - timedelta(days=self.days)

    @cached_property
    def missing(self) -> Text | None:
        """Say why nothing can be judged; None where it can."""
        if "orders" not in self.lab.tables:
            return texts()["val_no_orders"]
        if self.days < SHORTEST or self.days >= self.history_days:
            return say("val_short", days=self.history_days, least=2 * SHORTEST)
        if (repeat := int((self.customers["repeat_purchase_days"] > 0).sum())) < FEWEST_REPEAT:
            return say("val_few_repeat", n=count(repeat), least=FEWEST_REPEAT, day=self.cutoff)
        if not self.names:
            return texts()["val_no_models"]
        return None

    @cached_property
    def customers(self) -> pl.DataFrame:
        """One row per customer known by the cutoff, sorted by ``customer_id``.

        ``customer_id``, the features of ``HISTORY`` as of the cutoff, and ``actual`` (Int64), the purchases
        in the holdout.
        """
        known = self.lab.features(*HISTORY, as_of=self.cutoff).drop_nulls()
        after = self._purchases.filter(pl.col("day") > day_number(self.cutoff))
        bought = after.group_by("customer_id").agg(actual=pl.len().cast(pl.Int64))
        return known.join(bought, on="customer_id", how="left", maintain_order="left").with_columns(
            pl.col("actual").fill_null(0)
        )

    @cached_property
    def born(self) -> int:
        """How many customers bought for the first time in the holdout, and are left out."""
        return self._purchases["customer_id"].n_unique() - self.customers.height

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The registered models that tell purchases and could be fitted; who could not is in ``failed``."""
        return tuple(self._models)

    @cached_property
    def main(self) -> str:
        """The model that the study's values stand on, else the first."""
        chosen: str = setting(self.lab, "purchases")
        return chosen if chosen in self._models else self.names[0]

    def chosen(self, name: str | None) -> str:
        """Return the name of a model of the holdout, the main one where none is given.

        Raises ParamsError for one that is not there, with the reason.
        """
        if name is None or name in self.names:
            return name or self.main
        reason = self.failed.get(name)
        raise ParamsError(
            f"The model {name!r} could not be fitted as of {self.cutoff}: {reason}"
            if reason
            else f"{name!r} is no model that tells purchases.{did_you_mean(name, self.names)} "
            f"These do: {', '.join(self.names)}."
        )

    def model(self, name: str) -> Any:
        """Return a model fitted as of the cutoff."""
        return self._models[name][0]

    def title(self, name: str) -> Text:
        """Return what readers call a model or a baseline."""
        return texts()[f"val_{name}"] if name in (SAME_RATE, MEAN_RATE) else registry.models[name].title

    @cached_property
    def expected(self) -> dict[str, Floats]:
        """Purchases that each model, then each baseline, expects in the holdout, per row of ``customers``."""
        import numpy as np

        told = {name: expected for name, (_, expected) in self._models.items()}
        x, age = (self.customers[name].to_numpy().astype(np.float64) for name in (HISTORY[0], HISTORY[2]))
        rate = np.divide(x, age, out=np.zeros_like(x), where=age > 0)
        everybody = x.sum() / age.sum() if age.sum() > 0 else 0.0
        return told | {SAME_RATE: rate * self.days, MEAN_RATE: np.full(len(x), everybody * self.days)}

    @property
    def actual(self) -> Floats:
        """Purchases in the holdout per row of ``customers``."""
        import numpy as np

        return self.customers["actual"].to_numpy().astype(np.float64)

    @property
    def summary(self) -> pl.DataFrame:
        """One row: ``cutoff``, ``days``, ``customers``, ``repeat_buyers``, ``purchases``, ``born``."""
        return pl.DataFrame(
            {
                "cutoff": [self.cutoff],
                "days": [self.days],
                "customers": [self.customers.height],
                "repeat_buyers": [int((self.customers["repeat_purchase_days"] > 0).sum())],
                "purchases": [int(self.customers["actual"].sum())],
                "born": [self.born],
            }
        )

    def explain(self) -> Text:
        """Say what was learned from, what it was judged on, and who is left out."""
        if self.missing:
            return self.missing
        row = self.summary.row(0, named=True)
        sample = say(
            "val_holdout",
            **{
                name: count(row[name]) for name in ("days", "customers", "repeat_buyers", "purchases", "born")
            },
            cutoff=self.cutoff,
            day=self.lab.study.as_of,
        )
        titles = [self.title(name) for name in self.failed]
        names = Text("、".join(title.zh for title in titles), ", ".join(title.en for title in titles))
        return joined(sample, say("val_failed", names=names) if titles else None)

    def sample(self) -> Text:
        """Say on whom a figure stands, in few words for a subtitle."""
        return say(
            "val_sample",
            n=count(self.customers.height),
            cutoff=self.cutoff,
            days=count(self.days),
        )

    def note(self) -> Note:
        """Show :meth:`explain`."""
        return Note(self.explain(), self.lab.language)

    def table(self) -> Table | Note:
        """Show the summary."""
        if self.missing:
            return self.note()
        words = texts()
        return Table(
            self.summary,
            [
                Column("cutoff", words["val_cutoff"], "date"),
                Column("days", words["val_holdout_days"], "integer"),
                Column("customers", words["customers"], "integer"),
                Column("repeat_buyers", words["val_repeat_buyers"], "integer"),
                Column("purchases", words["val_holdout_purchases"], "integer"),
                Column("born", words["val_born"], "integer"),
            ],
            caption=words["val_holdout_caption"],
            language=self.lab.language,
        )

    @cached_property
    def purchases(self) -> pl.DataFrame:
        """The purchases of the customers: ``customer_id``, ``day`` (Int64), ``born`` (day of the first)."""
        known = self.customers.select(
            "customer_id", born=day_number(self.cutoff) - pl.col("days_since_first_order")
        )
        return self._purchases.join(known, on="customer_id").sort("customer_id", "day")

    @cached_property
    def _purchases(self) -> pl.DataFrame:
        """Every customer's days with a paid order, up to the study's day."""
        paid = pl.col("amount_hundredths") > 0
        if "orders" not in self.lab.tables:
            return pl.DataFrame(schema={"customer_id": pl.String, "day": pl.Int64})
        orders = self.lab.tables["orders"].filter(paid)
        return orders.select("customer_id", "day").unique().sort("customer_id", "day")

    @cached_property
    def _models(self) -> dict[str, tuple[Any, Floats]]:
        """The fitted models, each with what it expects of every customer in the holdout."""
        import numpy as np

        fitted: dict[str, tuple[Any, Floats]] = {}
        for name in registry.models:
            try:
                if not tells_purchases(registry.models[name]):
                    continue
                model: Any = self.lab.model(name, as_of=self.cutoff)
            except CrmlabError as error:  # one that cannot be fitted on this data stops no other
                self.failed[name] = str(error)
                continue
            told = np.asarray(model.expected_purchases(self.customers, [float(self.days)]))[0]
            if np.isfinite(told).all():
                fitted[name] = (model, told)
            else:
                self.failed[name] = f"no number for {int((~np.isfinite(told)).sum())} customers"
        return fitted


def setting(lab: Lab, name: str) -> Any:
    """Return a parameter of the model of lifetime value: as the study sets it, else the model's own."""
    return lab.study.models.get("clv", {}).get(name, getattr(registry.models["clv"], name))


def tells_purchases(plugin: type) -> bool:
    """Say whether a model offers what :class:`TellsPurchases` asks for."""
    return all(hasattr(plugin, name) for name in vars(TellsPurchases) if not name.startswith("_"))
