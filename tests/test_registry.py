"""The plugin door, with real distributions in a folder on the path."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from crmlab import registry
from crmlab.errors import PluginConflictError, PluginLoadError, UnknownPluginError
from crmlab.estimators import Classifier, Model
from crmlab.registry import Registry, load_folder

Install = Callable[..., Registry[Classifier]]

PLUGIN = """
    from crmlab import Classifier

    class Plugin(Classifier):
        pass
"""


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Return a function that installs a distribution and gives a registry that sees it."""
    monkeypatch.syspath_prepend(tmp_path)
    loaded = set(sys.modules)

    def make(
        distribution: str, entries: dict[str, str], version: str = "1.0", **modules: str
    ) -> Registry[Classifier]:
        info = tmp_path / f"{distribution}-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n")
        points = "\n".join(f"{name} = {target}" for name, target in entries.items())
        (info / "entry_points.txt").write_text(f"[crmlab.classifiers]\n{points}\n")
        for module, source in modules.items():
            (tmp_path / f"{module}.py").write_text(textwrap.dedent(source), encoding="utf-8")
        return Registry("Classifier")

    yield make
    for name in set(sys.modules) - loaded:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(tmp_path)):
            del sys.modules[name]


@pytest.fixture(autouse=True)
def _forget_what_the_session_registered(monkeypatch: pytest.MonkeyPatch) -> None:
    for plugins in registry.REGISTRIES:
        monkeypatch.setattr(plugins, "_session", dict(plugins._session))


class TestInstalled:
    def test_listing_imports_no_plugin_and_nothing_heavy(self) -> None:
        code = (
            "import json, sys; from crmlab import classifiers; "
            "listed = [list(classifiers), [info.origin for info in classifiers.info()], repr(classifiers)]; "
            "print(json.dumps([listed[0], sorted(sys.modules)]))"
        )
        run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        names, modules = json.loads(run.stdout)
        assert {"abc", "rfm", "status"} <= set(names)
        assert not [
            name for name in modules if name.startswith(("crmlab_plugins", "polars", "pydantic", "numpy"))
        ]
        assert "crmlab.estimators" not in modules

    def test_getting_one_imports_that_one_and_says_where_it_comes_from(self, install: Install) -> None:
        found = install("acme-crm", {"acme": "acme:Plugin", "other": "acme_other:Plugin"}, acme=PLUGIN)
        assert found["acme"].__name__ == "Plugin"
        assert found["acme"] is found["acme"]
        assert "acme_other" not in sys.modules
        assert found.origin("acme").origin == "acme-crm 1.0 (acme:Plugin)"
        assert "acme" in found
        assert "acme" in list(found)
        assert len(found) == len(list(found))
        assert "<Registry crmlab.classifiers: " in repr(found)

    def test_an_unknown_name_is_answered_with_the_nearest(self) -> None:
        with pytest.raises(UnknownPluginError) as caught:
            Registry("Classifier")["rfn"]
        message = str(caught.value)
        assert "No crmlab.classifiers plugin is named 'rfn'. Did you mean 'rfm'?" in message
        assert "Available: abc, " in message
        with pytest.raises(UnknownPluginError, match="Available: none"):
            Registry("Nothing")["x"]

    @pytest.mark.parametrize("targets", [("one:Plugin", "two:Plugin"), ("one:Plugin", "one:Plugin")])
    def test_two_distributions_with_one_name_are_both_named(
        self, install: Install, targets: tuple[str, str]
    ) -> None:
        install("first-crm", {"same": targets[0]}, one=PLUGIN)
        found = install("second-crm", {"same": targets[1], "mine": "two:Plugin"}, "2.5", two=PLUGIN)
        with pytest.raises(PluginConflictError) as caught:
            found["same"]
        assert "2 distributions register a crmlab.classifiers plugin named 'same'" in str(caught.value)
        assert f"first-crm 1.0 ({targets[0]})" in str(caught.value)
        assert f"second-crm 2.5 ({targets[1]})" in str(caught.value)
        assert found["mine"].__name__ == "Plugin", "the others go on"
        both = [info.distribution for info in found.info() if info.name == "same"]
        assert both == ["first-crm", "second-crm"]

    @pytest.mark.parametrize(
        ("source", "message"),
        [
            ("import a_library_that_is_not_there", "ModuleNotFoundError: No module named"),
            ("def broken(:", "SyntaxError"),
            ("raise SystemExit(3)", "SystemExit: 3"),
            ("1 / 0", "ZeroDivisionError"),
            ("Plugged = 1", "AttributeError"),
            ("class Plugin: pass", "is no subclass of crmlab.Classifier"),
            ("class Classifier: pass\nclass Plugin(Classifier): pass", "is no subclass of crmlab.Classifier"),
            ("from crmlab import Model\nclass Plugin(Model): pass", "is no subclass of crmlab.Classifier"),
            ("from crmlab import Classifier\nPlugin = Classifier()", "is no subclass of crmlab.Classifier"),
        ],
    )
    def test_a_broken_plugin_is_named_with_its_distribution(
        self, install: Install, source: str, message: str
    ) -> None:
        found = install(
            "acme-crm", {"bad": "bad:Plugin", "good": "good:Plugin"}, "3.1", bad=source, good=PLUGIN
        )
        with pytest.raises(PluginLoadError) as caught:
            found["bad"]
        assert "The crmlab.classifiers plugin 'bad' of acme-crm 3.1 (bad:Plugin)" in str(caught.value)
        assert message in str(caught.value)
        assert found["good"].__name__ == "Plugin", "the others go on"

    def test_an_interrupt_is_no_fault_of_the_plugin(self, install: Install) -> None:
        found = install("acme-crm", {"slow": "slow:Plugin"}, slow="raise KeyboardInterrupt")
        with pytest.raises(KeyboardInterrupt):
            found["slow"]

    @pytest.mark.parametrize("version", [0, 1])
    def test_this_plugin_api_and_the_one_before_are_accepted(self, install: Install, version: int) -> None:
        found = install("acme-crm", {"acme": "acme:Plugin"}, acme=f"{PLUGIN}        plugin_api = {version}\n")
        assert found["acme"].plugin_api == version

    @pytest.mark.parametrize("version", [2, -1, "'1'", None])
    def test_another_plugin_api_is_refused(self, install: Install, version: Any) -> None:
        found = install("acme-crm", {"acme": "acme:Plugin"}, acme=f"{PLUGIN}        plugin_api = {version}\n")
        with pytest.raises(PluginLoadError, match=r"acme-crm 1\.0 .*this crmlab accepts 0 and 1\. Install"):
            found["acme"]


