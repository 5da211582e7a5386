"""What the rules of the contract are written with: fit a plugin of any kind, ask it, compare answers."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from functools import lru_cache
from typing import TYPE_CHECKING

from crmlab.estimators import KEY, Annotator, Classifier, Feature, Model
from crmlab.sample_tables import TIME_ZONE, build, feature_makers

if TYPE_CHECKING:
    import polars as pl

Rows = Classifier | Model | Annotator
"""The kinds that answer row by row."""

HEAVY = (
    *("IPython", "altair", "jieba", "lifelines", "matplotlib", "nbconvert", "pandas", "papermill", "pyspark"),
    *("rjieba", "scipy", "sklearn", "snownlp", "splink", "statsmodels", "torch", "transformers"),
    *("vaderSentiment", "vl_convert"),
)
"""Libraries that a plugin imports inside its methods, so that listing and opening stay quick."""


@dataclass(frozen=True)
class Sample:
    """What a plugin is checked on."""

    features: pl.DataFrame
    tables: dict[str, pl.DataFrame]
    feedback: pl.DataFrame
    as_of: date
    _fits: dict[int, tuple[Rows, Rows]] = field(default_factory=dict, init=False, repr=False, compare=False)

    def rows(self, plugin: Rows) -> pl.DataFrame:
        """Return a fresh copy of the rows that the plugin has all the data for."""
        needed = needed_by(plugin)
        frame = self.feedback if isinstance(plugin, Annotator) else self.features
        return frame.drop_nulls([name for name in needed if name in frame.columns])

    def fitted(self, plugin: Rows) -> Rows:
        """Return a clone fitted on its rows: one for all rules that only ask it, as fitting takes longest."""
        if id(plugin) not in self._fits:
            self._fits[id(plugin)] = plugin, fitted_on(plugin, self, self.rows(plugin))
        return self._fits[id(plugin)][1]


def fitted_on(plugin: Rows, sample: Sample, rows: pl.DataFrame) -> Rows:
    """Return a fresh clone, fitted on ``rows`` (a model on the tables of the sample as well)."""
    fresh = plugin.clone()
    if isinstance(fresh, Model):
        return fresh.fit(dated(sample.tables), rows, sample.as_of)
    return fresh.fit(rows)


def answers_of(fitted: Rows, rows: pl.DataFrame) -> pl.DataFrame:
    """Return the results as a frame that starts with the key."""
    import polars as pl

    result = fitted.predict(rows)
    key = key_of(fitted)
    return pl.DataFrame({key: rows[key], "label": result}) if isinstance(result, pl.Series) else result


def with_features(plugin: Classifier | Model, sample: Sample) -> Sample:
    """Make anew, from the tables of the sample, the features that the plugin requires."""
    makers = feature_makers()
    made = [name for name in plugin.requires if name in makers]
    features = sample.features.drop(made)
    for maker in dict.fromkeys(makers[name] for name in made):
        built = build(maker, sample.tables, sample.as_of).select(
            KEY, *(name for name in maker.produces if name in made)
        )
        features = features.join(built, on=KEY, how="left", maintain_order="left")
    return replace(sample, features=features)


def same(before: pl.DataFrame, after: pl.DataFrame, when: str) -> None:
    """Raise AssertionError where two frames differ by more than rounding of floats."""
    from polars.testing import assert_frame_equal

    try:
        assert_frame_equal(before, after, check_exact=False, rel_tol=1e-9, abs_tol=1e-12)
    except AssertionError as error:
        raise AssertionError(f"the result differs {when}: {error}") from None


def key_of(plugin: Rows | Feature) -> str:
    """Return the column that names a row."""
    return "feedback_id" if isinstance(plugin, Annotator) else KEY


def needed_by(plugin: Rows) -> tuple[str, ...]:
    """Return the columns that the plugin cannot do without."""
    return ("feedback_id", "text") if isinstance(plugin, Annotator) else plugin.requires


def shuffled(frame: pl.DataFrame) -> pl.DataFrame:
    """Return the rows in another order, the same one every time."""
    return frame.sample(fraction=1, shuffle=True, seed=1)


def customers_of(sample: Sample) -> list[str]:
    """Return every customer whom a table or the features name, sorted."""
    found = {name for table in sample.tables.values() if KEY in table.columns for name in table[KEY] if name}
    return sorted(found | set(sample.features[KEY]))


def dated(tables: Mapping[str, pl.DataFrame]) -> dict[str, pl.LazyFrame]:
    """Return the tables with the days on which their rows came about, as a model is given them."""
    from crmlab.data.days import with_days

    return {name: with_days(name, table.lazy(), TIME_ZONE) for name, table in tables.items()}


def until(name: str, table: pl.DataFrame, as_of: date) -> pl.DataFrame:
    """Leave out the rows of a canonical table that are later than ``as_of``."""
    known = dated({name: table})[name].collect()
    if "day" not in known.columns:
        return table
    today = (as_of - date(1970, 1, 1)).days
    return table.filter(known["day"].fill_null(today) <= today)


_IMPORTING = r"""
import importlib, json, sys, traceback
names, sys.path[:] = json.loads(sys.argv[1])
done = []
for name in names:
    try:
        importlib.import_module(name)
        done.append(name)
    except BaseException:
        traceback.print_exc()
print("\n" + json.dumps([done, sorted(sys.modules)]))
"""
_light: set[str] = set()
"""Modules that were imported together and brought in nothing heavy."""


def note_light_imports(modules: Iterable[str], path: tuple[str, ...]) -> None:
    """Import modules together in one fresh interpreter: where nothing heavy came in, each by itself is light.

    Otherwise each is looked at by itself when its rule is checked, as is one that cannot be imported.
    """
    imported, heavy, _ = _imported(sorted(set(modules)), path)
    if not heavy:
        _light.update(imported)


@lru_cache
def heavy_imports(module: str, path: tuple[str, ...]) -> tuple[str, ...]:
    """Import a module in a fresh interpreter and say which heavy libraries that brought in."""
    if module in _light:
        return ()
    imported, heavy, errors = _imported([module], path)
    assert imported, f"{module} cannot be imported in a fresh interpreter: {errors[-500:]}"
    return heavy


def _imported(modules: list[str], path: tuple[str, ...]) -> tuple[list[str], tuple[str, ...], str]:
    """Return which modules could be imported, the heavy libraries that this brought in, and the errors."""
    run = subprocess.run(  # noqa: S603  # our own interpreter, and modules of installed plugins
        [sys.executable, "-c", _IMPORTING, json.dumps([modules, path])],
        capture_output=True,
        text=True,
        check=False,
    )
    if run.returncode != 0:  # one of them ended the interpreter
        return [], (), run.stderr
    imported, loaded = json.loads(run.stdout.splitlines()[-1])
    return imported, tuple(name for name in HEAVY if name in loaded), run.stderr
