"""Explore a classification with controls: JupyterLab only, never part of a report."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin, get_type_hints

import yaml

from crmlab import registry
from crmlab.environment import RUN_FOLDER
from crmlab.errors import CrmlabError
from crmlab.view.findings import Note
from crmlab.view.texts import say, texts

if TYPE_CHECKING:
    from crmlab.lab import Lab
    from crmlab.results import Segmentation


def explore(lab: Lab, scheme: str | None = None) -> Explorer | Note:
    """Return controls for the lab's classifications; in a headless run a sentence in their place."""
    if RUN_FOLDER in os.environ:
        return Note(texts()["explore_headless"], lab.language)
    return Explorer(lab, scheme)


class Explorer:
    """A scheme, its parameters as sliders, and live counts, revenue and movement.

    Whatever is on screen can be written as a study (:meth:`save`) that reproduces it. A parameter that
    cannot be leaves the last good result on screen, beside the reason.
    """

    def __init__(self, lab: Lab, scheme: str | None = None) -> None:
        import ipywidgets as widgets

        self.lab = lab
        self._words = {key: text.to(lab.language) for key, text in texts().items()}
        names = [name for name in registry.classifiers if lab.lacks(name) is None]
        first = scheme or next((name for name in lab.study.schemes if name in names), names[0])
        self.scheme = widgets.Dropdown(
            options=[(self._title(name), name) for name in names],
            value=first,
            description=self._words["scheme"],
        )
        self.controls: dict[str, Any] = {}
        self._parameters = widgets.VBox()
        self.message = widgets.HTML()
        self.output = widgets.Output()
        self.path = widgets.Text(
            value=f"{lab.study.study}-explored.yaml", description=self._words["explore_file"]
        )
        save = widgets.Button(description=self._words["explore_save"], icon="save", button_style="primary")
        reset = widgets.Button(description=self._words["explore_reset"], icon="undo")
        save.on_click(lambda _: self._saved())
        reset.on_click(lambda _: self._choose())
        self.scheme.observe(lambda _: self._choose(), "value")
        self.box = widgets.VBox(
            [
                self.scheme,
                self._parameters,
                widgets.HBox([reset, self.path, save]),
                self.message,
                self.output,
            ]
        )
        self.segmentation: Segmentation | None = None
        self._tried: list[Segmentation] = []
        self._base: Segmentation | None = None
        self._choose()

    def _ipython_display_(self) -> None:
        from IPython.display import display

        display(self.box)  # type: ignore[no-untyped-call]

    @property
    def params(self) -> dict[str, Any]:
        """The parameters on screen, by name."""
        return {name: control.value for name, control in self.controls.items()} | self._written

    def save(self, path: Path | str) -> Path:
        """Write a study that reproduces what is on screen, and return where.

        It is the study at hand with the scheme first and its parameters written out, for the segmentation
        report without settings of its own: they would win. A baseline stays only while its cut-points are
        the ones on screen. Paths stay as they are, so the file belongs beside the study. Raises
        CrmlabError where the file exists already, or nothing is on screen.
        """
        target = Path(path)
        if self.segmentation is None:
            raise CrmlabError("Nothing could be classified yet, so there is nothing to save.")
        name, settings = self.segmentation.name, self.lab.study.settings()
        shown = _plain(self.segmentation.classifier.get_params())
        settings["classifiers"] = {**settings["classifiers"], name: shown}
        settings["schemes"] = [name, *(other for other in settings["schemes"] if other != name)]
        settings["reports"] = {"segmentation": None}
        if self.segmentation is not self._base:
            settings["baseline"] = None
        text = yaml.safe_dump(settings, allow_unicode=True, sort_keys=False)
        try:
            with target.open("x", encoding="utf-8") as file:
                file.write(text)
        except FileExistsError:
            raise CrmlabError(f"{target} exists already. Give another name, or remove it first.") from None
        except OSError as error:
            raise CrmlabError(f"{target} cannot be written: {error.strerror or error}.") from None
        return target

    @property
    def _written(self) -> dict[str, Any]:
        """Parameters without a control of their own: written as YAML."""
        return {name: _parsed(control.value) for name, control in self._texts.items()}

    def _choose(self) -> None:
        """Put the controls of the chosen scheme on screen, as the study sets them."""
        import ipywidgets as widgets

        name = self.scheme.value
        plugin = registry.classifiers[name]
        chosen = plugin.from_params(self.lab.study.classifiers.get(name, {})).get_params()
        self._base, self._trouble = None, ""
        try:
            self._base = self.lab.classify(name)
            chosen = self._base.classifier.get_params()  # a baseline may have others than the study
        except CrmlabError as error:
            self._trouble = str(error)
        hints = get_type_hints(plugin)
        self.controls, self._texts = {}, {}
        self._set: dict[str, Any] = chosen
        for parameter, value in chosen.items():
            control = _control(parameter, value, hints[parameter])
            if control is None:
                control = widgets.Text(value=_as_yaml(value), description=parameter, continuous_update=False)
                self._texts[parameter] = control
            else:
                self.controls[parameter] = control
            control.style.description_width = "12em"
            control.layout.width = "32em"
            control.observe(lambda _: self._update(), "value")
        self._parameters.children = [*self.controls.values(), *self._texts.values()]
        self._update()

    def _update(self) -> None:
        """Classify with what is on screen and show it."""
        from IPython.display import display

        name = self.scheme.value
        self.message.value = _aside(self._words["explore_busy"])
        try:
            shown = self.params
            # Without parameters a baseline gives its cut-points; with them everything is learned anew.
            given = {} if self._base and _plain(shown) == _plain(self._set) else shown
            after = self.lab.classify(name, **given)
            before = self.lab.classify(name, as_of=self.lab.study.earlier, **given)
        except CrmlabError as error:
            self.message.value = _aside(str(error))
            return
        for tried in self._tried:
            if tried.classifier is not after.classifier:
                self.lab.forget(tried)
        self.segmentation, self._tried = after, [after, before] if given else []
        self.message.value = _aside(self._summary(after))
        self.output.clear_output(wait=True)
        with self.output:
            display(after.chart(), after.table(), after.compare(before).chart())  # type: ignore[no-untyped-call]

    def _summary(self, after: Segmentation) -> str:
        """Say how many customers the settings on screen move, against those of the study."""
        if self._base is None:
            return self._trouble
        both = self._base.labels.join(after.labels, on="customer_id", suffix="_now")
        changed = int((both["label"] != both["label_now"]).sum())
        return say("explore_changed", n=f"{both.height:,}", changed=f"{changed:,}").to(self.lab.language)

    def _saved(self) -> None:
        try:
            done = say("explore_saved", path=self.save(self.path.value))
        except CrmlabError as error:
            self.message.value = _aside(str(error))
        else:
            self.message.value = _aside(done.to(self.lab.language))

    def _title(self, name: str) -> str:
        title: str = registry.classifiers[name].title.to(self.lab.language)
        return f"{title} ({name})"


