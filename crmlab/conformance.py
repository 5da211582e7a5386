"""The contract of plugins, made executable: one function per rule.

Each takes a plugin and a :class:`~crmlab.conformance_tools.Sample` and raises AssertionError where the plugin
breaks the rule. :mod:`crmlab.testing` wraps them for plugin authors.
"""

from __future__ import annotations

import json
import sys
import tempfile
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import cast

from crmlab.conformance_tools import (
    Rows,
    Sample,
    answers_of,
    customers_of,
    dated,
    fitted_on,
    heavy_imports,
    key_of,
    needed_by,
    same,
    shuffled,
    until,
    with_features,
)
from crmlab.errors import MissingFeaturesError
from crmlab.estimators import KEY, Annotator, Classifier, Estimator, Feature, Model, Source
from crmlab.labels import UNCLASSIFIED, Text
from crmlab.sample_tables import build, feature_makers


def parameters_survive(plugin: Estimator, sample: Sample) -> None:
    """Parameters come back from JSON and YAML, and a clone has them, as they were."""
    import yaml
    from pydantic_core import to_jsonable_python

    params = plugin.get_params()
    plain = to_jsonable_python(params)
    forms = {
        "JSON": json.loads(json.dumps(plain, ensure_ascii=False)),
        "YAML": yaml.safe_load(yaml.safe_dump(plain, allow_unicode=True)),
    }
    for form, values in forms.items():
        again = type(plugin).from_params(values).get_params()
        assert again == params, f"from {form} the parameters are {again}, they were {params}"
    assert plugin.clone().get_params() == params, "a clone has other parameters"


def one_row_per_customer(plugin: Rows | Feature, sample: Sample) -> None:
    """One label, row of scores or of annotations per customer or text, in order; no null label."""
    import polars as pl

    if isinstance(plugin, Feature):
        built = build(plugin, sample.tables, sample.as_of)
        expected = {KEY, *plugin.produces}
        assert set(built.columns) == expected, f"it built {built.columns}, it declares {sorted(expected)}"
        assert built[KEY].is_unique().all(), "a customer appears twice"
        assert not built[KEY].null_count(), "a row has no customer"
        return
    rows = sample.rows(plugin)
    result = sample.fitted(plugin).predict(rows)
    if isinstance(result, pl.Series):
        assert len(result) == rows.height, f"{len(result)} labels for {rows.height} customers"
        assert result.dtype == pl.String, f"labels are {result.dtype}, not String"
        assert not result.null_count(), f"{result.null_count()} customers have no label"
    else:
        key = key_of(plugin)
        assert result[key].to_list() == rows[key].to_list(), f"the {key} are not those given, in their order"


def row_order_irrelevant(plugin: Rows | Feature, sample: Sample) -> None:
    """The order of the rows changes nobody's result."""
    there = replace(sample, tables={name: shuffled(table) for name, table in sample.tables.items()})
    if isinstance(plugin, Feature):
        built = build(plugin, sample.tables, sample.as_of)
        same(built, build(plugin, there.tables, sample.as_of), "shuffled tables")
        return
    rows = sample.rows(plugin)
    mixed = shuffled(rows)
    before = answers_of(sample.fitted(plugin), rows)
    after = answers_of(fitted_on(plugin, there, mixed), mixed)
    same(before.sort(key_of(plugin)), after.sort(key_of(plugin)), "shuffled rows")


def id_renaming_irrelevant(plugin: Rows | Feature, sample: Sample) -> None:
    """Other ids, which sort in another order, change nobody's result."""
    import polars as pl

    key = key_of(plugin)
    everyone = sample.feedback[key] if isinstance(plugin, Annotator) else customers_of(sample)
    names = {old: f"z{len(everyone) - i:05}" for i, old in enumerate(sorted(set(everyone)))}

    def renamed(frame: pl.DataFrame) -> pl.DataFrame:
        ids = [name for name in dict.fromkeys((key, "referrer_id")) if name in frame.columns]
        return frame.with_columns(pl.col(name).replace_strict(names, default=pl.col(name)) for name in ids)

    there = replace(sample, tables={name: renamed(table) for name, table in sample.tables.items()})
    if isinstance(plugin, Feature):
        before = renamed(build(plugin, sample.tables, sample.as_of))
        same(before.sort(key), build(plugin, there.tables, sample.as_of), "renamed customers")
        return
    rows = sample.rows(plugin)
    before = renamed(answers_of(sample.fitted(plugin), rows))
    same(before, answers_of(fitted_on(plugin, there, renamed(rows)), renamed(rows)), "renamed ids")


