"""What a loss of power leaves: the files of a run are on the disk before the run has its name."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from crmlab.report import staging


def test_everything_is_written_through_before_the_name_is_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, flush = tmp_path / "study", os.fsync
    staged = staging.claim(home, "new")
    (staged / "tables").mkdir()
    for name in ("a.html", "tables/a.csv"):
        (staged / name).write_text("text", encoding="utf-8")
    flushed: list[tuple[str, bool]] = []

    def noted(opened: int) -> None:
        flush(opened)
        path = Path(os.readlink(f"/proc/self/fd/{opened}"))
        flushed.append((path.relative_to(tmp_path).as_posix(), (home / "new").exists()))

    monkeypatch.setattr(os, "fsync", noted)
    published = staging.publish(staged, {"run": "new"})
    before = {path for path, named in flushed if not named}
    files = {path.relative_to(published).as_posix() for path in published.rglob("*")}
    assert before >= {f"study/.run-new/{path}" for path in files} | {"study/.run-new"}
    assert flushed[-1] == ("study", True), "the name itself"