class TestSession:
    def test_a_class_in_a_notebook_registers_and_may_be_run_again(self) -> None:
        found: Registry[Classifier] = Registry("Classifier")
        for _ in range(2):

            @found.register("mine")
            class Mine(Classifier):
                pass

        assert found["mine"] is Mine
        assert "mine" in found
        assert found.origin("mine").version == "session"
        assert found.origin("mine").distribution == "test_registry.py"
        assert "mine" in [info.name for info in found.info()]

    def test_it_hides_an_installed_one(self) -> None:
        found: Registry[Classifier] = Registry("Classifier")
        number = len(found)

        @found.register("rfm")
        class Mine(Classifier):
            pass

        assert found["rfm"] is Mine
        assert len(found) == number

    def test_what_is_no_plugin_is_refused(self) -> None:
        found: Registry[Classifier] = Registry("Classifier")
        with pytest.raises(PluginLoadError, match=r"'mine' of test_registry\.py session .* is no subclass"):

            @found.register("mine")
            class Mine(Model):
                pass

        assert "mine" not in found


class TestFolder:
    def _write(self, folder: Path, **files: str) -> None:
        for name, source in files.items():
            (folder / f"{name}.py").write_text(textwrap.dedent(source), encoding="utf-8")

    def _plugin(self, name: str, after: str = "") -> str:
        return (
            "import crmlab\n"
            f"@crmlab.classifiers.register({name!r})\n"
            "class Plugin(crmlab.Classifier):\n"
            "    pass\n"
            f"{after}\n"
        )

    def test_one_broken_file_does_not_stop_the_others(self, tmp_path: Path) -> None:
        self._write(
            tmp_path,
            a_good=self._plugin("folder-a"),
            b_broken="import nothing_of_that_name",
            c_exits="import sys; sys.exit('no licence')",
            d_good=self._plugin("folder-d"),
        )
        first, second = load_folder(tmp_path)
        assert "The plugin file b_broken.py could not be imported: ModuleNotFoundError" in str(first)
        assert "The plugin file c_exits.py could not be imported: SystemExit: no licence" in str(second)
        assert registry.classifiers["folder-a"].__name__ == "Plugin"
        assert registry.classifiers.origin("folder-d").distribution == "d_good.py"

    def test_what_a_broken_file_registered_goes_with_it(self, tmp_path: Path) -> None:
        self._write(tmp_path, half=self._plugin("folder-half", after="1 / 0"))
        (error,) = load_folder(tmp_path)
        assert "ZeroDivisionError" in str(error)
        assert "folder-half" not in registry.classifiers
        assert "crmlab_study_half" not in sys.modules

    def test_two_files_with_one_name_are_both_named(self, tmp_path: Path) -> None:
        self._write(tmp_path, one=self._plugin("folder-same"), two=self._plugin("folder-same"))
        (error,) = load_folder(tmp_path)
        assert "Two files register a crmlab.classifiers plugin named 'folder-same': one.py and two.py" in str(
            error
        )
        assert registry.classifiers.origin("folder-same").distribution == "one.py"

    def test_a_folder_may_be_loaded_again(self, tmp_path: Path) -> None:
        self._write(tmp_path, mine=self._plugin("folder-mine"))
        assert load_folder(tmp_path) == []
        assert load_folder(tmp_path) == []

    def test_other_files_are_left_alone(self, tmp_path: Path) -> None:
        (tmp_path / "notes.txt").write_text("raise SystemExit")
        assert load_folder(tmp_path) == []


def test_every_kind_has_a_registry_that_lists_ours() -> None:
    listed = {plugins.group: set(plugins) for plugins in registry.REGISTRIES}
    assert {"abc", "rfm", "status"} <= listed["crmlab.classifiers"]
    assert {"sentiment", "aspects"} <= listed["crmlab.annotators"]
    assert {"order-summary", "order-gaps"} <= listed["crmlab.features"]
    assert {"files", "complete-journey"} <= listed["crmlab.sources"]
    assert "crmlab.models" in listed