def one_alone(plugin: Rows, sample: Sample) -> None:
    """A row alone gets the result that it has among all."""
    rows = sample.rows(plugin)
    fitted = sample.fitted(plugin)
    together = answers_of(fitted, rows)
    for at in range(rows.height):
        who = f"row {at} ({rows[key_of(plugin)][at]}) alone"
        same(together.slice(at, 1), answers_of(fitted, rows.slice(at, 1)), who)


def labels_in_scheme(plugin: Classifier, sample: Sample) -> None:
    """Every label is one of the scheme, which has at least two once fitted."""
    rows = sample.rows(plugin)
    fitted = cast("Classifier", sample.fitted(plugin))
    scheme = fitted.scheme
    assert len(scheme.labels) > 1, f"the scheme {scheme.id!r} has {len(scheme.labels)} label(s)"
    labels = answers_of(fitted, rows)["label"].drop_nulls().unique().sort()
    strange = [label for label in labels if label not in scheme]
    assert not strange, f"it gives {', '.join(strange)}; its scheme has {', '.join(scheme.ids)}"


def confidence(plugin: Classifier, sample: Sample) -> None:
    """Every label has a confidence within 0–1, the same alone as among all; no label, none."""
    rows = sample.rows(plugin)
    fitted = cast("Classifier", sample.fitted(plugin))
    sure = fitted.confidence(rows)
    labels = fitted.predict(rows)
    bare = [label for label, value in zip(labels, sure, strict=True) if value is None]
    assert all(label == UNCLASSIFIED.id for label in bare), f"{len(bare)} labels have no confidence"
    given = int((sure.is_not_null() & (labels == UNCLASSIFIED.id)).sum())
    assert not given, f"{given} customers without a label have a confidence"
    for at in range(rows.height):
        alone = fitted.confidence(rows.slice(at, 1))
        same(sure.slice(at, 1).to_frame(), alone.to_frame(), f"confidence of row {at} alone")


def both_languages(plugin: Estimator, sample: Sample) -> None:
    """Title, labels, scores, definition, reasons and origin are there in Chinese and in English."""
    assert hasattr(plugin, "title"), "it has no title; declare `title: ClassVar = Text(zh, en)`"
    _bilingual("title", plugin.title)
    if isinstance(plugin, Source):
        _bilingual("origin", plugin.origin)
    if isinstance(plugin, Model):
        for score in plugin.scores:
            _bilingual(f"score {score.id}", score.text)
    if isinstance(plugin, Annotator):
        _bilingual("definition", plugin.definition(), own_words=False)
    if isinstance(plugin, Feature):
        for column, measure in plugin.measures.items():
            assert column in plugin.produces, f"it names {column}, which it does not produce"
            _bilingual(f"measure {column}", measure.text)
    if isinstance(plugin, Classifier):
        rows = sample.rows(plugin)
        fitted = cast("Classifier", sample.fitted(plugin))
        _bilingual("needs", plugin.needs)
        _bilingual("sureness", plugin.sureness)
        _bilingual("scheme", fitted.scheme.text)
        for label in fitted.scheme.labels:
            assert label.zh.strip(), f"the label {label.id!r} has no Chinese name"
            assert label.en.strip(), f"the label {label.id!r} has no English name"
            data = fitted.scheme.of_data
            assert data or not _han(label.en), f"the English name of the label {label.id!r} is {label.en!r}"
        _bilingual("definition", fitted.definition(), own_words=False)
        for zh, en in fitted.explain(rows).iter_rows():
            _bilingual("reason", Text(zh or "", en or ""), own_words=False)


