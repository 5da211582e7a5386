"""The conformance suite bites: for every check a plugin that breaks this rule and no other."""

from __future__ import annotations

import itertools
import math
import subprocess
import sys
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any, ClassVar

import narwhals as nw
import polars as pl
import pytest

from crmlab.data.schemas import TABLES
from crmlab.errors import MissingExtraError, ParamsError
from crmlab.estimators import Annotator, Classifier, Estimator, Feature, Model, Source
from crmlab.labels import Label, Scheme, Score, Text
from crmlab.testing import (
    AS_OF,
    CHECKS,
    checks_for,
    parametrize_with_checks,
    sample_features,
    sample_feedback,
    sample_tables,
)

RULES = (
    "parameters survive YAML and JSON",
    "one label per customer",
    "row order and id renaming irrelevant",
    "one customer alone gets the same label",
    "labels within the scheme",
    "a confidence for each label",
    "both languages present",
    "missing features named",
    "nulls",
    "empty table",
    "input unchanged",
    "same result twice",
    "state round-trips",
    "no heavy import at module level",
    "rows after as_of change nothing",
    "probabilities within 0–1",
    "evaluate() reports its baseline",
)
DAYS = "days_since_last_order"
SCHEME = Scheme("recent", "近期购买", "Recent", (Label("yes", "是", "Yes"), Label("no", "否", "No")))


class Recent(Classifier):
    """A sound classifier: recent or not, against what it learned."""

    title: ClassVar[Text] = Text("近期购买", "Recent buyers")
    requires: ClassVar[tuple[str, ...]] = (DAYS,)
    scheme: ClassVar[Scheme] = SCHEME
    share: float = 0.5

    def _fit(self, features: pl.DataFrame) -> None:
        self.limit_ = features[DAYS].quantile(self.share)

    def _predict(self, features: pl.DataFrame) -> pl.Series:
        return self._label(features, self.limit_)

    def _label(self, features: pl.DataFrame, limit: Any) -> pl.Series:
        recent = features[DAYS] <= (-1 if limit is None else limit)
        return pl.Series("label", ["yes" if value else "no" for value in recent], dtype=pl.String)

    def _explain(self, features: pl.DataFrame) -> pl.DataFrame:
        return features.select(zh=pl.format("{} 天前", DAYS), en=pl.format("{} days ago", DAYS))


class Chance(Model):
    """A sound model: the chance to come back, falling with the days since the last order."""

    title: ClassVar[Text] = Text("复购概率", "Chance of a next order")
    requires: ClassVar[tuple[str, ...]] = (DAYS,)
    scores: ClassVar[tuple[Score, ...]] = (
        Score("chance", "probability", "复购概率", "Chance of a next order"),
    )

    def _fit(self, tables: Any, features: pl.DataFrame, as_of: date) -> None:
        self.scale_ = (features[DAYS].mean() or 0) + 1

    def _predict(self, features: pl.DataFrame) -> pl.DataFrame:
        return features.select("customer_id", chance=(-pl.col(DAYS) / self.scale_).exp())

    def evaluate(self, tables: Any, cutoff: date) -> pl.DataFrame:
        return pl.DataFrame(
            {"metric": ["AUC"], "value": [0.7], "low": [0.6], "high": [0.8], "baseline": [0.5]}
        )


class Length(Annotator):
    """A sound annotator: the length of each text."""

    title: ClassVar[Text] = Text("文本长度", "Text length")
    adds: ClassVar[tuple[str, ...]] = ("characters",)

    def definition(self) -> Text:
        return Text("字数。", "Number of characters.")

    def _predict(self, feedback: pl.DataFrame) -> pl.DataFrame:
        return feedback.select("feedback_id", characters=pl.col("text").str.len_chars())


class OrderCount(Feature):
    """A sound feature: orders up to the day."""

    title: ClassVar[Text] = Text("订单数", "Orders")
    tables: ClassVar[tuple[str, ...]] = ("orders",)
    produces: ClassVar[tuple[str, ...]] = ("orders_so_far",)

    def build(self, tables: Mapping[str, nw.LazyFrame[Any]], as_of: date) -> nw.LazyFrame[Any]:
        known = self._known(tables["orders"], (as_of - date(1970, 1, 1)).days)
        return known.group_by("customer_id").agg(nw.len().alias("orders_so_far"))

    def _known(self, orders: nw.LazyFrame[Any], today: int) -> nw.LazyFrame[Any]:
        return orders.filter(nw.col("day") <= today)


