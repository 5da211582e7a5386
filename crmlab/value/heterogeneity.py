"""How customers differ, as a fitted model sees it: its parameters, and the densities of their rates."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import polars as pl

from crmlab.labels import Text
from crmlab.value.holdout import HISTORY
from crmlab.view.findings import Note
from crmlab.view.numbers import count, decimal
from crmlab.view.tables import Column, Table
from crmlab.view.texts import joined, say, texts

if TYPE_CHECKING:
    import altair as alt

    from crmlab.lab import Lab


TAIL = 0.005
"""The share of the customers, those with the highest rates, that a density is not drawn for."""
FEWEST_POINTS = 10
"""Below this many points there is no shape to draw: customers are as good as alike."""
GREEK = {"alpha": "α", "beta": "β"}


class Heterogeneity:
    """Parameters and densities of the model ``name``, fitted as of the study's day."""

    def __init__(self, lab: Lab, name: str, missing: Text | None = None) -> None:
        self.lab = lab
        self.name = name
        self.missing = missing

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, Any]:
        return self.table()._repr_mimebundle_()

    @cached_property
    def summary(self) -> pl.DataFrame:
        """The densities: ``kind`` (``purchases_per_week`` or ``dropout``), ``value``, ``density``."""
        return self._model.heterogeneity()  # type: ignore[no-any-return]

    @cached_property
    def parameters(self) -> pl.DataFrame:
        """``name``, ``value``, ``standard_error``, ``low``, ``high`` (95 %), times in weeks."""
        return self._model.parameter_table()  # type: ignore[no-any-return]

    def chart(self) -> alt.Chart | Note:
        """Draw how customers' rates of purchase spread."""
        return self._chart("purchases_per_week")

    def dropout_chart(self) -> alt.Chart | Note:
        """Draw how customers' readiness to leave spreads."""
        return self._chart("dropout")

    @property
    def verdicts(self) -> list[Text]:
        """What the fit warns of; empty where it warns of nothing."""
        return [] if self.missing else list(self._model.verdicts())

    def explain(self) -> Text:
        """Return what the fit warns of, or that it warns of nothing."""
        if self.missing:
            return self.missing
        return joined(*self.verdicts) if self.verdicts else say("val_no_verdict", name=self._title)

    def note(self) -> Note:
        """Show :meth:`explain`, as a warning where the fit warns."""
        return Note(self.explain(), self.lab.language, "warning" if self.verdicts else "note")

    def table(self) -> Table | Note:
        """Show the parameters."""
        if self.missing:
            return self.note()
        words = texts()
        return Table(
            self.parameters.with_columns(
                pl.col("name").replace(GREEK), interval=pl.concat_list("low", "high")
            ),
            [
                Column("name", words["val_parameter"]),
                Column("value", words["val_check_value"], "decimal", decimals=4),
                Column("standard_error", words["val_standard_error"], "decimal", decimals=4),
                Column("interval", words["interval_95"], "interval"),
            ],
            caption=say("val_parameters_caption", name=self._title, day=self.lab.study.as_of),
            note=say("val_parameters_note", n=count(self._customers)),
            language=self.lab.language,
        )

    def _chart(self, kind: str) -> alt.Chart | Note:
        if self.missing:
            return self.note()
        from crmlab.view.value_charts import density

        frame = self.summary.filter(kind=kind).filter(pl.col("density").is_finite())
        if not frame.height:
            return Note(say("val_no_density", name=self._title), self.lab.language)
        shown = _without_tail(frame)
        if shown.height < FEWEST_POINTS:
            most = decimal(float(shown["value"].max() or 0), 3)  # type: ignore[arg-type]
            return Note(say(f"val_density_{kind}_point", name=self._title, most=most), self.lab.language)
        words = texts()
        return density(
            shown,
            say(f"val_density_{kind}_title", name=self._title),
            say("val_density_subtitle", n=count(self._customers), day=self.lab.study.as_of),
            words[f"val_density_{kind}"],
            self.lab.language,
        )

    @property
    def _model(self) -> Any:
        return self.lab.model(self.name)

    @property
    def _title(self) -> Text:
        return type(self.lab.model(self.name)).title

    @property
    def _customers(self) -> int:
        return self.lab.features(*HISTORY).drop_nulls().height


def _without_tail(density: pl.DataFrame) -> pl.DataFrame:
    """Return the part of a density, at equal steps, that holds nearly all of what lies under it."""
    rows = density.sort("value")
    under = rows["density"].cum_sum()
    return rows.filter(under <= (1 - TAIL) * under[-1]) if float(under[-1]) > 0 else rows
