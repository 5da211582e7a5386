"""``crmlab schemes`` as a person types it."""

from __future__ import annotations

from pathlib import Path

import yaml
from click.testing import CliRunner

from crmlab.commands.schemes import document, schemes
from crmlab.errors import UnknownPluginError
from crmlab.registry import classifiers


def test_it_lists_every_classifier_in_both_languages() -> None:
    done = CliRunner().invoke(schemes)
    assert done.exit_code == 0
    lines = done.stdout.splitlines()
    assert [line.split()[0] for line in lines] == list(classifiers)
    assert any("客户状态 · Customer status" in line for line in lines)


def test_what_it_prints_of_one_is_its_rules_as_a_study_takes_them() -> None:
    done = CliRunner().invoke(schemes, ["status", "--language", "en"])
    printed = yaml.safe_load(done.stdout)["classifiers"]["status"]
    assert classifiers["status"].from_params(printed).get_params() == classifiers["status"]().get_params()
    assert done.stdout.startswith("# Customer status\n# Active up to 90 days")


def test_an_unknown_one_is_named() -> None:
    done = CliRunner().invoke(schemes, ["statos"])
    assert isinstance(done.exception, UnknownPluginError)
    assert "Did you mean 'status'" in str(done.exception)


def test_the_page_in_the_docs_is_what_is_generated() -> None:
    page = Path(__file__).resolve().parents[2] / "docs" / "schemes.md"
    assert page.read_text(encoding="utf-8") == document(), (
        "write it anew: crmlab schemes --catalogue > docs/schemes.md"
    )