def missing_features_named(plugin: Rows, sample: Sample) -> None:
    """A column that is not there is named in a MissingFeaturesError, at fit and at predict."""
    rows = sample.rows(plugin)
    fitted = sample.fitted(plugin)
    for column in needed_by(plugin):
        without = rows.drop(column)
        for doing, call in (
            ("fit", lambda frame: fitted_on(plugin, sample, frame)),
            ("predict", fitted.predict),
        ):
            said = ""
            try:
                call(without)
            except MissingFeaturesError as error:
                said = str(error)
            assert column in said, f"{doing} without {column} raises no MissingFeaturesError that names it"


def nulls(plugin: Rows, sample: Sample) -> None:
    """Nulls break nothing; without ``accepts_nulls`` such a customer is unclassified."""
    import polars as pl

    whole = sample.rows(plugin)
    key = key_of(plugin)
    for column in needed_by(plugin):
        if column == key:
            continue
        some = pl.int_range(pl.len()) % 3 == 0
        for which, rows in (
            ("some", whole.with_columns(pl.when(~some).then(pl.col(column)))),
            ("all", whole.with_columns(pl.lit(None, whole.schema[column]).alias(column))),
        ):
            answers = answers_of(fitted_on(plugin, sample, rows), rows)
            assert answers.height == rows.height, f"with {which} {column} null, rows are lost"
            if isinstance(plugin, Classifier):
                given = answers.filter(rows[column].is_null())["label"].unique().to_list()
                fine = None not in given if plugin.accepts_nulls else given == [UNCLASSIFIED.id]
                assert fine, f"with {which} {column} null, the labels of those customers are {given}"


def empty_table(plugin: Rows | Feature, sample: Sample) -> None:
    """No rows in, no rows out, with the columns that there are otherwise."""
    if isinstance(plugin, Feature):
        nobody = build(plugin, {name: table.clear() for name, table in sample.tables.items()}, sample.as_of)
        assert nobody.height == 0, f"of empty tables it builds {nobody.height} rows"
        assert set(nobody.columns) == {KEY, *plugin.produces}, f"of empty tables it builds {nobody.columns}"
        return
    rows = sample.rows(plugin)
    fits = [sample.fitted(plugin)]
    if not isinstance(plugin, Model):
        fits.append(fitted_on(plugin, sample, rows.clear()))
    for fitted in fits:
        answers = answers_of(fitted, rows.clear())
        assert answers.height == 0, f"for no rows it gives {answers.height}"
        if isinstance(fitted, Classifier):
            assert fitted.explain(rows.clear()).height == 0, "for no rows it gives reasons"


def input_unchanged(plugin: Rows | Feature, sample: Sample) -> None:
    """The tables given are as they were afterwards."""
    if isinstance(plugin, Feature):
        before = {name: table.clone() for name, table in sample.tables.items()}
        build(plugin, sample.tables, sample.as_of)
        changed = [name for name, table in before.items() if not table.equals(sample.tables[name])]
        assert not changed, f"it changed the tables {', '.join(changed)}"
        return
    rows = sample.rows(plugin)
    before_rows = rows.clone()
    fitted = fitted_on(plugin, sample, rows)
    assert rows.equals(before_rows), "fit changed the table that it was given"
    fitted.predict(rows)
    assert rows.equals(before_rows), "predict changed the table that it was given"
    if isinstance(fitted, Classifier):
        fitted.explain(rows)
        assert rows.equals(before_rows), "explain changed the table that it was given"


def same_twice(plugin: Estimator, sample: Sample) -> None:
    """The same input gives the same result: fitted again, and asked again."""
    if isinstance(plugin, Source):
        first, second = plugin.read(), plugin.read()
        assert list(first) == list(second), f"it reads {list(first)}, then {list(second)}"
        for name in first:
            same(first[name].head(1000).collect(), second[name].head(1000).collect(), f"the table {name}")
    elif isinstance(plugin, Feature):
        first_time = build(plugin, sample.tables, sample.as_of)
        same(first_time, build(plugin, sample.tables, sample.as_of), "a second time")
    elif isinstance(plugin, Classifier | Model | Annotator):
        rows = sample.rows(plugin)
        fitted = fitted_on(plugin, sample, rows)
        before = answers_of(fitted, rows)
        same(before, answers_of(fitted, rows), "asked a second time")
        same(before, answers_of(fitted_on(plugin, sample, rows), rows), "fitted a second time")


