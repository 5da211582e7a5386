"""What a plugin is: Classifier, Model, Annotator, Feature, Source.

A plugin is a class. Its annotated class attributes are its parameters (keyword-only, with
defaults, of types that YAML can hold); the constructor only stores them. ``fit`` keeps what it
learns in attributes that end in ``_``; they are JSON values or polars frames, so a fitted plugin
is saved as JSON and Parquet, never as pickle. Authors override the underscored hooks
(``_fit``, ``_predict``, ``_explain``); the public methods check what goes in and comes out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any, ClassVar, Self, dataclass_transform

from crmlab.errors import (
    MissingFeaturesError,
    NotFittedError,
    ParamsError,
    PluginContractError,
    did_you_mean,
)
from crmlab.isolation import at_work, who
from crmlab.labels import UNCLASSIFIED, Measure, Scheme, Score, Text

if TYPE_CHECKING:
    from datetime import date
    from pathlib import Path

    import narwhals as nw
    import polars as pl

    Tables = Mapping[str, pl.LazyFrame]

PLUGIN_API = 1
"""Raised by one when a plugin contract breaks; this version and the one before are accepted."""

KEY = "customer_id"


@dataclass_transform(kw_only_default=True)
class Estimator:
    """Parameters, cloning and saved state, shared by every kind of plugin.

    ``title`` names the plugin for readers. ``plugin_api`` is the version of the contract that the
    plugin was written for.
    """

    title: ClassVar[Text]
    plugin_api: ClassVar[int] = PLUGIN_API

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        dataclass(kw_only=True, eq=False)(cls)
        for field in fields(cls):  # type: ignore[arg-type]
            if problem := _unfit(field.name):
                raise TypeError(f"{cls.__qualname__}.{field.name} cannot be a parameter: {problem}")

    @classmethod
    def parameter_names(cls) -> tuple[str, ...]:
        """Return the names of the parameters in declared order."""
        return tuple(field.name for field in fields(cls))  # type: ignore[arg-type]

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return parameter name → value; ``deep`` is there for scikit-learn's convention."""
        return {name: getattr(self, name) for name in self.parameter_names()}

    def set_params(self, **params: Any) -> Self:
        """Set parameters by name; raise ParamsError for an unknown name."""
        self._check_names(params)
        for name, value in params.items():
            setattr(self, name, value)
        return self

    def clone(self, **changes: Any) -> Self:
        """Return an unfitted copy with some parameters changed."""
        self._check_names(changes)
        return replace(self, **changes)  # type: ignore[type-var]

    @classmethod
    def from_params(cls, params: Mapping[str, Any]) -> Self:
        """Build the plugin from YAML or JSON values, checked against the declared types.

        Raises ParamsError that lists every problem at once.
        """
        from crmlab.validation import validated

        return validated(cls, params)

    @property
    def learned(self) -> dict[str, Any]:
        """What ``fit`` learned: attributes that end in one underscore."""
        return {name: value for name, value in vars(self).items() if is_learned(name)}

    def save(self, folder: Path) -> None:
        """Write parameters and learned state to ``folder`` as JSON and Parquet.

        Raises PluginContractError where something learned is neither a JSON value nor a frame.
        """
        from crmlab.state import write_state

        write_state(self, folder)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what :meth:`save` wrote; raise DataError where it is absent or damaged."""
        from crmlab.state import read_state

        return read_state(cls, folder)

    def _check_params(self) -> None:
        """Raise ParamsError for parameters that do not fit together; called before each fit."""

    def _check_names(self, params: Mapping[str, Any]) -> None:
        for name in params:
            if name not in self.parameter_names():
                raise ParamsError(
                    f"{type(self).__name__} has no parameter {name!r}."
                    f"{did_you_mean(name, self.parameter_names())} "
                    f"It has: {', '.join(self.parameter_names()) or 'none'}."
                )


def is_learned(name: str) -> bool:
    """Say whether an attribute of that name holds what ``fit`` learned."""
    return name.isidentifier() and name.endswith("_") and not name.startswith("_")


def _unfit(name: str) -> str | None:
    if name in _DECLARATIONS:
        return f"annotate it as a ClassVar, `{name}: ClassVar = ...`."
    if name.startswith("_") or name.endswith("_"):
        return "such a name is for what the plugin keeps or learns; set it in _fit, undeclared."
    return None


_DECLARATIONS = {
    *(
        "title",
        "plugin_api",
        "requires",
        "goes_by",
        "accepts_nulls",
        "scheme",
        "needs",
        "alias_of",
        "sureness",
    ),
    *("watch", "pipeline", "pipeline_lost", "matrix", "matrix_axes", "shows_confidence"),
    *("scores", "adds", "compares", "tables", "optional_tables", "produces", "measures", "origin"),
}


_TOLD = 5
"""So many wrong labels are told; they may be made of what customers are called."""


def _check_frame(what: str, returned: object) -> None:
    import polars as pl

    if not isinstance(returned, pl.DataFrame):
        raise PluginContractError(
            f"{what} must return a polars DataFrame; it returned {type(returned).__name__}."
        )


def _require(name: str, needed: tuple[str, ...], frame: pl.DataFrame) -> None:
    missing = [column for column in needed if column not in frame.columns]
    if missing:
        hint = "".join(did_you_mean(column, frame.columns) for column in missing[:1])
        raise MissingFeaturesError(
            f"{name} needs the columns {', '.join(missing)}, which the table lacks.{hint} "
            f"It has: {', '.join(frame.columns)}."
        )


class Classifier(Estimator):
    """客户分类: gives every customer one label of an ordered scheme.

    ``requires`` names the feature columns; nothing else is computed. A customer with a null in one
    of them is ``unclassified``, unless ``accepts_nulls`` says that the rule knows what to do.

    ``needs`` says in words which data the rule needs; a customer without it reads that it is missing.
    ``sureness`` says what the confidence of a label means. ``alias_of`` is the registered name of the
    classifier that this one is under another name or with other labels.
    """

    accepts_nulls: ClassVar[bool] = False
    needs: ClassVar[Text] = Text("所需数据", "the data it needs")
    sureness: ClassVar[Text] = Text("规则依据确定的事实，置信度为 1", "the rule goes by facts, so it is 1")
    alias_of: ClassVar[str | None] = None

    @property
    def requires(self) -> tuple[str, ...]:
        """The feature columns; ``requires: ClassVar = (...)`` unless it depends on a parameter."""
        return ()

    @property
    def goes_by(self) -> tuple[str, ...]:
        """The columns that decide a label; ``requires`` unless some are there to learn from alone."""
        return self.requires

    @property
    def scheme(self) -> Scheme:
        """The ordered labels; a class attribute ``scheme = Scheme(...)`` in most plugins.

        Labels that depend on the data are known after ``fit``; before it the scheme may be empty.
        """
        raise NotImplementedError

    def fit(self, features: pl.DataFrame) -> Self:
        """Learn from one row per customer; nulls in required columns are left out."""
        self._check_params()
        _require(type(self).__name__, (KEY, *self.requires), features)
        with at_work(self, "fit"):
            self._fit(features.filter(self._known(features)))
        self.fitted_ = True
        return self

    def predict(self, features: pl.DataFrame) -> pl.Series:
        """Return one label id per row, in the order of the rows (String, named ``label``)."""
        import polars as pl

        self._check_ready(features)
        known = self._known(features)
        with at_work(self, "predict"):
            labels = self._predict(features.filter(known))
        if not isinstance(labels, pl.Series):
            raise PluginContractError(
                f"{who(self)}._predict must return a polars Series; it returned {type(labels).__name__}."
            )
        if len(labels) != int(known.sum()):
            raise PluginContractError(
                f"{who(self)} returned {len(labels)} labels for {int(known.sum())} customers."
            )
        strange = sorted({str(x) for x in labels.unique() if x not in self.scheme})
        if strange:
            more = f" and {len(strange) - _TOLD} more" if len(strange) > _TOLD else ""
            raise PluginContractError(
                f"{who(self)} returned labels outside its scheme: {', '.join(strange[:_TOLD])}{more}. "
                f"Its scheme has: {', '.join(self.scheme.ids)}."
            )
        return _spread(labels.cast(pl.String), known, UNCLASSIFIED.id).alias("label")

    def explain(self, features: pl.DataFrame) -> pl.DataFrame:
        """Return the reason per row in both languages: columns ``zh`` and ``en``."""
        import polars as pl

        self._check_ready(features)
        known = self._known(features)
        with at_work(self, "explain"):
            reasons = self._explain(features.filter(known))
        _check_frame(f"{who(self)}._explain", reasons)
        if reasons.columns != ["zh", "en"] or len(reasons) != int(known.sum()):
            raise PluginContractError(
                f"{who(self)}._explain must return the columns zh, en with one row per "
                f"customer; it returned {reasons.shape} with {reasons.columns}."
            )
        missing = Text(f"缺少{self.needs.zh}", f"missing: {self.needs.en}")
        return pl.DataFrame(
            {
                "zh": _spread(reasons["zh"], known, missing.zh),
                "en": _spread(reasons["en"], known, missing.en),
            }
        )

    def confidence(self, features: pl.DataFrame) -> pl.Series:
        """Return how sure each label is: Float64 within 0–1 named ``confidence``, null if unclassified.

        What it means is the plugin's own and said in ``sureness``; it is no probability unless that says
        so.
        """
        import polars as pl

        self._check_ready(features)
        known = self._known(features)
        with at_work(self, "confidence"):
            values = self._confidence(features.filter(known))
        if not isinstance(values, pl.Series):
            raise PluginContractError(
                f"{who(self)}._confidence must return a polars Series; it returned {type(values).__name__}."
            )
        if not (values.dtype.is_numeric() or values.dtype == pl.Null):
            raise PluginContractError(
                f"{who(self)}._confidence must return numbers within 0–1; it returned {values.dtype}."
            )
        if len(values) != int(known.sum()) or not values.drop_nulls().is_between(0, 1).all():
            raise PluginContractError(
                f"{who(self)}._confidence must return a number within 0–1 for each of "
                f"{int(known.sum())} customers; it returned {len(values)}, from {values.min()!r} to "
                f"{values.max()!r}."
            )
        spread = pl.repeat(None, len(known), dtype=pl.Float64, eager=True)
        if known.any():
            spread = spread.scatter(known.arg_true(), values.cast(pl.Float64))
        return spread.alias("confidence")

    def definition(self) -> Text:
        """Return the rule in words, with what was learned once fitted; by default its labels."""
        names = self.scheme.labels
        return Text(
            f"{self.title.zh}，分为：{'、'.join(label.zh for label in names)}。",
            f"{self.title.en}, one of: {', '.join(label.en for label in names)}.",
        )

    def _fit(self, features: pl.DataFrame) -> None:
        """Learn; by default there is nothing to learn."""

    def _predict(self, features: pl.DataFrame) -> pl.Series:
        raise NotImplementedError

    def _explain(self, features: pl.DataFrame) -> pl.DataFrame:
        raise NotImplementedError

    def _confidence(self, features: pl.DataFrame) -> pl.Series:
        """Return how sure each label is; by default 1, and null where the rule gives none."""
        import polars as pl

        labels = self._predict(features).to_frame("label")
        sure = pl.when(pl.col("label") != UNCLASSIFIED.id).then(1.0)
        return labels.select(confidence=sure).to_series()

    def _known(self, features: pl.DataFrame) -> pl.Series:
        """Say for each row whether the rule has the data it needs."""
        import polars as pl

        if self.accepts_nulls or not self.requires:
            return pl.repeat(True, features.height, eager=True)
        complete = pl.all_horizontal(pl.col(name).is_not_null() for name in self.requires)
        return features.select(complete).to_series()

    def _check_ready(self, features: pl.DataFrame) -> None:
        """Raise NotFittedError before a fit, MissingFeaturesError for a column that is not there."""
        if not getattr(self, "fitted_", False):
            raise NotFittedError(f"{type(self).__name__} is not fitted. Call fit(features) first.")
        _require(type(self).__name__, (KEY, *self.requires), features)


def _spread(values: pl.Series, known: pl.Series, default: str) -> pl.Series:
    """Put ``values`` back where ``known`` is true, and ``default`` elsewhere."""
    import polars as pl

    if known.all():
        return values
    full = pl.repeat(default, len(known), eager=True)
    return full.scatter(known.arg_true(), values)


class Model(Estimator):
    """Gives every customer scores: one row per customer, one column per declared score.

    ``requires`` names the feature columns; a customer with a null in one of them has null scores unless
    the model says otherwise. ``needs`` says in words which data it needs. The tables that ``fit`` is given
    have ``day`` like those of a :class:`Feature`, and no row that came about after ``as_of``.
    """

    scores: ClassVar[tuple[Score, ...]] = ()
    needs: ClassVar[Text] = Text("所需数据", "the data it needs")

    @property
    def requires(self) -> tuple[str, ...]:
        """The feature columns; ``requires: ClassVar = (...)`` unless it depends on a parameter."""
        return ()

    def definition(self) -> Text:
        """Return what the scores mean and how they are made, with what was learned once fitted."""
        doc = (type(self).__doc__ or "").strip()
        return Text(doc, doc)

    def fit(self, tables: Tables, features: pl.DataFrame, as_of: date) -> Self:
        """Learn from tables and features as of a day; nothing later than ``as_of`` is used."""
        self._check_params()
        _require(type(self).__name__, (KEY, *self.requires), features)
        with at_work(self, "fit"):
            self._fit(dict(tables), features.clone(), as_of)
        self.fitted_ = True
        return self

    def predict(self, features: pl.DataFrame) -> pl.DataFrame:
        """Return ``customer_id`` and one Float64 column per declared score, in row order."""
        if not getattr(self, "fitted_", False):
            raise NotFittedError(f"{type(self).__name__} is not fitted. Call fit first.")
        _require(type(self).__name__, (KEY, *self.requires), features)
        with at_work(self, "predict"):
            scores = self._predict(features.clone())
        _check_frame(f"{who(self)}._predict", scores)
        expected = [KEY, *(score.id for score in self.scores)]
        if scores.columns != expected or scores.height != features.height:
            raise PluginContractError(
                f"{who(self)} returned {scores.height} rows with the columns {scores.columns}; "
                f"its contract is {features.height} rows with {expected}."
            )
        if not scores[KEY].equals(features[KEY]):
            raise PluginContractError(
                f"{who(self)} returned its rows in another order than the customers it was given."
            )
        for score in self.scores:
            self._check_score(score, scores[score.id])
        return scores

    def _check_score(self, score: Score, values: pl.Series) -> None:
        """Raise PluginContractError for what is no number; a customer without a score has null."""
        import polars as pl

        if not (values.dtype.is_numeric() or values.dtype == pl.Null):
            raise PluginContractError(
                f"{who(self)} returned {values.dtype} for the score {score.id!r}; its contract is Float64."
            )
        wrong = int((~values.is_finite()).sum())
        if wrong:
            raise PluginContractError(
                f"{who(self)} returned NaN or infinity as the score {score.id!r} of {wrong} customers; its "
                "contract is a number, or null where there is none."
            )

    def evaluate(self, tables: Tables, cutoff: date) -> pl.DataFrame:
        """Return metric, value, low, high, baseline on what happened after ``cutoff``."""
        raise NotImplementedError

    def _fit(self, tables: Tables, features: pl.DataFrame, as_of: date) -> None:
        """Learn; by default there is nothing to learn."""

    def _predict(self, features: pl.DataFrame) -> pl.DataFrame:
        raise NotImplementedError


class Annotator(Estimator):
    """Adds columns to feedback texts: sentiment, aspects, language.

    Input is the feedback table with at least ``feedback_id`` and ``text`` (String, may be null or
    empty). ``adds`` names the columns that :meth:`predict` returns beside ``feedback_id``.
    ``compares`` says that a text is judged by the other texts of the table, or names one of them.
    """

    adds: ClassVar[tuple[str, ...]] = ()
    compares: ClassVar[bool] = False

    @property
    def scheme(self) -> Scheme | None:
        """The names of the values that it adds, where they are labels."""
        return None

    def fit(self, feedback: pl.DataFrame) -> Self:
        """Learn from the feedback table; most annotators come ready-made."""
        self._check_params()
        _require(type(self).__name__, ("feedback_id", "text"), feedback)
        with at_work(self, "fit"):
            self._fit(feedback.clone())
        self.fitted_ = True
        return self

    def predict(self, feedback: pl.DataFrame) -> pl.DataFrame:
        """Return ``feedback_id`` and the declared columns, one row per text, in row order."""
        if not getattr(self, "fitted_", False):
            raise NotFittedError(f"{type(self).__name__} is not fitted. Call fit(feedback) first.")
        _require(type(self).__name__, ("feedback_id", "text"), feedback)
        with at_work(self, "predict"):
            annotation = self._predict(feedback.clone())
        _check_frame(f"{who(self)}._predict", annotation)
        expected = ["feedback_id", *self.adds]
        if annotation.columns != expected or annotation.height != feedback.height:
            raise PluginContractError(
                f"{who(self)} returned {annotation.height} rows with the columns "
                f"{annotation.columns}; its contract is {feedback.height} rows with {expected}."
            )
        if not annotation["feedback_id"].equals(feedback["feedback_id"]):
            raise PluginContractError(
                f"{who(self)} returned its rows in another order than the texts it was given."
            )
        return annotation

    def definition(self) -> Text:
        """Return how the annotation is made, in words."""
        return Text((type(self).__doc__ or "").strip(), (type(self).__doc__ or "").strip())

    def _fit(self, feedback: pl.DataFrame) -> None:
        """Learn; by default there is nothing to learn."""

    def _predict(self, feedback: pl.DataFrame) -> pl.DataFrame:
        raise NotImplementedError


class Feature(Estimator):
    """Builds columns with one row per customer as of a day.

    ``tables`` names the canonical tables it cannot do without, ``optional_tables`` those that it
    uses where the study has them, ``produces`` the columns it adds beside ``customer_id``, and
    ``measures`` what readers call these and their units. ``build`` is written with narwhals in the
    dialect of :mod:`crmlab.summary`, and must use nothing later than ``as_of``.

    Every table with times has, as Int64 days since 1970-01-01 in the study's time zone, ``day`` for
    when the row came about, and for each other ``…_at`` column a ``…_day``.
    """

    tables: ClassVar[tuple[str, ...]] = ()
    optional_tables: ClassVar[tuple[str, ...]] = ()
    produces: ClassVar[tuple[str, ...]] = ()
    measures: ClassVar[Mapping[str, Measure]] = {}

    def build(self, tables: Mapping[str, nw.LazyFrame[Any]], as_of: date) -> nw.LazyFrame[Any]:
        """Return a lazy frame keyed by ``customer_id`` with the produced columns."""
        raise NotImplementedError


class Source(Estimator):
    """Reads canonical tables from somewhere.

    ``tables`` names what it can provide. ``origin`` says in both languages what the data is, where
    it comes from and on which terms; a report prints it.
    """

    tables: ClassVar[tuple[str, ...]] = ()

    @property
    def provides(self) -> tuple[str, ...]:
        """The tables that this very source provides; ``tables`` unless its parameters say less."""
        return self.tables

    @property
    def origin(self) -> Text:
        """What the data is, where it comes from, and its terms."""
        raise NotImplementedError

    @property
    def caution(self) -> Text | None:
        """What a reader must know before repeating a figure from this data; None if nothing."""
        return None

    def fingerprint(self) -> str | None:
        """Return a text that changes whenever :meth:`read` would deliver something else.

        It is asked for before a run, so it must be much quicker than reading: a hash of the files, the
        version of a package, a counter of the database. What parameters and versions already tell may be
        left out. None, which is what it is unless a source says otherwise, means that nobody can tell;
        reports on it are then never taken from an earlier run.
        """
        return None

    def read(self) -> Mapping[str, pl.LazyFrame]:
        """Return canonical table name → lazy frame; raise DataError for what cannot be read."""
        raise NotImplementedError
