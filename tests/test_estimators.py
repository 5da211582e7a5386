"""What every plugin inherits: parameters, cloning, saved state, and the checks of each kind."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any, ClassVar

import polars as pl
import pytest

from crmlab.errors import DataError, MissingFeaturesError, NotFittedError, ParamsError, PluginContractError
from crmlab.estimators import Annotator, Classifier, Estimator, Feature, Model, Source
from crmlab.labels import Label, Scheme, Score, Text

AS_OF = date(2024, 6, 30)
CUSTOMERS = pl.DataFrame({"customer_id": ["a", "b", "c", "d"], "spend": [5.0, None, 1.0, 9.0]})


class Big(Classifier):
    """Big or small against the mean."""

    title: ClassVar[Text] = Text("大小客户", "Big and small")
    requires: ClassVar[tuple[str, ...]] = ("spend",)
    scheme: ClassVar[Scheme] = Scheme(
        "size", "大小", "Size", (Label("big", "大", "Big"), Label("small", "小", "Small"))
    )
    factor: float = 1.0

    def _check_params(self) -> None:
        if self.factor <= 0:
            raise ParamsError(f"factor is {self.factor}; it must be above 0.")

    def _fit(self, features: pl.DataFrame) -> None:
        self.mean_ = features["spend"].mean()
        self.seen_ = features.select("customer_id")

    def _predict(self, features: pl.DataFrame) -> pl.Series:
        big = pl.col("spend") > self.mean_ * self.factor
        return features.select(pl.when(big).then(pl.lit("big")).otherwise(pl.lit("small"))).to_series()

    def _explain(self, features: pl.DataFrame) -> pl.DataFrame:
        return features.select(zh=pl.format("消费 {}", "spend"), en=pl.format("spend {}", "spend"))


class Half(Model):
    """Half of the spend, and what went wrong with it."""

    title: ClassVar[Text] = Text("一半", "Half")
    requires: ClassVar[tuple[str, ...]] = ("spend",)
    scores: ClassVar[tuple[Score, ...]] = (Score("half", "currency", "一半", "Half"),)

    def _predict(self, features: pl.DataFrame) -> pl.DataFrame:
        return features.select("customer_id", half=pl.col("spend") / 2)


class Shout(Annotator):
    """Texts in capitals."""

    title: ClassVar[Text] = Text("大写", "Capitals")
    adds: ClassVar[tuple[str, ...]] = ("capitals",)

    def _predict(self, feedback: pl.DataFrame) -> pl.DataFrame:
        return feedback.select("feedback_id", capitals=pl.col("text").str.to_uppercase())


FEEDBACK = pl.DataFrame({"feedback_id": ["f1", "f2"], "text": ["ok", None]})


class TestParameters:
    def test_annotated_attributes_are_parameters_and_nothing_else(self) -> None:
        assert Big.parameter_names() == ("factor",)
        assert Big(factor=2.0).get_params() == {"factor": 2.0}
        with pytest.raises(TypeError):
            Big(2.0)  # type: ignore[call-arg]

    def test_a_subclass_adds_its_own(self) -> None:
        class Bigger(Big):
            extra: int = 1

        assert Bigger(extra=3).get_params() == {"factor": 1.0, "extra": 3}

    def test_setting_and_cloning(self) -> None:
        big = Big().set_params(factor=3.0).fit(CUSTOMERS)
        assert big.factor == 3.0
        assert big.clone().get_params() == {"factor": 3.0}
        assert big.clone(factor=1.5).factor == 1.5
        assert big.clone().learned == {}

    @pytest.mark.parametrize("call", ["set_params", "clone"])
    def test_unknown_names_are_answered_with_the_nearest(self, call: str) -> None:
        with pytest.raises(ParamsError, match=r"Big has no parameter 'factr'\. Did you mean 'factor'\?"):
            getattr(Big(), call)(factr=1)

    def test_the_constructor_stores_and_fit_checks(self) -> None:
        wrong = Big(factor=-1.0)
        with pytest.raises(ParamsError, match="above 0"):
            wrong.fit(CUSTOMERS)
        with pytest.raises(ParamsError, match="above 0"):
            Big.from_params({"factor": -1})

    @pytest.mark.parametrize("name", ["requires", "scheme", "title", "tables"])
    def test_a_declaration_cannot_become_a_parameter_by_mistake(self, name: str) -> None:
        with pytest.raises(TypeError, match=f"annotate it as a ClassVar, `{name}: ClassVar"):
            type("Mistaken", (Classifier,), {"__annotations__": {name: "object"}, name: ()})

    @pytest.mark.parametrize("name", ["limit_", "_cache"])
    def test_what_is_learned_cannot_be_a_parameter(self, name: str) -> None:
        with pytest.raises(TypeError, match="set it in _fit, undeclared"):
            type("Mistaken", (Classifier,), {"__annotations__": {name: "float"}, name: 0.0})


class TestState:
    def test_round_trip(self, tmp_path: Path) -> None:
        big = Big(factor=0.5).fit(CUSTOMERS)
        big.save(tmp_path / "deep" / "er")
        again = Big.load(tmp_path / "deep" / "er")
        assert again.get_params() == {"factor": 0.5}
        assert again.learned.keys() == {"mean_", "seen_", "fitted_"}
        assert again.predict(CUSTOMERS).equals(big.predict(CUSTOMERS))
        assert sorted(path.name for path in (tmp_path / "deep" / "er").iterdir()) == [
            "seen_.parquet",
            "state.json",
        ]

    def test_the_same_state_is_the_same_bytes(self, tmp_path: Path) -> None:
        for name in ("one", "two"):
            Big().fit(CUSTOMERS).save(tmp_path / name)
        for file in ("state.json", "seen_.parquet"):
            assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()

    def test_parameters_that_json_has_no_type_for(self, tmp_path: Path) -> None:
        class Dated(Big):
            since: date | None = None
            where: tuple[str, ...] = ()

        Dated(since=AS_OF, where=("北京",)).fit(CUSTOMERS).save(tmp_path)
        assert Dated.load(tmp_path).get_params() == {"factor": 1.0, "since": AS_OF, "where": ("北京",)}

    def test_what_json_cannot_hold_is_refused(self, tmp_path: Path) -> None:
        big = Big().fit(CUSTOMERS)
        big.odd_ = {1, 2}  # type: ignore[attr-defined]
        with pytest.raises(PluginContractError, match=r"learned what JSON cannot hold.*odd_"):
            big.save(tmp_path)
        assert not (tmp_path / "state.json").exists()

    def _damaged(self, folder: Path, **changes: Any) -> None:
        Big().fit(CUSTOMERS).save(folder)
        document = json.loads((folder / "state.json").read_text(encoding="utf-8"))
        (folder / "state.json").write_text(json.dumps(document | changes), encoding="utf-8")

    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"plugin": "Rfm"}, "it holds the state of Rfm"),
            ({"params": {"factor": "much"}}, "factor: "),
            ({"state": {"predict": 1}}, "no plugin learns predict"),
            ({"state": {"__class__": 1}}, "no plugin learns __class__"),
            ({"frames": ["../../secret_"]}, "no plugin learns"),
            ({"frames": ["gone_"]}, "gone_"),
            ({"state": 7}, "Give the folder of a finished run"),
        ],
    )
    def test_damaged_state_is_refused(self, tmp_path: Path, changes: dict[str, Any], message: str) -> None:
        self._damaged(tmp_path, **changes)
        with pytest.raises(DataError, match=message):
            Big.load(tmp_path)

    def test_absent_or_unreadable_state(self, tmp_path: Path) -> None:
        with pytest.raises(DataError, match="No state of Big can be read from nothing"):
            Big.load(tmp_path / "nothing")
        (tmp_path / "state.json").write_text("{")
        with pytest.raises(DataError, match="No state of Big"):
            Big.load(tmp_path)


class TestClassifier:
    def test_labels_come_in_the_order_of_the_rows(self) -> None:
        labels = Big().fit(CUSTOMERS).predict(CUSTOMERS)
        assert labels.name == "label"
        assert labels.to_list() == ["small", "unclassified", "small", "big"]
        assert Big().fit(CUSTOMERS).mean_ == 5.0

    def test_reasons_in_both_languages(self) -> None:
        reasons = Big().fit(CUSTOMERS).explain(CUSTOMERS)
        assert reasons["zh"].to_list() == ["消费 5.0", "缺少所需数据", "消费 1.0", "消费 9.0"]
        assert reasons["en"][1] == "missing: the data it needs"

    def test_confidence_is_one_by_default_and_none_without_data(self) -> None:
        sure = Big().fit(CUSTOMERS).confidence(CUSTOMERS)
        assert sure.name == "confidence"
        assert sure.to_list() == [1.0, None, 1.0, 1.0]

    @pytest.mark.parametrize("values", [[0.5], [0.5, 1.1, 0.2]])
    def test_confidence_is_a_number_within_0_and_1_for_each(self, values: list[float]) -> None:
        class Unsure(Big):
            def _confidence(self, features: pl.DataFrame) -> pl.Series:
                return pl.Series(values)

        with pytest.raises(PluginContractError, match="a number within 0–1 for each of 3 customers"):
            Unsure().fit(CUSTOMERS).confidence(CUSTOMERS)

    def test_nobody_known_and_nobody_at_all(self) -> None:
        unknown = CUSTOMERS.with_columns(spend=pl.lit(None, pl.Float64))
        big = Big().fit(CUSTOMERS)
        assert set(big.predict(unknown)) == {"unclassified"}
        assert big.predict(CUSTOMERS.clear()).dtype == pl.String
        assert big.explain(CUSTOMERS.clear()).columns == ["zh", "en"]

    def test_nulls_reach_a_rule_that_accepts_them(self) -> None:
        class Knows(Big):
            accepts_nulls: ClassVar[bool] = True

        assert Knows().fit(CUSTOMERS).predict(CUSTOMERS).to_list() == ["small", "small", "small", "big"]

    def test_requirements_may_depend_on_a_parameter(self) -> None:
        class ByColumn(Big):
            column: str = "spend"

            @property
            def requires(self) -> tuple[str, ...]:  # type: ignore[override]
                return (self.column,)

        with pytest.raises(MissingFeaturesError, match=r"needs the columns spent, .* Did you mean 'spend'\?"):
            ByColumn(column="spent").fit(CUSTOMERS)
        assert ByColumn().fit(CUSTOMERS).mean_ == 5.0

    def test_missing_columns_are_named(self) -> None:
        big = Big().fit(CUSTOMERS)
        for call in (big.fit, big.predict, big.explain):
            with pytest.raises(MissingFeaturesError, match="Big needs the columns spend"):
                call(CUSTOMERS.drop("spend"))
            with pytest.raises(MissingFeaturesError, match="customer_id"):
                call(CUSTOMERS.drop("customer_id"))

    def test_before_fit(self) -> None:
        for call in (Big().predict, Big().explain):
            with pytest.raises(NotFittedError, match="Big is not fitted"):
                call(CUSTOMERS)

    @pytest.mark.parametrize(
        ("returned", "message"),
        [
            (pl.Series(["big"]), "returned 1 labels for 3 customers"),
            (pl.Series(["big", "huge", None]), "labels outside its scheme: None, huge"),
            (["big"] * 3, "must return a polars Series; it returned list"),
        ],
    )
    def test_what_a_plugin_may_not_return(self, returned: Any, message: str) -> None:
        class Odd(Big):
            def _predict(self, features: pl.DataFrame) -> pl.Series:
                return returned  # type: ignore[no-any-return]

        with pytest.raises(PluginContractError, match=message):
            Odd().fit(CUSTOMERS).predict(CUSTOMERS)

    def test_reasons_that_a_plugin_may_not_return(self) -> None:
        class Terse(Big):
            def _explain(self, features: pl.DataFrame) -> pl.DataFrame:
                return features.select(zh="customer_id")

        with pytest.raises(PluginContractError, match=r"Terse\._explain must return the columns zh, en"):
            Terse().fit(CUSTOMERS).explain(CUSTOMERS)

    def test_a_definition_without_words_of_its_own_names_the_labels(self) -> None:
        assert Big().definition() == Text("大小客户，分为：大、小。", "Big and small, one of: Big, Small.")


class TestModel:
    def test_scores(self) -> None:
        half = Half().fit({}, CUSTOMERS, AS_OF)
        assert half.predict(CUSTOMERS).to_dict(as_series=False) == {
            "customer_id": ["a", "b", "c", "d"],
            "half": [2.5, None, 0.5, 4.5],
        }

    def test_before_fit_and_without_columns(self) -> None:
        with pytest.raises(NotFittedError, match="Half is not fitted"):
            Half().predict(CUSTOMERS)
        with pytest.raises(MissingFeaturesError, match="spend"):
            Half().fit({}, CUSTOMERS.drop("spend"), AS_OF)
        with pytest.raises(MissingFeaturesError, match="customer_id"):
            Half().fit({}, CUSTOMERS, AS_OF).predict(CUSTOMERS.drop("customer_id"))

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            (lambda scores: scores.head(1), "returned 1 rows"),
            (lambda scores: scores.rename({"half": "third"}), "its contract is 4 rows with"),
            (lambda scores: scores.reverse(), "in another order"),
        ],
    )
    def test_what_a_model_may_not_return(self, change: Any, message: str) -> None:
        class Odd(Half):
            def _predict(self, features: pl.DataFrame) -> pl.DataFrame:
                return change(super()._predict(features))  # type: ignore[no-any-return]

        with pytest.raises(PluginContractError, match=message):
            Odd().fit({}, CUSTOMERS, AS_OF).predict(CUSTOMERS)


class TestAnnotator:
    def test_annotations(self) -> None:
        assert Shout().fit(FEEDBACK).predict(FEEDBACK).rows() == [("f1", "OK"), ("f2", None)]

    def test_before_fit_and_without_columns(self) -> None:
        with pytest.raises(NotFittedError, match="Shout is not fitted"):
            Shout().predict(FEEDBACK)
        with pytest.raises(MissingFeaturesError, match="text"):
            Shout().fit(FEEDBACK.drop("text"))

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            (lambda found: found.head(1), "returned 1 rows"),
            (lambda found: found.select("feedback_id"), "its contract is 2 rows with"),
            (lambda found: found.reverse(), "in another order"),
        ],
    )
    def test_what_an_annotator_may_not_return(self, change: Any, message: str) -> None:
        class Odd(Shout):
            def _predict(self, feedback: pl.DataFrame) -> pl.DataFrame:
                return change(super()._predict(feedback))  # type: ignore[no-any-return]

        with pytest.raises(PluginContractError, match=message):
            Odd().fit(FEEDBACK).predict(FEEDBACK)


@pytest.mark.parametrize("hook", ["_fit", "_predict"])
@pytest.mark.parametrize("kind", [Big, Half, Shout])
def test_a_hook_that_writes_in_its_input_does_not_reach_the_callers_table(kind: type, hook: str) -> None:
    def writes(self: Any, *given: Any) -> Any:
        frame = next(item for item in given if isinstance(item, pl.DataFrame))
        result = getattr(super(Writer, self), hook)(*given)
        frame.drop_in_place(frame.columns[-1])
        return result

    Writer = type("Writer", (kind,), {hook: writes})
    table = (FEEDBACK if kind is Shout else CUSTOMERS).drop_nulls()
    before = table.clone()
    plugin = Writer()
    fitted = plugin.fit({}, table, AS_OF) if kind is Half else plugin.fit(table)
    fitted.predict(table)
    assert table.equals(before)


def test_what_a_kind_leaves_to_its_plugins() -> None:
    class Bare(Classifier):
        title: ClassVar[Text] = Text("空", "Bare")

    class BareModel(Model):
        title: ClassVar[Text] = Text("空", "Bare")

    assert Bare().requires == ()
    for call in (
        lambda: Bare().scheme,
        lambda: Bare().fit(CUSTOMERS).predict(CUSTOMERS),
        lambda: Bare().fit(CUSTOMERS).explain(CUSTOMERS),
        lambda: BareModel().fit({}, CUSTOMERS, AS_OF).predict(CUSTOMERS),
        lambda: BareModel().evaluate({}, AS_OF),
        lambda: Feature().build({}, AS_OF),
        lambda: Source().read(),
        lambda: Source().origin,
    ):
        with pytest.raises(NotImplementedError):
            call()


def test_every_kind_is_an_estimator() -> None:
    assert all(issubclass(kind, Estimator) for kind in (Classifier, Model, Annotator, Feature, Source))
