from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from crmlab.commands.survey import survey
from crmlab.errors import ParamsError


def run(*arguments: str) -> str:
    result = CliRunner().invoke(survey, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def test_the_bank_is_listed_by_topic_and_language() -> None:
    assert "nps_0_10" in run("questions")
    english = run("questions", "--topic", "reasons", "--language", "en")
    assert "None of these" in english
    assert "nps_0_10" not in english
    with pytest.raises(ParamsError, match="Did you mean 'reasons'"):
        CliRunner().invoke(survey, ["questions", "--topic", "reason"], catch_exceptions=False)


def test_a_design_is_written(tmp_path: Path) -> None:
    said = run("design", "--topic", "nps，csat", "--to", str(tmp_path / "new"))
    assert sorted(line.rsplit("/", 1)[-1] for line in said.split()) == sorted(
        path.name for path in (tmp_path / "new").iterdir()
    )
    assert (tmp_path / "new" / "questionnaire.en.md").read_text(encoding="utf-8").count("recommend") == 1


def test_sample_sizes_are_said_in_words() -> None:
    assert "385" in run("sample-size", "--margin", "0.05")
    assert "1,925" in run("sample-size", "--response-rate", "0.2")
    assert "77" in run("sample-size", "--share", "0.5", "--against", "0.75", "--power", "0.9")
    assert "NPS" in run("sample-size", "--nps", "--margin", "5", "--language", "en")


def test_two_questions_at_once_are_refused() -> None:
    result = CliRunner().invoke(survey, ["sample-size", "--against", "0.6", "--nps"])
    assert result.exit_code == 2
    assert "--against" in result.output