def state_round_trips(plugin: Rows, sample: Sample) -> None:
    """What was learned comes back from a folder of JSON and Parquet, none of it pickled."""
    rows = sample.rows(plugin)
    fitted = sample.fitted(plugin)
    with tempfile.TemporaryDirectory() as folder:
        fitted.save(Path(folder) / "state")
        files = sorted(path for path in Path(folder).rglob("*") if path.is_file())
        foreign = [path.name for path in files if path.suffix not in (".json", ".parquet")]
        assert not foreign, f"it saves {', '.join(foreign)}; only JSON and Parquet are read back safely"
        loaded = type(plugin).load(Path(folder) / "state")
    same(answers_of(fitted, rows), answers_of(loaded, rows), "saved and loaded")


def no_heavy_import(plugin: Estimator, sample: Sample) -> None:
    """Importing the plugin's module imports no heavy library."""
    module = type(plugin).__module__
    heavy = () if module == "__main__" else heavy_imports(module, tuple(sys.path))
    assert not heavy, f"importing {module} imports {', '.join(heavy)}; import them inside the methods"


def nothing_after_as_of(plugin: Classifier | Model | Feature, sample: Sample) -> None:
    """Rows later than the as-of day change nothing."""
    known = replace(
        sample, tables={name: until(name, table, sample.as_of) for name, table in sample.tables.items()}
    )
    if isinstance(plugin, Feature):
        same(
            build(plugin, known.tables, sample.as_of),
            build(plugin, sample.tables, sample.as_of),
            "with later rows",
        )
        return
    before, after = (with_features(plugin, either) for either in (known, sample))
    rows = before.rows(plugin)
    same(
        answers_of(fitted_on(plugin, before, rows), rows),
        answers_of(fitted_on(plugin, after, after.rows(plugin)), after.rows(plugin)),
        "with later rows",
    )


def probabilities(plugin: Model, sample: Sample) -> None:
    """Scores in the unit probability lie within 0–1."""
    rows = sample.rows(plugin)
    scores = answers_of(sample.fitted(plugin), rows)
    for score in plugin.scores:
        if score.unit == "probability":
            outside = scores[score.id].drop_nulls().is_between(0, 1).not_()
            assert not outside.any(), f"{score.id} lies outside 0–1 for {outside.sum()} customers"


def baseline(plugin: Model, sample: Sample) -> None:
    """``evaluate`` gives every metric with its interval and what a baseline reaches."""
    report = plugin.clone().evaluate(dated(sample.tables), sample.as_of - timedelta(days=90))
    columns = ["metric", "value", "low", "high", "baseline"]
    assert report.columns == columns, f"evaluate returns {report.columns}; its contract is {columns}"
    assert report.height, "evaluate reports no metric"
    bare = report.filter(report["baseline"].is_null() | report["baseline"].is_nan())["metric"].to_list()
    assert not bare, f"no baseline for {', '.join(bare)}"


def judges_alone(plugin: Estimator) -> bool:
    """Say whether a row is judged without the others: all plugins but annotators that compare texts."""
    return not (isinstance(plugin, Annotator) and plugin.compares)


def applies_after_as_of(plugin: Estimator) -> bool:
    """Say whether the plugin sees tables, itself or through features that can be built here."""
    if isinstance(plugin, Classifier):
        return any(name in feature_makers() for name in plugin.requires)
    return True


def _bilingual(what: str, text: Text, *, own_words: bool = True) -> None:
    """Chinese has Han characters and English has letters; names of our own have no Han in English."""
    assert _han(text.zh), f"the Chinese {what} is {text.zh!r}"
    assert any(char.isascii() and char.isalpha() for char in text.en), f"the English {what} is {text.en!r}"
    if own_words:
        assert not _han(text.en), f"the English {what} is {text.en!r}"


def _han(text: str) -> bool:
    return any("\u4e00" <= char <= "\u9fff" for char in text)
