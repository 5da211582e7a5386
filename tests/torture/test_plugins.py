"""A plugin that does what it must not is named with its distribution and version, and stops no other."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from crmlab import registry
from crmlab.errors import PluginContractError, PluginFailedError, PluginLoadError
from torture.world import World, record

HEAD = '''
import os, sys, time
from datetime import date
import numpy as np
import polars as pl
import crmlab
from crmlab import Classifier, Label, Scheme, Score, Text
from crmlab.estimators import Annotator, Feature, Model, Source

SCHEME = Scheme("ab", "甲乙", "A and B", (Label("a", "甲", "A"), Label("b", "乙", "B")))

class Sound(Classifier):
    """Half and half."""
    title = Text("各半", "Half and half")
    requires = ("order_count",)
    scheme = SCHEME
    def _predict(self, features):
        return pl.Series(["a", "b"] * len(features))[: len(features)]
    def _explain(self, features):
        return features.select(zh=pl.lit("因为"), en=pl.lit("because"))

class Scorer(Model):
    """One for everybody."""
    title = Text("一", "One")
    requires = ("order_count",)
    scores = (Score("one", "probability", "一", "One"),)
    def _predict(self, features):
        return features.select("customer_id", one=pl.lit(1.0))

class Maker(Feature):
    """One for everybody."""
    title = Text("一", "One")
    tables = ("orders",)
    produces = ("made",)
    def build(self, tables, as_of):
        import narwhals as nw
        return tables["orders"].group_by("customer_id").agg(made=nw.len().cast(nw.Float64))
'''
CLASSIFIERS: dict[str, tuple[str, str]] = {
    # the hook that is wrong, and what is said of it
    "raises": ("def _predict(self, features): return 1 / 0", "failed in predict with ZeroDivisionError"),
    "raises-in-fit": ("def _fit(self, features): [][1]", "failed in fit with IndexError"),
    "exits": ("def _predict(self, features): sys.exit(4)", "failed in predict with SystemExit: 4"),
    "panics": (
        "def _predict(self, features): raise pl.exceptions.PanicException('boom')",
        "failed in predict with PanicException: boom",
    ),
    "short": ("def _predict(self, features): return pl.Series(['a'])", "returned 1 labels for"),
    "list": ("def _predict(self, features): return ['a'] * len(features)", "it returned list"),
    "frame": ("def _predict(self, features): return features", "it returned DataFrame"),
    "nothing": ("def _predict(self, features): pass", "it returned NoneType"),
    "astray": ("def _predict(self, features): return features['customer_id']", "labels outside its scheme"),
    "numbers": ("def _predict(self, features): return features['order_count']", "labels outside its scheme"),
    "nan": (
        "def _predict(self, features): return pl.Series([float('nan')] * len(features))",
        "outside its scheme",
    ),
    "null": (
        "def _predict(self, features): return pl.Series([None] * len(features), dtype=pl.String)",
        "outside",
    ),
}
MODELS: dict[str, tuple[str, str]] = {
    "raises": ("raise KeyError('x')", "failed in predict with KeyError: 'x'"),
    "exits": ("os.abort if False else sys.exit('bye')", "failed in predict with SystemExit: bye"),
    "short": ("return super()._predict(features).head(1)", "returned 1 rows"),
    "long": ("f = super()._predict(features); return pl.concat([f, f])", "its contract is"),
    "turned": ("return super()._predict(features).reverse()", "in another order"),
    "column": ("return features.select('customer_id')", "with the columns ['customer_id']"),
    "nan": ("return features.select('customer_id', one=pl.lit(float('nan')))", "returned NaN or infinity"),
    "infinite": (
        "return features.select('customer_id', one=pl.lit(float('inf')))",
        "returned NaN or infinity",
    ),
    "text": ("return features.select('customer_id', one=pl.lit('1'))", "returned String for the score 'one'"),
    "dict": ("return {'customer_id': [], 'one': []}", "must return a polars DataFrame; it returned dict"),
    "lazy": ("return super()._predict(features).lazy()", "it returned LazyFrame"),
}
FEATURES: dict[str, tuple[str, str]] = {
    "raises": ("raise RuntimeError('no')", "failed in build with RuntimeError: no"),
    "raises-late": (
        "import narwhals as nw; return tables['orders'].select('customer_id', made=nw.col('nowhere'))",
        "failed in build with",
    ),
    "exits": ("sys.exit(1)", "failed in build with SystemExit: 1"),
    "frame": (
        "return pl.DataFrame({'customer_id': ['a'], 'made': [1]})",
        "its contract is a lazy frame of narwhals",
    ),
    "twice": (
        "return tables['orders'].select('customer_id', made='amount_hundredths')",
        "several rows for one",
    ),
    "column": (
        "return tables['orders'].select('customer_id').unique()",
        "failed in build with ColumnNotFound",
    ),
    "nan": (
        "import narwhals as nw; f = super().build(tables, as_of); "
        "return f.with_columns(made=nw.col('made') * float('nan'))",
        "returned NaN in the column 'made'",
    ),
}


@pytest.fixture(autouse=True)
def _forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    for each in registry.REGISTRIES:
        monkeypatch.setattr(each, "_session", dict(each._session))


@pytest.fixture
def with_plugin(tmp_path: Path, make_lab: Callable[..., Any], shop: dict[str, str]) -> Callable[[str], Any]:
    """Open a lab on a small shop with a plugin file of that text."""

    def opened(text: str, **settings: Any) -> Any:
        folder = tmp_path / "plugins"
        folder.mkdir(exist_ok=True)
        (folder / "acme.py").write_text(HEAD + text, encoding="utf-8")
        return make_lab(shop, plugin_folder=str(folder), **settings)

    return opened


def named(error: BaseException, name: str) -> str:
    """Return what an error says after it named the plugin and the file that it is of."""
    found = re.match(rf"Wrong \('{name}' of acme\.py session\)(.*)", str(error), flags=re.S)
    assert found, str(error)
    return found[1]


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_a_classifier(with_plugin: Callable[..., Any], name: str) -> None:
    hook, said = CLASSIFIERS[name]
    lab = with_plugin(
        f"@crmlab.classifiers.register({name!r})\nclass Wrong(Sound):\n    '''Wrong.'''\n    {hook}\n"
        "crmlab.classifiers.register('sound')(Sound)\n",
        schemes=[name, "sound", "abc"],
    )
    with pytest.raises(PluginContractError) as caught:
        lab.classify(name)
    assert said in named(caught.value, name)
    assert lab.classify("sound").labels["label"].is_in(["a", "b", "unclassified"]).all()
    with pytest.warns(UserWarning, match=rf"'{name}' is left out, it failed with .* \(acme\.py session\)"):
        assert list(lab.schemes.segmentations) == ["sound", "abc"]


@pytest.mark.parametrize("hook", ["_explain", "_confidence"])
@pytest.mark.parametrize("wrong", ["return 1 / 0", "return None", "return features.head(0)"])
def test_what_a_classifier_says_beside_its_labels(
    with_plugin: Callable[..., Any], hook: str, wrong: str
) -> None:
    lab = with_plugin(
        "@crmlab.classifiers.register('beside')\n"
        f"class Wrong(Sound):\n    '''Wrong.'''\n    def {hook}(self, features): {wrong}\n"
    )
    made = lab.classify("beside")
    with pytest.raises(PluginContractError) as caught:
        getattr(made.classifier, hook.removeprefix("_"))(lab.features("order_count"))
    named(caught.value, "beside")


@pytest.mark.parametrize("name", MODELS)
def test_a_model(with_plugin: Callable[..., Any], name: str) -> None:
    body, said = MODELS[name]
    lab = with_plugin(
        f"@crmlab.models.register({name!r})\nclass Wrong(Scorer):\n    '''Wrong.'''\n"
        f"    def _predict(self, features):\n        {body}\n"
        "crmlab.models.register('scorer')(Scorer)\n"
    )
    with pytest.raises(PluginContractError) as caught:
        lab.score(name)
    assert said in named(caught.value, name)
    assert lab.score("scorer").scores["one"].sum() == lab.score("scorer").scores.height


@pytest.mark.parametrize("name", FEATURES)
def test_a_feature(with_plugin: Callable[..., Any], name: str) -> None:
    body, said = FEATURES[name]
    lab = with_plugin(
        f"@crmlab.features.register({name!r})\nclass Wrong(Maker):\n    '''Wrong.'''\n"
        f"    def build(self, tables, as_of):\n        {body}\n"
    )
    with pytest.raises(PluginContractError) as caught:
        lab.features("made")
    assert said in named(caught.value, name)
    assert lab.features("order_count")["order_count"].sum() == 5


WRITES = {
    "insert": "f.insert_column(1, pl.lit(0).alias('zero'))",
    "drop": "f.drop_in_place('order_count')",
    "cell": "f[0, 'customer_id'] = 'nobody'",
    "series": "f['order_count'][0] = 99",
    "scatter": "f['order_count'].scatter(0, 99)",
    "numpy": "np.asarray(f['order_count'].to_numpy(allow_copy=False))[0] = 99",
    "extend": "f.extend(f.clone())",
    "columns": "f.columns = [c + '_' for c in f.columns]",
    "tables": "tables.clear() if tables else f.drop_in_place('order_count')",
}


@pytest.mark.parametrize("kind", ["classifier", "model"])
def test_what_a_plugin_does_to_its_input_reaches_nobody_else(
    with_plugin: Callable[..., Any], kind: str
) -> None:
    base, given = ("Sound", "f") if kind == "classifier" else ("Scorer", "tables, f, as_of")
    text = ""
    for how, code in WRITES.items():
        tried = f"        try:\n            {code}\n        except Exception:\n            pass\n"
        text += (
            f"@crmlab.{kind}s.register('writer-{how}')\nclass Writer({base}):\n    '''Writes.'''\n"
            f"    def _fit(self, {given}):\n        tables = locals().get('tables')\n{tried}"
            f"    def _predict(self, f):\n        tables, result = None, super()._predict(f)\n{tried}"
            "        return result\n"
        )
    lab = with_plugin(text)
    before = lab.features("order_count", "total_spend").clone()
    tables = {name: lab.tables[name].clone() for name in lab.tables}
    for how in WRITES:
        lab.classify(f"writer-{how}") if kind == "classifier" else lab.score(f"writer-{how}")
        assert lab.features("order_count", "total_spend").equals(before), how
        assert [name for name, table in tables.items() if not lab.tables[name].equals(table)] == [], how


BROKEN_FILES = {
    "raises": "1 / 0",
    "exits": "import sys; sys.exit(3)",
    "syntax": "def (:",
    "import": "import no_such_library_anywhere",
    "kind": "import crmlab\ncrmlab.models.register('x')(int)",
    "interface": "import crmlab\nclass X(crmlab.Classifier):\n    plugin_api = 99\n"
    "crmlab.classifiers.register('x')(X)",
}


@pytest.mark.parametrize("how", BROKEN_FILES)
def test_a_file_that_does_not_load(tmp_path: Path, how: str) -> None:
    (tmp_path / "a_broken.py").write_text(BROKEN_FILES[how], encoding="utf-8")
    (tmp_path / "b_sound.py").write_text(
        HEAD + "crmlab.classifiers.register('sound')(Sound)\n", encoding="utf-8"
    )
    (problem,) = registry.load_folder(tmp_path)
    assert isinstance(problem, PluginLoadError)
    assert "a_broken.py" in str(problem)
    assert registry.classifiers.origin("sound").distribution == "b_sound.py"


def test_an_error_of_a_plugin_keeps_its_cause(with_plugin: Callable[..., Any]) -> None:
    lab = with_plugin(
        "@crmlab.classifiers.register('w')\nclass Wrong(Sound):\n    '''W.'''\n"
        "    def _predict(self, f): {}['k']\n"
    )
    with pytest.raises(PluginFailedError) as caught:
        lab.classify("w")
    assert isinstance(caught.value.__cause__, KeyError)


SILENT = (
    HEAD
    + '''
@crmlab.classifiers.register("{name}")
class Wrong(Sound):
    """Wrong."""
    def _predict(self, features):
        {body}
'''
)
OPEN = """
import crmlab
lab = crmlab.open(data=data, as_of=as_of, plugin_folder=plugin_folder)
lab.features("order_count")
"""


@pytest.fixture(scope="module")
def silent() -> Iterator[dict[str, Any]]:
    """Reports whose plugin hangs, dies, dies of a signal, or exits; name → what the manifest says."""
    world = World()
    plugins = world.folder / "plugins"
    plugins.mkdir()
    bodies = {
        "hanging": "time.sleep(600)",
        "dying": "os._exit(0)",
        "shot": "os.kill(os.getpid(), 9)",
        "leaving": "sys.exit(5)",
        "sound": "return super()._predict(features)",
    }
    for name, body in bodies.items():
        text = SILENT.replace("{name}", name).replace("{body}", body)
        (plugins / f"{name}.py").write_text(text, encoding="utf-8")
    world.study(
        {name: [OPEN, f"lab.classify({name!r}).labels.height"] for name in bodies},
        "data = []\nplugin_folder = None",
        each={"hanging": {"cell_timeout": 15}},
        plugin_folder="plugins",
    )
    code, said = world.run("--engine", "fork")
    assert code == 1, said
    (folder,) = world.published()
    yield {"said": said, "files": [path.name for path in folder.iterdir()]} | {
        report["name"]: report for report in record(folder)["reports"]
    }
    world.end()


@pytest.mark.parametrize(
    ("name", "status"), [("hanging", "timeout"), ("dying", "kernel_died"), ("shot", "kernel_died")]
)
def test_a_plugin_that_raises_nothing_is_named_all_the_same(
    silent: dict[str, Any], name: str, status: str
) -> None:
    report = silent[name]
    assert report["status"] == status
    said = f"The plugin at work was Wrong ('{name}' of {name}.py session), predict."
    assert said in report["error"]["message"]
    assert said in silent["said"]


def test_a_plugin_that_exits_ends_its_report_alone(silent: dict[str, Any]) -> None:
    report = silent["leaving"]
    assert (report["status"], report["error"]["type"]) == ("error", "PluginFailedError")
    assert (
        "Wrong ('leaving' of leaving.py session) failed in predict with SystemExit: 5"
        in report["error"]["message"]
    )
    assert silent["sound"]["status"] == "done"


def test_no_note_of_it_is_published(silent: dict[str, Any]) -> None:
    assert [name for name in silent["files"] if name.startswith(".")] == []


def test_an_installed_plugin_is_named_with_its_version(
    make_lab: Callable[..., Any], shop: dict[str, str]
) -> None:
    lab = make_lab(shop, classifiers={"rfm": {}})
    fitted = lab.classify("rfm").classifier
    broken = lab.features(*fitted.requires).with_columns(pl.lit("text").alias(fitted.requires[0]))
    with pytest.raises(PluginFailedError) as caught:
        fitted.predict(broken)
    version = registry.classifiers.origin("rfm").version
    assert str(caught.value).startswith(f"Rfm ('rfm' of crmlab {version}) failed in predict with ")
