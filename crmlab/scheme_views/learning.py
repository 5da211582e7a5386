"""How learned classes came about: candidates for their number, preparation, and rules that come near them."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import polars as pl

from crmlab.data.suppression import FEW
from crmlab.labels import Text
from crmlab.scheme_views import offers
from crmlab.view.numbers import percent
from crmlab.view.scheme_view_charts import candidates
from crmlab.view.tables import Column, Table
from crmlab.view.texts import joined, say, texts

if TYPE_CHECKING:
    import altair as alt

    from crmlab.results import Segmentation


class Learning:
    """What stands behind a segmentation that offers ``Chosen``; ``Ruled`` and ``Prepared`` add to it."""

    def __init__(self, segmentation: Segmentation) -> None:
        self.segmentation = segmentation
        self._lab = segmentation.lab
        self._classifier: Any = segmentation.classifier

    @cached_property
    def choice(self) -> pl.DataFrame:
        """The candidates, see :meth:`crmlab.scheme_views.offers.Chosen.choice`."""
        found: pl.DataFrame = self._classifier.choice()
        return found

    def parts(self) -> list[object]:
        """Return chart and table of the candidates, the rules, and the preparation, where there are any."""
        parts: list[object] = []
        if self.choice.height:
            parts += [self.chart(), self.table()]
        if isinstance(self._classifier, offers.Ruled):
            parts.append(self.rules_table())
        if isinstance(self._classifier, offers.Prepared) and self._classifier.preparation().height:
            parts.append(self.preparation_table())
        return parts

    def chart(self) -> alt.LayerChart:
        """Draw stability and separation by number of segments, with the chosen one marked."""
        words, language = texts(), self._lab.language
        lines = {
            "stability": words["choice_stability"].to(language),
            "separation": words["choice_separation"].to(language),
            "smallest_share": words["choice_smallest"].to(language),
        }
        frame = self.choice.select("segments", "chosen", *lines).unpivot(
            list(lines), index=["segments", "chosen"], variable_name="figure"
        )
        frame = frame.drop_nulls("value").with_columns(
            name=pl.col("figure").replace_strict(lines, return_dtype=pl.String)
        )
        return candidates(
            frame,
            [name for figure, name in lines.items() if figure in set(frame["figure"])],
            self._title(),
            joined(
                texts()["choice_subtitle"],
                texts()["choice_subtitle_separation"] if self._judged("separation") else None,
            ),
            language,
        )

    def table(self) -> Table:
        """Show the candidates with their figures and the verdict on each."""
        words, language = texts(), self._lab.language
        judged = [
            Column("stability", words["choice_stability"], "decimal"),
            Column("smallest_share", words["choice_smallest"], "percent"),
            Column("separation", words["choice_separation"], "decimal"),
            Column("bic", words["choice_bic"], "integer"),
            Column("silhouette", words["choice_silhouette"], "decimal"),
        ]
        frame = self.choice.with_columns(
            verdict=pl.when("chosen")
            .then(pl.format(words["choice_chosen"].to(language), pl.col(language)))
            .otherwise(pl.col(language))
        )
        return Table(
            frame,
            [
                Column("segments", words["choice_segments"], "integer"),
                *(column for column in judged if frame[column.id].count()),
                Column("verdict", words["choice_verdict"]),
            ],
            caption=say("choice_caption", day=self.segmentation.as_of),
            note=self._choice_note(),
            language=language,
        )

    def rules_table(self) -> Table:
        """Show the rule that comes nearest to each class, and how near the rules come together."""
        words, language = texts(), self._lab.language
        sizes = self.segmentation.summary.select("label", "customer_share")
        few, exact = self.segmentation.few, self._classifier.surrogate_.get("exact", False)
        frame = self._classifier.rules().select("label", name=f"name_{language}", rule=f"rule_{language}")
        frame = frame.join(sizes, on="label", how="left", maintain_order="left")
        return Table(
            frame.filter(~pl.col("label").is_in([*few, FEW])),
            [
                Column("name", words["segment"]),
                Column("customer_share", words["customer_share"], "percent", bar=True),
                Column("rule", words["rules_exact" if exact else "rules_rule"]),
            ],
            caption=say(
                "rules_exact_caption" if exact else "rules_caption", scheme=self.segmentation.scheme.text
            ),
            note=joined(
                words["rules_exact_note"] if exact else self._fidelity(), self.segmentation.privacy_note()
            ),
            language=language,
        )

    def preparation_table(self) -> Table:
        """Show what was done to each input."""
        words, language = texts(), self._lab.language
        return Table(
            self._classifier.preparation().select(name=f"name_{language}", step=f"step_{language}"),
            [Column("name", words["preparation_input"]), Column("step", words["preparation_step"])],
            caption=words["preparation_caption"],
            note=words["preparation_note"],
            language=language,
        )

    def _title(self) -> Text:
        chosen = self.choice.filter(pl.col("chosen"))
        if not chosen.height:
            return texts()["choice_title_none"]
        row = chosen.row(0, named=True)
        why = Text(row["zh"], row["en"])
        return say("choice_title", n=row["segments"], why=why)

    def _judged(self, figure: str) -> bool:
        return bool(self.choice[figure].count())

    def _choice_note(self) -> Text:
        """Say what the figures are, and what the silhouette had to say."""
        words = texts()
        silhouette = None
        if self._judged("silhouette"):
            decided = not (self._judged("separation") or self._judged("bic"))
            silhouette = words["choice_note_tiebreak" if decided else "choice_note_silhouette"]
        return joined(
            words["choice_note"],
            words["choice_note_separation"] if self._judged("separation") else None,
            silhouette,
        )

    def _fidelity(self) -> Text:
        """Say how many customers held out the rules put into their class, where that was measured."""
        told = self._classifier.surrogate_
        value, low, high = told.get("fidelity") or (None, None, None)
        if value is None:
            return texts()["rules_note"]
        return say(
            "rules_fidelity",
            share=percent(value),
            low=percent(low),
            high=percent(high),
            baseline=percent(told.get("baseline")),
        )
