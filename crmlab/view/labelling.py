"""Label texts one by one with buttons: JupyterLab only, never part of a report."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import polars as pl

from crmlab.data.privacy import mask_text
from crmlab.environment import RUN_FOLDER
from crmlab.errors import CrmlabError, DataError
from crmlab.labelling import ROWS, Labelling
from crmlab.view.findings import Note
from crmlab.view.html import escape
from crmlab.view.texts import say, texts

if TYPE_CHECKING:
    from crmlab.lab import Lab

Answer = Literal["positive", "negative"]


def label_texts(lab: Lab, path: Path | str | None = None, n: int = ROWS) -> Labeller | Note:
    """Return controls to label the lab's texts with; in a headless run a sentence in their place."""
    if RUN_FOLDER in os.environ:
        return Note(texts()["labelling_headless"], lab.language)
    return Labeller(lab, path, n)


class Labeller:
    """One text at a time with buttons; every answer is saved at once, and work goes on where it stopped.

    The buttons come in the order of Tab, and Enter or Space presses the one in focus; it stays in focus
    for the next text. The file is the one that `crmlab label` writes and reads. Answers of an earlier
    session are read from it; texts that were skipped are asked again.
    """

    def __init__(self, lab: Lab, path: Path | str | None = None, n: int = ROWS) -> None:
        import ipywidgets as widgets

        self.lab = lab
        self.path = Path(path or f"{lab.study.study}-labels.csv")
        self.labelling = Labelling(lab)
        self.labelling.refuse_without_quotes()
        self.rows = self.labelling.choose(n)
        shown = mask_text(self.rows["text"]) if self.labelling.masked else self.rows["text"]
        self._shown = dict(zip(self.rows["text_id"], shown, strict=True))
        self._words = {key: text.to(lab.language) for key, text in texts().items()}
        self.answers: dict[str, Answer | None] = dict(self._earlier())
        self.asked: list[str] = []
        self.text = widgets.HTML()
        self.progress = widgets.IntProgress(min=0, max=max(1, self.rows.height))
        self.message = widgets.HTML()
        self.output = widgets.Output()
        self.buttons = {
            name: widgets.Button(description=self._words[key], button_style=style)
            for name, key, style in (
                ("positive", "labelling_positive", "success"),
                ("negative", "labelling_negative", "danger"),
                ("skip", "labelling_skip", ""),
                ("undo", "labelling_undo", "warning"),
                ("fit", "labelling_fit", "primary"),
            )
        }
        self.buttons["positive"].on_click(lambda _: self.answer("positive"))
        self.buttons["negative"].on_click(lambda _: self.answer("negative"))
        self.buttons["skip"].on_click(lambda _: self.answer(None))
        self.buttons["undo"].on_click(lambda _: self.undo())
        self.buttons["fit"].on_click(lambda _: self.fit())
        self.box = widgets.VBox(
            [
                self.progress,
                self.text,
                widgets.HBox(list(self.buttons.values())),
                self.message,
                self.output,
            ]
        )
        self._show()

    def _ipython_display_(self) -> None:
        from IPython.display import display

        display(self.box)  # type: ignore[no-untyped-call]

    @property
    def current(self) -> str | None:
        """The code of the text on screen; None when all were seen."""
        return next((each for each in self.rows["text_id"] if each not in self.answers), None)

    @property
    def labelled(self) -> pl.DataFrame:
        """The chosen rows with ``label``, null where there is none."""
        given = [self.answers.get(each) for each in self.rows["text_id"]]
        return self.rows.with_columns(pl.Series("label", given, dtype=pl.String))

    def answer(self, label: Answer | None) -> None:
        """Give the text on screen a label, or skip it (None), save, and show the next."""
        current = self.current
        if current is None:
            return
        self.answers[current] = label
        self.asked.append(current)
        self._save()

    def undo(self) -> None:
        """Take the last answer of this session back and show its text again."""
        if self.asked:
            del self.answers[self.asked.pop()]
            self._save()

    def fit(self) -> None:
        """Refit on the labels in the file and show what they bring."""
        from IPython.display import display

        try:
            done = self.labelling.refit(self.path)
        except CrmlabError as error:
            self.message.value = _aside(str(error))
            return
        self.output.clear_output(wait=True)
        with self.output:
            display(done.note(), done.table())  # type: ignore[no-untyped-call]

    def _earlier(self) -> dict[str, Any]:
        from crmlab.labelling.sheet import read_sheet

        if not self.path.exists():
            return {}
        found = read_sheet(self.path)
        others = int((~found["text_id"].is_in(self.rows["text_id"].implode())).sum())
        if others:
            raise DataError(
                f"{self.path} holds {others} labels of texts that are not among these {self.rows.height}; "
                "saving would lose them. Give another path, or the n and the data that it was made with."
            )
        return {code: label for code, _, label in found.iter_rows()}

    def _save(self) -> None:
        from crmlab.labelling.sheet import write_sheet

        try:
            write_sheet(self.labelled, self.path, self.lab.language, mask=self.labelling.masked)
        except CrmlabError as error:
            self.message.value = _aside(str(error))
        else:
            self._show()

    def _show(self) -> None:
        language, current = self.lab.language, self.current
        done = sum(each in self.answers for each in self.rows["text_id"])
        labelled = int(self.labelled["label"].is_not_null().sum())
        self.progress.value = done
        seen = say("labelling_progress", done=done, all=self.rows.height, labelled=labelled)
        self.message.value = _aside(seen.to(language))
        finished = say("labelling_finished", path=self.path).to(language)
        self.text.value = _aside(self._shown[current]) if current else _aside(finished)


def _aside(text: str) -> str:
    return f"<p>{escape(text)}</p>"
