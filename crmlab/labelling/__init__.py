"""Label some rows by hand: which ones, as a file and back, and what the labels bring."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from crmlab.errors import DataError, ParamsError
from crmlab.view.texts import say, texts

if TYPE_CHECKING:
    import polars as pl

    from crmlab.lab import Lab
    from crmlab.labelling.correction import Correction
    from crmlab.labelling.gain import Estimate, Gain
    from crmlab.labels import Language
    from crmlab.view.findings import Note
    from crmlab.view.tables import Table

ROWS = 200


class Labelling:
    """The texts of a study to label, and the correction that labels give."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab

    def judged(self) -> pl.DataFrame:
        """Return the feedback as the shipped model judges it, without correction or recalibration."""
        return self._lab.annotate("sentiment", correction=None, recalibrate=False).feedback

    def choose(self, n: int = ROWS) -> pl.DataFrame:
        """Return the ``n`` most useful texts; see :func:`crmlab.labelling.sampling.choose`."""
        from crmlab.labelling.sampling import choose

        return choose(self.judged(), n)

    def write(self, path: Path, n: int = ROWS) -> pl.DataFrame:
        """Write the ``n`` most useful texts as a CSV file to fill in, and return them.

        Contacts are masked unless the study says ``quotes: plain``. Raises ParamsError where the study
        lets nobody see texts, DataError where the file is there already: labels in it would be lost.
        """
        from crmlab.labelling.sheet import write_sheet

        self.refuse_without_quotes()
        if path.exists():
            raise DataError(f"{path} exists already. Give another name, or remove it first.")
        rows = self.choose(n)
        write_sheet(rows, path, self._lab.language, mask=self.masked)
        return rows

    def read(self, path: Path) -> pl.DataFrame:
        """Return the labelled rows with their texts, as :func:`refit` takes them.

        Raises DataError for labels of texts that are not in the study (any more).
        """
        import polars as pl

        from crmlab.labelling.sampling import distinct
        from crmlab.labelling.sheet import read_sheet

        labels = read_sheet(path)
        known = distinct(self.judged())
        rows = labels.join(known, on="text_id", how="left", maintain_order="left")
        lost = int(rows["text"].null_count())
        if lost:
            raise DataError(
                f"{path.name}: {lost} of {rows.height} labelled texts are not in the feedback of the study "
                f"{self._lab.study.study!r}. Use the study that the file was made with, on the same data."
            )
        return rows.with_columns(positive=pl.col("label") == "positive").drop("label")

    def refit(self, path: Path) -> Refit:
        """Refit on the labels in a file, cross-validated beside the shipped model."""
        return refit(self.read(path), self._lab.language)

    @property
    def masked(self) -> bool:
        """Whether contacts in the texts are masked."""
        return self._lab.study.privacy.quotes != "plain"

    def refuse_without_quotes(self) -> None:
        """Raise ParamsError where the study lets nobody see texts."""
        if self._lab.study.privacy.quotes == "none":
            raise ParamsError(
                "privacy.quotes of the study is 'none': no text may be shown, and unseen texts cannot be "
                "labelled. Set it to masked or plain for this."
            )


@dataclass(frozen=True)
class Refit:
    """A correction, and what it gains on texts that it has not seen."""

    correction: Correction
    gain: Gain
    language: Language

    @property
    def adopted(self) -> bool:
        """Whether the gain is there; without it the correction is not to be used."""
        return self.gain.verdict != "none"

    @property
    def summary(self) -> pl.DataFrame:
        """Columns ``figure``, ``value``, ``low``, ``high``: shares, the last one nats per text."""
        import polars as pl

        gain = self.gain
        rows = [
            ("accuracy_before", gain.before),
            ("accuracy_after", gain.after),
            ("accuracy_gain", gain.accuracy),
            ("log_loss_gain", gain.surprise),
        ]
        return pl.DataFrame(
            [(name, each.value, each.low, each.high) for name, each in rows],
            schema=["figure", "value", "low", "high"],
            orient="row",
        )

    def table(self) -> Table:
        """Show the accuracy of both models and their difference with intervals."""
        import polars as pl

        from crmlab.view.tables import Column, Table

        words, gain = texts(), self.gain
        rows = [
            {
                "name": words[name].to(self.language),
                "value": _percent(each, signed=each is gain.accuracy),
                "interval": _interval(each, signed=each is gain.accuracy),
            }
            for name, each in _shown(gain)
        ]
        return Table(
            pl.DataFrame(rows),
            [
                Column("name", words["figure"]),
                Column("value", words["value"]),
                Column("interval", words["interval_95"]),
            ],
            caption=say("labelling_caption", n=f"{gain.n:,}"),
            note=say("labelling_note", better=gain.better, worse=gain.worse, p=f"{gain.p:.3f}"),
            language=self.language,
        )

    def note(self) -> Note:
        """Say in a sentence whether the labels help."""
        from crmlab.view.findings import Note

        gain = self.gain.accuracy
        sentence = say(
            _VERDICTS[self.gain.verdict],
            gain=_percent(gain, signed=True),
            interval=_interval(gain, signed=True),
        )
        return Note(sentence, self.language, "note" if self.adopted else "warning")

    def save(self, path: Path) -> None:
        """Write the correction for ``annotators: {sentiment: {correction: …}}``.

        Raises DataError where it gains nothing: then the shipped model stays.
        """
        if not self.adopted:
            gain = self.gain.accuracy
            raise DataError(
                f"The correction is not saved: on {self.gain.n} labelled rows accuracy changes by "
                f"{_percent(gain, signed=True)} points ({_interval(gain, signed=True)}), and the "
                "probabilities do not improve beyond chance either. The shipped model stays; label more "
                "rows and try again."
            )
        self.correction.save(path)


def refit(labelled: pl.DataFrame, language: Language = "zh") -> Refit:
    """Fit a correction on labelled rows and cross-validate it; see :func:`crmlab.labelling.gain.gain_of`."""
    from crmlab.labelling.correction import Correction
    from crmlab.labelling.gain import gain_of

    gain = gain_of(labelled)
    rows = labelled.sort("text_id")
    correction = Correction.fit(rows["text"], rows["positive_probability"], rows["positive"])
    return Refit(correction, gain, language)


_VERDICTS = {
    "better": "labelling_verdict_better",
    "likely": "labelling_verdict_likely",
    "none": "labelling_verdict_none",
}


def _shown(gain: Gain) -> list[tuple[str, Estimate]]:
    """Return what the table shows, with the key of its name."""
    return [
        ("labelling_before", gain.before),
        ("labelling_after", gain.after),
        ("labelling_gain", gain.accuracy),
    ]


def _percent(estimate: Estimate, signed: bool) -> str:
    return f"{100 * estimate.value:{'+' if signed else ''}.1f}"


def _interval(estimate: Estimate, signed: bool) -> str:
    sign = "+" if signed else ""
    return f"{100 * estimate.low:{sign}.1f} – {100 * estimate.high:{sign}.1f}"
