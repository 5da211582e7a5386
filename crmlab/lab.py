"""Lab: the one object that a notebook talks to."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping, Sequence
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from crmlab import registry
from crmlab.data.days import with_days
from crmlab.data.selection import SelectedTables
from crmlab.data.tables import TableStore
from crmlab.environment import REPORT_NAME, RUN_FOLDER, resolved
from crmlab.errors import (
    ParamsError,
)
from crmlab.feature_store import FeatureStore
from crmlab.labels import Measure, Text
from crmlab.params import Study, prepare
from crmlab.results import Annotation, Scores, Segmentation
from crmlab.state import read_day
from crmlab.view.texts import joined, say, texts

if TYPE_CHECKING:
    from crmlab.churn import Churn
    from crmlab.complaints import Complaints
    from crmlab.estimators import Classifier, Model, Source
    from crmlab.improvement import Improvement
    from crmlab.movement.flow import Every, Flow
    from crmlab.overview import Overview
    from crmlab.playbook import Playbook
    from crmlab.profiles import WatchList
    from crmlab.quality import Quality
    from crmlab.results import Finding
    from crmlab.retention import Retention
    from crmlab.revenue import Concentration
    from crmlab.schemes import Schemes
    from crmlab.segments.backtest import Backtest
    from crmlab.surveys import Surveys
    from crmlab.targeting import WinBack
    from crmlab.value import Value
    from crmlab.view.explorer import Explorer
    from crmlab.view.findings import Findings, Note
    from crmlab.view.labelling import Labeller
    from crmlab.view.tables import Table
    from crmlab.voice import Voice

_IDENTIFIED = ("customers", "orders", "feedback")
_PARTS = (
    *("voice", "surveys", "complaints", "improvement"),
    *("quality", "value", "retention", "churn", "win_back"),
)
"""What may have tables of its own to save."""
_TERMS = {
    "orders": ("revenue", "order", "interval", "codes"),
    "feedback": ("sentiment_share", "aspect_share", "contrast", "interval"),
}


def open(report: str | None = None, **settings: Any) -> Lab:  # noqa: A001
    """Open a lab on a study given as keyword arguments, as a notebook's parameters cell holds them.

    ``report`` names the report, so that what the study sets for it alone applies. Raises
    ParamsError that lists every problem; warns of plugin files that do not load.
    """
    study, broken = prepare(settings, Path())
    for problem in broken:
        warnings.warn(problem, stacklevel=2)
    return Lab(study.for_report(report) if report else study, report)


class Lab:
    """A study with its tables, features and plugins.

    ``lab.tables["orders"]`` is a canonical table, ``lab.features("order_count")`` one row per
    customer, ``lab.classify("rfm")`` a Segmentation, ``lab.score("…")`` Scores and
    ``lab.annotate("sentiment")`` an Annotation. Everything is computed when first asked for, and
    once.
    """

    def __init__(self, study: Study, report: str | None = None) -> None:
        from crmlab.view import theme

        self.study = study
        self.report = report
        self.language = study.language
        self.results: dict[str, Segmentation | Scores | Annotation] = {}
        self.learned_days: dict[str, date] = {}
        self._fits: dict[str, tuple[Classifier, Text]] = {}
        self._models: dict[str, Model] = {}
        theme.enable(self.language)

    def __repr__(self) -> str:
        return f"<Lab {self.study.study}: as of {self.study.as_of}, {self.language}>"

    @cached_property
    def tables(self) -> TableStore:
        """The canonical tables by name, read and cleaned when first used.

        Raises QualityGateError where they break a gate that the study sets; the data-quality report
        tells first and stops at its end.
        """
        from crmlab.data.quality import gate

        study, run = self.study, os.environ.get(RUN_FOLDER)
        sources = [registry.sources[spec.source].from_params(resolved(spec.params)) for spec in study.data]
        rejected = Path(run) / "rejected" / self.output_name if run else None
        looks_at_bad_data = self.report == gate.REPORT
        store = SelectedTables(
            sources,
            study.as_of,
            study.timezone,
            1.0 if looks_at_bad_data else study.quality.max_rejected_share,
            rejected,
            study.policy,
            study.currency,
            where=study.where,
        )
        if not looks_at_bad_data:
            gate.enforce(store, study)
        return store

    @cached_property
    def _store(self) -> FeatureStore:
        return FeatureStore(self)

    @property
    def features_used(self) -> list[str]:
        """The features that were built, by name."""
        return self._store.used

    def features(self, *columns: str, as_of: date | None = None) -> pl.DataFrame:
        """Return one row per customer with ``columns``, as of a day (the study's unless given).

        Without names: every column that the tables of the study allow. A column that no feature
        produces is taken from the customers table, as an attribute of the customer; ``model.score`` is a
        score of a registered model, fitted on that day. Rows are sorted
        by ``customer_id``; customers without orders have nulls. Raises MissingFeaturesError for a
        column that is neither.
        """
        return self._store.frame(*columns, as_of=as_of)

    def measure(self, column: str) -> Measure:
        """Return what readers call a column of features, and its unit."""
        return self._store.measure(column)

    def classify(
        self, name: str, as_of: date | None = None, learned_on: date | None = None, **params: Any
    ) -> Segmentation:
        """Label every customer with the classifier ``name``.

        ``params`` override what the study sets for it. An ``as_of`` before the study's day replays
        history with the cut-points of the study's own day, so that movement is movement;
        ``learned_on`` learns them on an earlier day instead, so that what came after can judge them.
        """
        day = as_of or self.study.as_of
        key = _key(name, day, params) + (f" learned on {learned_on}" if learned_on else "")
        if key not in self.results:
            classifier, learned = self._fitted(name, params, learned_on)
            features = self.features(*classifier.requires, as_of=day)
            self.results[key] = Segmentation(self, name, classifier, features, day, learned)
        result = self.results[key]
        assert isinstance(result, Segmentation)
        return result

    def forget(self, segmentation: Segmentation) -> None:
        """Drop a classification and what it learned, so that trying many of them fills no memory."""
        self.results = {key: result for key, result in self.results.items() if result is not segmentation}
        fitted = segmentation.classifier
        self._fits = {key: fit for key, fit in self._fits.items() if fit[0] is not fitted}

    def model(self, name: str, as_of: date | None = None, **params: Any) -> Model:
        """Return the model ``name``, fitted on what was known on a day (the study's unless given)."""
        day = as_of or self.study.as_of
        key = _key(name, day, params)
        if key not in self._models:
            # A model that makes features of past days makes them as the study does.
            settings = {**self.study.models, **self.study.features}
            of_study = {"feature_settings": settings} if self._makes_features(name) else {}
            model: Model = self._plugin(registry.models, self.study.models, name, {**of_study, **params})
            frozen = self._frozen(name) if day == self.study.as_of and not params else None
            self._models[key] = frozen or model.fit(
                self.tables_of(day), self.features(*model.requires, as_of=day), day
            )
        return self._models[key]

    def score(self, name: str, as_of: date | None = None, **params: Any) -> Scores:
        """Score every customer with the model ``name``, fitted and asked on a day (default: the study's)."""
        day = as_of or self.study.as_of
        key = _key(name, day, params)
        if key not in self.results:
            model = self.model(name, day, **params)
            scores = model.predict(self.features(*model.requires, as_of=day))
            self.results[key] = Scores(self, name, model, scores, day)
        result = self.results[key]
        assert isinstance(result, Scores)
        return result

    def annotate(self, name: str, **params: Any) -> Annotation:
        """Annotate every feedback text with the annotator ``name``."""
        key = _key(name, self.study.as_of, params)
        if key not in self.results:
            annotator = self._plugin(registry.annotators, self.study.annotators, name, params)
            feedback = self.tables["feedback"]
            annotator.fit(feedback)
            self.results[key] = Annotation(self, name, annotator, annotator.predict(feedback))
        result = self.results[key]
        assert isinstance(result, Annotation)
        return result

    @cached_property
    def concentration(self) -> Concentration:
        """How revenue is spread over customers."""
        from crmlab.revenue import Concentration

        return Concentration(self)

    @cached_property
    def voice(self) -> Voice:
        """What the feedback says."""
        from crmlab.voice import Voice

        return Voice(self)

    @cached_property
    def surveys(self) -> Surveys:
        """What customers answered, and who did not."""
        from crmlab.surveys import Surveys

        return Surveys(self)

    @cached_property
    def complaints(self) -> Complaints:
        """How complaints are handled, and what they come from."""
        from crmlab.complaints import Complaints

        return Complaints(self)

    @cached_property
    def improvement(self) -> Improvement:
        """Which measures worked."""
        from crmlab.improvement import Improvement

        return Improvement(self)

    @cached_property
    def quality(self) -> Quality:
        """How good the data is."""
        from crmlab.quality import Quality

        return Quality(self)

    @cached_property
    def value(self) -> Value:
        """What the customer base is worth, and how far that can be trusted."""
        from crmlab.value import Value

        return Value(self)

    @cached_property
    def retention(self) -> Retention:
        """Who stays: cohorts, survival, the second purchase."""
        from crmlab.retention import Retention

        return Retention(self)

    @cached_property
    def churn(self) -> Churn:
        """Who is about to leave, why, and what that costs."""
        from crmlab.churn import Churn

        return Churn(self)

    @cached_property
    def win_back(self) -> WinBack:
        """Whom to win back first within a budget, and what earlier attempts brought."""
        from crmlab.targeting import WinBack

        return WinBack(self)

    def overview(self, *tables: str) -> Overview:
        """Say which data a report stands on; all tables that have been used so far unless named."""
        from crmlab.overview import Overview

        return Overview(self, tables or self.tables.loaded)

    @cached_property
    def schemes(self) -> Schemes:
        """The classifications that the study chooses, side by side."""
        from crmlab.schemes import Schemes

        return Schemes(self)

    @cached_property
    def playbook(self) -> Playbook:
        """What to do for each class."""
        from crmlab.playbook import Playbook

        return Playbook.read(Path(self.study.playbook) if self.study.playbook else None)

    def flow(self, every: Every = "month", periods: int = 12) -> Flow:
        """Say how many customers were new, returning, resurrected and dormant in each period."""
        from crmlab.movement.flow import Flow

        return Flow(self, every, periods)

    def backtest(self, horizons: Sequence[int] = (30, 60, 90, 180)) -> Backtest:
        """Say how well the thresholds of status would have told, on the study's own history."""
        from crmlab.segments.backtest import Backtest

        return Backtest(self, horizons)

    def explore(self, scheme: str | None = None) -> Explorer | Note:
        """Return controls to explore the classifications with, in JupyterLab; a note in a headless run."""
        from crmlab.view.explorer import explore

        return explore(self, scheme)

    def label(self, path: Path | str | None = None, n: int = 200) -> Labeller | Note:
        """Return controls to label the ``n`` most useful texts with, in JupyterLab; a note in a headless run.

        What is clicked is kept in ``path``, a CSV beside the notebook unless given.
        """
        from crmlab.view.labelling import label_texts

        return label_texts(self, path, n)

    def lacks(self, name: str) -> Text | None:
        """Say which data the classifier ``name`` needs and the study does not have; None if it has it."""
        classifier: Classifier = self._plugin(registry.classifiers, self.study.classifiers, name, {})
        for column in classifier.requires:
            maker = self._store.makers.get(column)
            if not (self._store.has_tables_of(maker[1]) if maker else column in self._store.attributes):
                return classifier.needs
        return None

    def watch_list(self, name: str, labels: list[str], rows: int = 15) -> WatchList:
        """Return the most valuable customers among some classes of the classifier ``name``."""
        from crmlab.profiles import WatchList

        return WatchList(self.classify(name), labels, rows)

    def finding_texts(self) -> list[Text]:
        """Return the sentences of :meth:`findings` in both languages."""
        return [finding.text for finding in self._findings]

    def findings(self) -> Findings:
        """Show the few sentences that a manager would repeat."""
        from crmlab.view.findings import Findings

        return Findings(self.finding_texts(), self.language)

    def cautions(self) -> Note | None:
        """Say what a reader must know before repeating a figure, where a source warns of something."""
        from crmlab.view.findings import Note

        owners = dict.fromkeys(self.tables.owner(name) for name in self.tables.loaded)
        said = [owner.caution for owner in owners if owner.caution]
        if not said:
            return None
        warning = Text("".join(text.zh for text in said), " ".join(text.en for text in said))
        return Note(warning, self.language, "warning")

    def definitions(self) -> Table:
        """Show how every figure of this report is defined, with what was learned."""
        from crmlab.view.tables import Column, Table

        entries = []
        for key, result in self.results.items():
            if not self.is_own(key):
                continue
            if isinstance(result, Segmentation):
                plugin = result.classifier
                entries.append((plugin.title, joined(plugin.definition(), result.learned)))
            elif isinstance(result, Scores):
                entries.append((result.model.title, result.model.definition()))
            else:
                entries.append((result.annotator.title, result.annotator.definition()))
        if self.report == "complaints":
            entries += self.complaints.definitions()
        else:
            about = "feedback" if self.report == "feedback" else "orders"
            entries += [(texts()[f"term_{name}"], texts()[f"term_{name}_text"]) for name in _TERMS[about]]
        rows = [{"term": term.to(self.language), "text": text.to(self.language)} for term, text in entries]
        words = texts()
        return Table(
            pl.DataFrame(rows, schema={"term": pl.String, "text": pl.String}),
            [Column("term", words["term"]), Column("text", words["definition"])],
            caption=words["definitions_caption"],
            language=self.language,
        )

    def shown_ids(self, ids: pl.Series) -> pl.Series:
        """Return customer ids as a shared page may show them: codes, unless the study says plain."""
        from crmlab.data.privacy import mask_ids, report_key

        if self.study.privacy.ids == "plain" or not len(ids):
            return ids
        # Only tables that the report has read: another one may be large, or too bad to be read at all.
        read = [self.tables[name]["customer_id"] for name in _IDENTIFIED if name in self.tables.loaded]
        known = pl.concat([*read, ids.cast(pl.String)]).drop_nulls().unique().sort()
        return ids.cast(pl.String).replace_strict(
            known, mask_ids(known, report_key()), default=None, return_dtype=pl.String
        )

    def save(self, folder: Path | str | None = None) -> Note:
        """Write tables, workbook, rejected rows and learned state to ``folder``.

        Without one: to the folder of the run that executes this notebook; outside a run nothing is
        written, and the note says so.
        """
        from crmlab.saving import save
        from crmlab.view.findings import Note

        target = folder or os.environ.get(RUN_FOLDER)
        if target is None:
            return Note(texts()["not_saved"], self.language)
        save(self, Path(target))
        return Note(say("saved", name=f"{self.output_name}.xlsx"), self.language)

    @property
    def output_name(self) -> str:
        """The name of this report's files: as the run calls it, else its own, else the study's."""
        return os.environ.get(REPORT_NAME) or self.report or self.study.study

    def is_own(self, key: str) -> bool:
        """Say whether a result is on the study's day with the study's parameters."""
        return key == _key(self.results[key].name, self.study.as_of, {})

    def source_name(self, source: Source) -> str:
        """Return the name under which the study asked for a source."""
        return self.study.data[self.tables.sources.index(source)].source

    def model_tables(self) -> dict[str, pl.LazyFrame]:
        """Return all tables as a model may see them: with days, without what the law calls sensitive."""
        return {name: with_days(name, self._store.lawful(name), self.study.timezone) for name in self.tables}

    def tables_of(self, day: date) -> dict[str, pl.LazyFrame]:
        """Return all tables as a model may see them on a day: without the rows that came about later."""
        return {name: _until(table, day) for name, table in self.model_tables().items()}

    def extra_tables(self) -> dict[str, pl.DataFrame]:
        """Return the tables of a report that belong to no plugin."""
        extra: dict[str, pl.DataFrame] = {}
        if "concentration" in vars(self):
            extra["pareto"] = self.concentration.curve
        for part in _PARTS:
            if part in vars(self):
                extra |= getattr(self, part).saved_tables()
        return extra

    @cached_property
    def _findings(self) -> list[Finding]:
        from crmlab.findings import findings

        return findings(self)

    def _fitted(
        self, name: str, params: Mapping[str, Any], learned_on: date | None = None
    ) -> tuple[Classifier, Text]:
        """Return the classifier, and in words when its cut-points were learned; learn once for all days."""
        key = f"{_key(name, self.study.as_of, params)} learned on {learned_on}"
        if key not in self._fits:
            self._fits[key] = self._fit(name, params, learned_on)
        return self._fits[key]

    def _fit(self, name: str, params: Mapping[str, Any], learned_on: date | None) -> tuple[Classifier, Text]:
        wanted: Classifier = self._plugin(registry.classifiers, self.study.classifiers, name, params)
        day = learned_on or self.study.as_of
        said = say("learned", day=day)
        if self.study.baseline and self.study.recalculate != "always" and not params and not learned_on:
            if self.study.baseline == "latest":
                raise ParamsError(
                    "baseline: `latest` is found by `crmlab run`; in a notebook give the folder of the run, "
                    "for example ../runs/demo/20240630T010000Z-1a2b3c."
                )
            states = Path(self.study.baseline) / "state"
            folder, run = states / self.output_name / name, states.resolve().parent.name
            if folder.is_dir() or not states.is_dir() or self.study.recalculate == "never":
                fitted = self._as_in(folder, name, wanted)
                learned_then = read_day(folder)
                said = say("learned_baseline", run=run)
                if learned_then:
                    self.learned_days[name] = learned_then
                    said = say("learned_baseline_on", run=run, day=learned_then)
                return fitted, said if _has_learned(fitted) else say("learned_nothing")
            said = say("learned_anew", run=run, day=day)
        if not params and not learned_on:
            self.learned_days[name] = day
        fitted = wanted.fit(self.features(*wanted.requires, as_of=learned_on))
        return fitted, said if _has_learned(fitted) else say("learned_nothing")

    def _makes_features(self, name: str) -> bool:
        """Say whether a model takes the settings of features, and the study gives it none of its own."""
        takes = "feature_settings" in registry.models[name].parameter_names()
        return takes and "feature_settings" not in self.study.models.get(name, {})

    def _frozen(self, name: str) -> Model | None:
        """Return the model as the baseline fitted it, where the study forbids to learn anew.

        Cut-points are kept so that movement is movement; a forecast is better for every new day of data,
        so a model is fitted anew unless the study says ``recalculate: never``.
        """
        if not self.study.baseline or self.study.recalculate != "never":
            return None
        return registry.models[name].load(Path(self.study.baseline) / "state" / self.output_name / name)

    def _as_in(self, folder: Path, name: str, wanted: Classifier) -> Classifier:
        """Return the classifier as the baseline learned it; raise ParamsError where it was another one."""
        loaded = registry.classifiers[name].load(folder)
        for parameter in self.study.classifiers.get(name, {}):
            asked, given = wanted.get_params()[parameter], loaded.get_params()[parameter]
            if asked != given:
                raise ParamsError(
                    f"The baseline was made with {name}.{parameter} = {given!r}, the study asks for "
                    f"{asked!r}. Leave the parameter out to go on with the baseline's, or set "
                    "`recalculate: always` to learn anew."
                )
        return loaded

    def _plugin(self, plugins: Any, chosen: Mapping[str, Any], name: str, params: Mapping[str, Any]) -> Any:
        return plugins[name].from_params({**chosen.get(name, {}), **params})


def _until(table: pl.LazyFrame, day: date) -> pl.LazyFrame:
    if "day" not in table.collect_schema():
        return table
    return table.filter(pl.col("day").is_null() | (pl.col("day") <= (day - date(1970, 1, 1)).days))


def _has_learned(classifier: Classifier) -> bool:
    return any(value is not None for name, value in classifier.learned.items() if name != "fitted_")


def _key(name: str, day: date, params: Mapping[str, Any]) -> str:
    return f"{name} {day} {sorted(params.items())}" if params else f"{name} {day}"
