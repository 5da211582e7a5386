from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from crmlab.errors import DataError, ParamsError
from crmlab.lab import Lab
from crmlab.labelling.sheet import read_sheet
from crmlab.view.findings import Note
from crmlab.view.labelling import Labeller, label_texts

GOOD = ["fast", "warm", "fresh", "friendly", "spotless"]
BAD = ["slow", "cold", "stale", "rude", "filthy"]


@pytest.fixture
def lab(make_lab: Callable[..., Lab]) -> Lab:
    rows = [
        f"f{i},2024-06-0{1 + i % 9},<b>visit</b> {i} was {word} call 13800138000"
        for i, word in enumerate((GOOD + BAD) * 6)
    ]
    return make_lab({"feedback": "feedback_id,given_on,text\n" + "\n".join(rows) + "\n"})


def told(labeller: Labeller) -> str:
    return "negative" if any(word in labeller.text.value for word in BAD) else "positive"


def test_answers_are_saved_at_once_and_undone(lab: Lab, tmp_path: Path) -> None:
    labeller = Labeller(lab, tmp_path / "rows.csv", n=10)
    first = labeller.current
    labeller.buttons["positive"].click()
    assert read_sheet(labeller.path)["text_id"].to_list() == [first]
    labeller.buttons["skip"].click()
    labeller.buttons["negative"].click()
    assert read_sheet(labeller.path)["label"].to_list() == ["positive", "negative"]
    assert "已看 3/10 条，其中标注 2 条" in labeller.message.value
    for _ in range(4):  # once more than there is to take back
        labeller.buttons["undo"].click()
    assert labeller.current == first
    assert read_sheet(labeller.path).is_empty()


def test_texts_are_masked_and_nothing_in_them_runs(lab: Lab, tmp_path: Path) -> None:
    labeller = Labeller(lab, tmp_path / "rows.csv", n=3)
    assert "13800138000" not in labeller.text.value
    assert "<b>" not in labeller.text.value
    assert "&lt;b&gt;" in labeller.text.value


def test_work_goes_on_where_it_stopped(lab: Lab, tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    labeller = Labeller(lab, path, n=4)
    for _ in range(2):
        labeller.answer("positive")
    again = Labeller(lab, path, n=4)
    assert again.current == labeller.current
    again.answer("negative")
    again.answer(None)
    assert again.current is None
    assert "全部看完" in again.text.value
    again.answer("positive")  # there is nothing left to answer
    assert read_sheet(path).height == 3
    with pytest.raises(DataError, match="saving would lose them"):
        Labeller(lab, path, n=2)


def test_labels_refit_the_model(lab: Lab, tmp_path: Path) -> None:
    labeller = Labeller(lab, tmp_path / "rows.csv", n=60)
    labeller.fit()
    assert "cannot be read" in labeller.message.value
    while labeller.current:
        labeller.answer("negative" if told(labeller) == "negative" else "positive")
    labeller.fit()
    assert labeller.labelling.refit(labeller.path).gain.n == 60


def test_a_headless_run_has_a_sentence_in_place_of_the_controls(
    lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CRMLAB_RUN_FOLDER", str(tmp_path))
    note = label_texts(lab)
    assert isinstance(note, Note)
    assert "JupyterLab" in note.plain()


def test_a_study_without_quotes_shows_no_text(make_lab: Callable[..., Lab]) -> None:
    table = "feedback_id,given_on,text\n1,2024-06-01,good\n"
    with pytest.raises(ParamsError, match=r"privacy\.quotes of the study is 'none'"):
        label_texts(make_lab({"feedback": table}, privacy={"quotes": "none"}))