def _control(name: str, value: Any, hint: Any) -> Any:
    """Return the control for a parameter of a plain type; None for lists, mappings and what may be empty."""
    import ipywidgets as widgets

    if get_origin(hint) is Literal:
        return widgets.Dropdown(options=get_args(hint), value=value, description=name)
    makers: Mapping[type, Callable[[], Any]] = {
        bool: lambda: widgets.Checkbox(value=value, description=name),
        int: lambda: widgets.IntSlider(
            value=value, min=0, max=max(10, 4 * value), description=name, continuous_update=False
        ),
        float: lambda: widgets.FloatSlider(
            value=value,
            min=0.0,
            max=1.0 if 0 <= value <= 1 else 4 * value,
            step=0.01 if 0 <= value <= 1 else 0.1,
            description=name,
            continuous_update=False,
        ),
    }
    return makers[hint]() if hint in makers and value is not None and value >= 0 else None


def _as_yaml(value: Any) -> str:
    text: str = yaml.safe_dump(_plain(value), allow_unicode=True, default_flow_style=True, width=10_000)
    return text.strip().removesuffix("...").strip()


def _parsed(text: str) -> Any:
    from crmlab.documents import parse

    return parse(f"value: {text}", "value").value["value"]


def _plain(value: Any) -> Any:
    from pydantic_core import to_jsonable_python

    return to_jsonable_python(value)


def _aside(text: str) -> str:
    from crmlab.view.html import escape

    return f"<p>{escape(text)}</p>"