class Numbers(Source):
    """A sound source: the sample orders."""

    title: ClassVar[Text] = Text("示例数据", "Samples")
    tables: ClassVar[tuple[str, ...]] = ("orders",)

    @property
    def origin(self) -> Text:
        return Text("本套件自带的示例。", "Samples of this kit.")

    def read(self) -> Mapping[str, pl.LazyFrame]:
        return {"orders": sample_tables()["orders"].lazy()}


SOUND = (Recent(), Chance(), Length(), OrderCount(), Numbers())


# Broken in one way each.


class ParameterOfAnotherType(Recent):
    share: float = "0.5"  # type: ignore[assignment]

    def _fit(self, features: pl.DataFrame) -> None:
        self.limit_ = features[DAYS].quantile(float(self.share))


class NullLabel(Recent):
    def predict(self, features: pl.DataFrame) -> pl.Series:
        labels = super().predict(features)
        few = (features[DAYS] < 20).fill_null(value=False)
        return pl.select(label=pl.when(~few).then(labels)).to_series()


class FirstRowDecides(Recent):
    def _fit(self, features: pl.DataFrame) -> None:
        self.limit_ = features[DAYS][0] if features.height else None


class IdDecides(Recent):
    def _predict(self, features: pl.DataFrame) -> pl.Series:
        return pl.Series(
            "label", ["yes" if customer < "c2" else "no" for customer in features["customer_id"]]
        )


class RankInTheBatch(Recent):
    def _predict(self, features: pl.DataFrame) -> pl.Series:
        return self._label(features, features[DAYS].median())


class OffTheScheme(Recent):
    def predict(self, features: pl.DataFrame) -> pl.Series:
        return super().predict(features).replace("no", "perhaps")


class SurerAmongOthers(Recent):
    """Is surer of a customer the more customers there are."""

    def _confidence(self, features: pl.DataFrame) -> pl.Series:
        return pl.repeat(1 - 1 / (1 + features.height), features.height, eager=True)


class ChineseOnly(Recent):
    title: ClassVar[Text] = Text("近期购买", "近期购买")


class NamesNothing(Recent):
    def fit(self, features: pl.DataFrame) -> NamesNothing:
        self._fit(features.filter(features[DAYS].is_not_null()))
        self.fitted_ = True
        return self


class FailsOnNulls(Recent):
    accepts_nulls: ClassVar[bool] = True

    def _fit(self, features: pl.DataFrame) -> None:
        self.limit_ = max(list(features[DAYS]), default=None)


class FailsOnNobody(Recent):
    def predict(self, features: pl.DataFrame) -> pl.Series:
        labels = super().predict(features)
        features["customer_id"].item(0)
        return labels


class WritesInTheInput(Recent):
    def predict(self, features: pl.DataFrame) -> pl.Series:
        labels = super().predict(features)
        at = features.get_column_index("order_count")
        features.replace_column(
            at, pl.zeros(features.height, dtype=pl.Int64, eager=True).alias("order_count")
        )
        return labels


class ChangesItsMind(Recent):
    def predict(self, features: pl.DataFrame) -> pl.Series:
        labels = super().predict(features)
        self.__dict__["_asked"] = asked = self.__dict__.get("_asked", 0) + (features.height > 1)
        return labels if asked < 2 else labels.replace("no", "yes")


class ForgetsOnLoading(Recent):
    def _fit(self, features: pl.DataFrame) -> None:
        self._limit = features[DAYS].median()

    def _predict(self, features: pl.DataFrame) -> pl.Series:
        return self._label(features, getattr(self, "_limit", 1_000))


class SeesTheFuture(OrderCount):
    def _known(self, orders: nw.LazyFrame[Any], today: int) -> nw.LazyFrame[Any]:
        return orders


class LearnsFromTheFuture(Chance):
    def _fit(self, tables: Any, features: pl.DataFrame, as_of: date) -> None:
        self.scale_ = float(tables["orders"].collect()["day"].max())


class MoreThanCertain(Chance):
    def _predict(self, features: pl.DataFrame) -> pl.DataFrame:
        return features.select("customer_id", chance=2 - pl.col(DAYS) / 1_000)


class ComparesWithNothing(Chance):
    def evaluate(self, tables: Any, cutoff: date) -> pl.DataFrame:
        return super().evaluate(tables, cutoff).with_columns(baseline=pl.lit(None, pl.Float64))


class ForgetsBlankTexts(Length):
    def predict(self, feedback: pl.DataFrame) -> pl.DataFrame:
        return super().predict(feedback).filter(feedback["text"].is_not_null())


