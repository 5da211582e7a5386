from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from crmlab.commands.label import label
from crmlab.errors import DataError
from crmlab.labelling.correction import Correction


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    lines = [f"f{i},2024-06-01,visit {i} was {'gronk' if i % 2 else 'blimp'}" for i in range(120)]
    (tmp_path / "feedback.csv").write_text("feedback_id,given_on,text\n" + "\n".join(lines), encoding="utf-8")
    settings = {
        "as_of": "2024-06-30",
        "data": [{"source": "files", "files": {"feedback": {"path": str(tmp_path / "feedback.csv")}}}],
    }
    path = tmp_path / "study.yaml"
    path.write_text(yaml.safe_dump(settings), encoding="utf-8")
    return path


def run(*arguments: str | Path) -> str:
    done = CliRunner().invoke(label, [str(each) for each in arguments], catch_exceptions=False)
    return done.output


def fill(path: Path, good: str, bad: str) -> None:
    lines = path.read_text(encoding="utf-8-sig").splitlines()
    filled = [line.replace(",,", f",{good if 'gronk' in line else bad},") for line in lines]
    path.write_bytes("\r\n".join(filled).encode("gbk"))


def test_from_rows_to_a_correction_that_a_study_uses(study: Path) -> None:
    assert "80 rows to label" in run(study, "--to", "rows.csv", "-n", "80")
    fill(Path("rows.csv"), "正面", "0")
    said = run(study, "--from", "rows.csv", "--save", "correction.json")
    assert "校正有效" in said
    assert Correction.read(Path("correction.json")).labels == 80

    from crmlab.lab import Lab
    from crmlab.params import read_study

    settings = yaml.safe_load(study.read_text(encoding="utf-8"))
    settings["annotators"] = {"sentiment": {"correction": "correction.json"}}
    study.write_text(yaml.safe_dump(settings), encoding="utf-8")
    feedback = Lab(read_study(study)[0]).annotate("sentiment").feedback
    assert ((feedback["sentiment"] == "positive") == feedback["text"].str.contains("gronk")).all()
    assert run(study, "--from", "rows.csv") == said.partition("correction.json")[0]


def test_a_study_in_another_folder(study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = yaml.safe_load(study.read_text(encoding="utf-8"))
    settings["data"][0]["files"]["feedback"]["path"] = "feedback.csv"  # beside the study
    study.write_text(yaml.safe_dump(settings), encoding="utf-8")
    (tmp_path / "shell").mkdir()
    monkeypatch.chdir(tmp_path / "shell")
    run("../study.yaml", "--to", "rows.csv", "-n", "80")
    fill(Path("rows.csv"), "正面", "0")
    said = run("../study.yaml", "--from", "rows.csv", "--save", "correction.json")
    assert Path("correction.json").is_file()
    # The study looks for it from its own folder.
    assert said.endswith("correction.json: annotators: {sentiment: {correction: shell/correction.json}}\n")


def test_the_figures_are_printed_with_their_intervals(study: Path) -> None:
    run(study, "--to", "rows.csv", "-n", "80")
    fill(Path("rows.csv"), "正面", "0")
    said = run(study, "--from", "rows.csv")
    assert re.search(r"校正后的准确率（%）  100\.0  \[\d+\.\d – 100\.0\]", said)
    assert re.search(r"准确率变化（百分点）  \+\d+\.\d  \[\+\d+\.\d – \+\d+\.\d\]", said)


def test_a_filled_file_is_not_written_over(study: Path) -> None:
    run(study, "--to", "rows.csv", "-n", "5")
    with pytest.raises(DataError, match=r"rows\.csv exists already"):
        run(study, "--to", "rows.csv")


def test_labels_of_another_study_are_refused(study: Path) -> None:
    rows = [f"T-{i:012x},1,0.5" for i in range(3)]
    Path("rows.csv").write_text("\n".join(["text_id,label,selection_probability", *rows]), encoding="utf-8")
    with pytest.raises(DataError, match="3 of 3 labelled texts are not in the feedback"):
        run(study, "--from", "rows.csv")


def test_exactly_one_direction(study: Path) -> None:
    assert "Give either --to FILE or --from FILE" in run(study)
    assert "Give either" in run(study, "--to", "a.csv", "--from", "b.csv")
    assert "--save needs --from" in run(study, "--to", "a.csv", "--save", "c.json")
