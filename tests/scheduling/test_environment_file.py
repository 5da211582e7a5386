"""The file of secrets: plain lines, closed to others, and no value in any error."""

from __future__ import annotations

from pathlib import Path

import pytest

from crmlab.errors import ParamsError
from crmlab.scheduling.environment_file import read_environment


def test_values_are_taken_as_they_are(tmp_path: Path) -> None:
    path = tmp_path / "secrets"
    path.write_text("# robots\n\nURL=https://a/?key=1&x=$HOME#z\nEMPTY=\nQUOTED=\"a 'b'\"\n  NAME=研究 \n")
    path.chmod(0o600)
    assert read_environment(path) == {
        "URL": "https://a/?key=1&x=$HOME#z",
        "EMPTY": "",
        "QUOTED": "\"a 'b'\"",
        "NAME": "研究",
    }


@pytest.mark.parametrize("line", ["export URL=SECRET", "URL SECRET", "1URL=SECRET", "=SECRET"])
def test_another_line_is_told_without_its_value(tmp_path: Path, line: str) -> None:
    path = tmp_path / "secrets"
    path.write_text(f"A=1\n{line}\n")
    path.chmod(0o600)
    with pytest.raises(ParamsError, match=r"secrets:2: write NAME=value") as told:
        read_environment(path)
    assert "SECRET" not in str(told.value)


def test_a_file_that_others_may_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "secrets"
    path.write_text("A=1\n")
    path.chmod(0o640)
    with pytest.raises(ParamsError, match="chmod 600"):
        read_environment(path)


def test_no_text_is_told(tmp_path: Path) -> None:
    path = tmp_path / "secrets"
    path.write_bytes(b"A=\xff\n")
    path.chmod(0o600)
    with pytest.raises(ParamsError, match="it is not in UTF-8"):
        read_environment(path)