class AnotherTableEachTime(Numbers):
    def read(self) -> Mapping[str, pl.LazyFrame]:
        orders = sample_tables()["orders"].lazy()
        return {"orders": orders.with_columns(pl.lit(next(_TICKS)).alias("read"))}


_TICKS = itertools.count()

BROKEN: list[tuple[type[Estimator], str]] = [
    (ParameterOfAnotherType, "parameters_survive"),
    (NullLabel, "one_row_per_customer"),
    (FirstRowDecides, "row_order_irrelevant"),
    (IdDecides, "id_renaming_irrelevant"),
    (RankInTheBatch, "one_alone"),
    (OffTheScheme, "labels_in_scheme"),
    (SurerAmongOthers, "confidence"),
    (ChineseOnly, "both_languages"),
    (NamesNothing, "missing_features_named"),
    (FailsOnNulls, "nulls"),
    (ForgetsBlankTexts, "nulls"),
    (FailsOnNobody, "empty_table"),
    (WritesInTheInput, "input_unchanged"),
    (ChangesItsMind, "same_twice"),
    (AnotherTableEachTime, "same_twice"),
    (ForgetsOnLoading, "state_round_trips"),
    (SeesTheFuture, "nothing_after_as_of"),
    (LearnsFromTheFuture, "nothing_after_as_of"),
    (MoreThanCertain, "probabilities"),
    (ComparesWithNothing, "baseline"),
]


def _broken_checks(plugin: Estimator) -> dict[str, str]:
    found = {}
    for check in checks_for(plugin):
        try:
            check(plugin)
        except AssertionError as error:
            found[check.name] = str(error)
    return found


@pytest.mark.parametrize("plugin", SOUND, ids=lambda plugin: type(plugin).__name__)
def test_a_sound_plugin_of_each_kind_passes(plugin: Estimator) -> None:
    assert _broken_checks(plugin) == {}


@pytest.mark.parametrize(("broken", "name"), BROKEN, ids=lambda value: getattr(value, "__name__", value))
def test_a_plugin_that_breaks_one_rule_fails_that_check_alone(broken: type[Estimator], name: str) -> None:
    found = _broken_checks(broken())
    assert list(found) == [name], found
    rule = next(check.rule for check in CHECKS if check.name == name)
    assert found[name].startswith(f"{broken.__name__} (")
    assert f"breaks the rule “{rule}”" in found[name]


def test_a_heavy_import_fails_that_check_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = "import sklearn\nfrom test_testing import Recent\nclass Heavy(Recent):\n    pass\n"
    (tmp_path / "heavy_plugin.py").write_text(source)
    monkeypatch.syspath_prepend(tmp_path)
    import heavy_plugin

    found = _broken_checks(heavy_plugin.Heavy())
    assert list(found) == ["no_heavy_import"], found
    assert "sklearn" in found["no_heavy_import"]


def test_every_check_has_a_plugin_that_breaks_it() -> None:
    proven = {name for _, name in BROKEN} | {"no_heavy_import"}
    assert proven == {check.name for check in CHECKS}


def test_the_suite_has_every_rule_of_the_contract() -> None:
    assert len(RULES) == 17
    assert tuple(dict.fromkeys(check.rule for check in CHECKS)) == RULES
    assert len({check.name for check in CHECKS}) == len(CHECKS) == 18  # order and renaming are two checks


def test_checks_apply_by_kind() -> None:
    names = {type(plugin).__name__: {check.name for check in checks_for(plugin)} for plugin in SOUND}
    assert {"probabilities", "baseline"} <= names["Chance"]
    assert "labels_in_scheme" in names["Recent"]
    assert "probabilities" not in names["Recent"]
    assert names["Numbers"] == {"parameters_survive", "both_languages", "same_twice", "no_heavy_import"}

    class ByCity(Recent):
        requires: ClassVar[tuple[str, ...]] = ("city",)

    assert "nothing_after_as_of" in names["Recent"], "its feature is made from tables with dates"
    assert "nothing_after_as_of" not in {check.name for check in checks_for(ByCity())}


def _cases(mark: pytest.MarkDecorator) -> dict[str, Any]:
    return {case.id: case for case in mark.args[1]}


def test_an_exemption_is_strict_and_keeps_its_reason() -> None:
    cases = _cases(
        parametrize_with_checks([IdDecides()], exempt={"id_renaming_irrelevant": "labels go by id"})
    )
    assert len(cases) == len(checks_for(IdDecides()))
    (mark,) = cases["IdDecides-id_renaming_irrelevant"].marks
    assert mark.name == "xfail"
    assert mark.kwargs == {"reason": "labels go by id", "raises": AssertionError, "strict": True}
    assert not cases["IdDecides-one_alone"].marks


