"""Schemes: the classifications that a report shows, side by side and one by one."""

from __future__ import annotations

import warnings
from functools import cached_property
from typing import TYPE_CHECKING, Any, get_args, get_type_hints

import polars as pl

from crmlab.data.suppression import FEW
from crmlab.errors import CrmlabError, PluginContractError
from crmlab.labels import UNCLASSIFIED, Text
from crmlab.registry import classifiers
from crmlab.scheme_views import parts_of
from crmlab.view.findings import Heading, Note, Sections
from crmlab.view.numbers import count
from crmlab.view.scheme_charts import stacked_schemes
from crmlab.view.tables import Column, Table
from crmlab.view.texts import joined, say, texts

if TYPE_CHECKING:
    import altair as alt

    from crmlab.lab import Lab
    from crmlab.results import Segmentation
    from crmlab.segments.comparator import SchemeComparison


class Schemes:
    """What ``schemes`` of the study names: each a Segmentation, or the data that it lacks.

    The first that the data allows is the ``main`` one: profiles, quality and movement speak of it.
    """

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.broken: dict[str, str] = {}
        """Name → kind of error, for the schemes whose plugin fails; known with :attr:`segmentations`."""

    @property
    def absent(self) -> dict[str, Text]:
        """Name → the data that the scheme needs and the study has for nobody."""
        made = {*self.segmentations, *self.broken}
        return {name: classifiers[name].needs for name in self.lab.study.schemes if name not in made}

    @cached_property
    def segmentations(self) -> dict[str, Segmentation]:
        """Name → everybody's class, for the schemes that the data allows, in the study's order."""
        made: dict[str, Segmentation] = {}
        for name in self.lab.study.schemes:
            try:
                if self.lab.lacks(name) is None:
                    made[name] = self.lab.classify(name)
            except Exception as error:  # a plugin's own mistake stops no other scheme
                if isinstance(error, CrmlabError) and not isinstance(error, PluginContractError):
                    raise
                self.broken[name] = type(error.__cause__ or error).__name__
                owner = classifiers.origin(name)
                warnings.warn(
                    f"The classifier {name!r} is left out, it failed with {self.broken[name]} "
                    f"({owner.distribution} {owner.version}): run lab.classify({name!r}) in a notebook to "
                    "see where.",
                    stacklevel=2,
                )
        return {name: each for name, each in made.items() if (each.labels["label"] != UNCLASSIFIED.id).any()}

    @property
    def main(self) -> Segmentation:
        """The first scheme that the data allows; RFM where it allows none of those named."""
        return next(iter(self.segmentations.values()), None) or self.lab.classify("rfm")

    @cached_property
    def summary(self) -> pl.DataFrame:
        """One row per scheme.

        Columns ``scheme`` (its registered name), ``classes``, ``used`` (classes with customers),
        ``classified`` (share of customers with a class), ``top`` (label with most revenue),
        ``top_customers`` and ``top_revenue`` (its shares), ``smallest`` (share of the smallest class
        with customers). Null where small groups are hidden.
        """
        rows = []
        for name, segmentation in self.segmentations.items():
            known = segmentation.summary.filter(~pl.col("label").is_in([UNCLASSIFIED.id, FEW]))
            used = known.filter(pl.col("customers") > 0)
            top = used.sort("revenue", "customers", descending=True, nulls_last=True, maintain_order=True)
            labels = segmentation.labels["label"]
            row: dict[str, Any] = {
                "scheme": name,
                "classes": len(segmentation.scheme.labels),
                "used": labels.filter(labels != UNCLASSIFIED.id).n_unique(),
                "classified": (labels != UNCLASSIFIED.id).mean(),
                "smallest": None if segmentation.few else used["customer_share"].min(),
            }
            if top.height:
                first = top.row(0, named=True)
                row |= {"top": first["label"], "top_customers": first["customer_share"]}
                row["top_revenue"] = first["revenue_share"]
            rows.append(row)
        return pl.DataFrame(rows, schema=_SCHEMA)

    def table(self) -> Table:
        """Show the summary, and say where the cut-points come from."""
        words, language = texts(), self.lab.language
        made = self.segmentations
        frame = self.summary.with_columns(
            name=pl.Series([made[name].classifier.title.to(language) for name in made], dtype=pl.String),
            best=pl.Series(
                [
                    made[name].scheme[top].text.to(language) if top else None
                    for name, top in self.summary.select("scheme", "top").iter_rows()
                ],
                dtype=pl.String,
            ),
        )
        return Table(
            frame,
            [
                Column("name", words["scheme"]),
                Column("used", words["classes_used"], "integer", note=words["classes_used_note"]),
                Column("classified", words["classified"], "percent", bar=True),
                Column("best", words["top_class"], note=words["top_class_note"]),
                Column("top_customers", words["customer_share"], "percent"),
                Column("top_revenue", words["revenue_share"], "percent"),
                Column("smallest", words["smallest_class"], "percent"),
            ],
            caption=say(
                "schemes_caption",
                n=count(self.main.labels.height),
                schemes=frame.height,
                day=self.lab.study.as_of,
            ),
            note=joined(words["schemes_note"], *self._learned(), self._lacking(), self._failed()),
            language=language,
            currency=self.lab.study.currency,
        )

    def _learned(self) -> list[Text]:
        """Say for which schemes the cut-points come from where."""
        by_text: dict[Text, list[Text]] = {}
        for each in self.segmentations.values():
            by_text.setdefault(each.learned, []).append(each.classifier.title)
        said = []
        for learned, titles in by_text.items():
            names = Text("、".join(title.zh for title in titles), ", ".join(title.en for title in titles))
            said.append(say("schemes_learned", schemes=names, learned=learned))
        return said

    def _lacking(self) -> Text | None:
        if not self.absent:
            return None
        parts = [(self._title(name), needs) for name, needs in self.absent.items()]
        return say(
            "schemes_absent",
            schemes=Text(
                "；".join(f"{title.zh}（需要{needs.zh}）" for title, needs in parts),
                "; ".join(f"{title.en} (needs {needs.en})" for title, needs in parts),
            ),
        )

    def _failed(self) -> Text | None:
        if not self.broken:
            return None
        parts = [(self._title(name), name, kind) for name, kind in self.broken.items()]
        return say(
            "schemes_broken",
            schemes=Text(
                "；".join(f"{title.zh}（{name}，{kind}）" for title, name, kind in parts),
                "; ".join(f"{title.en} ({name}, {kind})" for title, name, kind in parts),
            ),
        )

    def _title(self, name: str) -> Text:
        from crmlab.registry import classifiers

        title: Text = classifiers[name].title
        return title

    def chart(self) -> alt.LayerChart | Note:
        """Draw one bar per scheme, split into its classes, the best on the left."""
        rows = []
        for segmentation in self.segmentations.values():
            summary = segmentation.named(segmentation.summary).filter(
                pl.col("customers").is_not_null() & (pl.col("customers") > 0)
            )
            shades = _shades(summary["label"].to_list(), segmentation.scheme.ids)
            for row, shade in zip(summary.iter_rows(named=True), shades, strict=True):
                share, title = row["customer_share"], segmentation.classifier.title
                rows.append((title.to(self.lab.language), row["name"], row["customers"], share, shade))
        if not rows:
            return Note(texts()["nobody"], self.lab.language)
        frame = pl.DataFrame(rows, schema=["scheme", "name", "customers", "share", "shade"], orient="row")
        return stacked_schemes(
            frame,
            say("schemes_title", n=len(self.segmentations)),
            say("schemes_subtitle", n=count(self.main.labels.height), day=self.lab.study.as_of),
            self.lab.language,
        )

    @cached_property
    def comparison(self) -> SchemeComparison:
        """The schemes judged on what customers did next: which one is the simplest that is good enough."""
        from crmlab.segments.comparator import SchemeComparison

        actions = {
            f"{name}.{label}": self.lab.playbook.names(name, label)
            for name, segmentation in self.segmentations.items()
            for label in segmentation.scheme.ids
        }
        return SchemeComparison(self.lab, list(self.segmentations), actions=actions)

    def sensitivity(self) -> Sections:
        """Show how many customers change class under other conventions, where the main scheme has some."""
        classifier = self.main.classifier
        if "convention" not in classifier.parameter_names():
            return Sections([Note(texts()["sensitivity_none"], self.lab.language)])
        choices = get_args(get_type_hints(type(classifier))["convention"])
        sensitivity = self.main.sensitivity("convention", list(choices))
        return Sections([sensitivity.chart(), sensitivity.table()])

    def show(self) -> Sections:
        """Show a section per scheme: what it is, its sizes, its table, and what it alone has to show."""
        parts: list[object] = []
        for segmentation in self.segmentations.values():
            classifier = segmentation.classifier
            parts += [
                Heading(classifier.title, self.lab.language),
                segmentation.chart(),
                segmentation.table(),
            ]
            parts += parts_of(segmentation)
            parts.append(Note(joined(classifier.definition(), segmentation.learned), self.lab.language))
        return Sections(parts)


def _shades(labels: list[str], ids: tuple[str, ...]) -> list[float | None]:
    """Return how far down the scheme each label stands, 0 to 1; None for what is no class of it."""
    last = max(len(ids) - 1, 1)
    return [ids.index(label) / last if label in ids else None for label in labels]


_SCHEMA = {
    "scheme": pl.String,
    "classes": pl.Int64,
    "used": pl.Int64,
    "classified": pl.Float64,
    "top": pl.String,
    "top_customers": pl.Float64,
    "top_revenue": pl.Float64,
    "smallest": pl.Float64,
}