def test_an_exempted_check_that_passes_is_a_failure(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(
        "from test_testing import IdDecides, Recent\n"
        "from crmlab.testing import parametrize_with_checks\n"
        "exempt = {'id_renaming_irrelevant': 'labels go by id'}\n"
        "@parametrize_with_checks([Recent(), IdDecides()], exempt=exempt)\n"
        "def test_it(estimator, check):\n"
        "    check(estimator)\n"
    )
    options = ["-q", "-p", "no:cacheprovider", "--rootdir", str(tmp_path), "-k", "id_renaming"]
    run = subprocess.run(
        [sys.executable, "-m", "pytest", *options, str(tmp_path)],
        env={"PYTHONPATH": str(Path(__file__).parent)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "1 failed" in run.stdout, run.stdout
    assert "1 xfailed" in run.stdout, run.stdout
    assert "[XPASS(strict)] labels go by id" in run.stdout


@pytest.mark.parametrize(
    ("exempt", "message"),
    [
        ({"id_renaming": "why"}, "Did you mean 'id_renaming_irrelevant'"),
        ({"probabilities": "why"}, "No check of Recent is named 'probabilities'"),
        ({"nulls": " "}, "has no reason"),
    ],
)
def test_exemptions_need_a_check_that_applies_and_a_reason(exempt: dict[str, str], message: str) -> None:
    with pytest.raises(ParamsError, match=message):
        parametrize_with_checks([Recent()], exempt=exempt)


def test_names_of_cases_say_what_is_not_default() -> None:
    assert "Recent(share=0.25)-nulls" in _cases(parametrize_with_checks([Recent(share=0.25)]))


def test_own_features_replace_the_samples() -> None:
    class Grown(Recent):
        requires: ClassVar[tuple[str, ...]] = (DAYS, "is_grown")

        def _predict(self, features: pl.DataFrame) -> pl.Series:
            assert features.height <= 3
            return super()._predict(features)

    mine = pl.DataFrame(
        {
            "customer_id": ["甲", "乙", "丙"],
            DAYS: [1, 2, 300],
            "order_count": [1, 1, 1],
            "is_grown": [True] * 3,
        }
    )
    for case in parametrize_with_checks([Grown()], features=mine).args[1]:
        estimator, check = case.values
        if "as_of" not in case.id and "heavy" not in case.id:
            check(estimator)


def test_samples_are_canonical_tables() -> None:
    for name, table in sample_tables().items():
        absent = [column for column in TABLES[name].columns() if column not in table.columns]
        whole = table.with_columns(pl.lit(None).alias(column) for column in absent)
        assert TABLES[name].validate(whole, cast=True).height == table.height


def test_samples_are_the_same_every_time_and_hold_what_breaks_plugins() -> None:
    tables, features, feedback = sample_tables(), sample_features(DAYS, "city"), sample_feedback()
    assert all(table.equals(sample_tables()[name]) for name, table in tables.items())
    assert features.equals(sample_features(DAYS, "city"))
    orders = tables["orders"]
    paid = orders.filter(pl.col("amount_hundredths") > 0)
    assert (orders["amount_hundredths"] < 0).any(), "refunds"
    assert (orders["amount_hundredths"] == 0).any(), "zero amounts"
    assert (orders["day"] > (AS_OF - date(1970, 1, 1)).days).any(), "later rows"
    assert (paid.group_by("customer_id").len()["len"] == 1).any(), "customers with one order"
    assert features["total_spend"].drop_nulls().is_duplicated().any(), "ties"
    assert features[DAYS].null_count() == 4, "customers without a paid order"
    assert features["city"].str.contains("北京").any(), "Chinese"
    assert feedback["text"].null_count() == 2, "no text"
    assert (feedback["text"] == "").any(), "blank text"


def test_unknown_columns_are_filled_by_their_names() -> None:
    names = ("visit_count", "is_member", "joined_on", "open_rate", "margin_amount", "channel")
    features = sample_features(*names)
    assert [features.schema[name] for name in names] == [
        pl.Int64, pl.Boolean, pl.Date, pl.Float64, pl.Float64, pl.String,
    ]  # fmt: skip
    assert features["open_rate"].is_between(0, 1).all()
    assert not any(math.isnan(value) for value in features["margin_amount"])


def test_only_the_decorator_needs_pytest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pytest", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'crmlab\[dev\]'"):
        parametrize_with_checks([Recent()])
    code = "import sys, crmlab.testing; print(sorted({'pytest', 'polars', 'sklearn'} & set(sys.modules)))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
