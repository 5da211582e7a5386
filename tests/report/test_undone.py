"""What a batch was to do and did not: noted before it begins, and known whenever and however it ends."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from crmlab.report.undone import Left, Note, read

APRIL, MAY, JUNE = ({"month": f"2024-0{month}"} for month in (4, 5, 6))
KILLED = """
import os, pathlib, signal, sys
from crmlab.report.undone import Note, read
home, (planned, done, whole) = pathlib.Path(sys.argv[1]), eval(sys.argv[2])
before = [] if whole else read(home)
with Note(home, "batch", planned, whole=whole) as note:
    for cell, reports in done:
        note.published(cell, reports)
    assert read(home) == before, "it lives, so it leaves nothing undone"
    os.kill(os.getpid(), signal.SIGKILL)
"""


def killed(home: Path, planned: object, done: object = (), *, whole: bool = False) -> None:
    """Have a process note what it is about to do and what is done, and die."""
    given = [sys.executable, "-c", KILLED, str(home), repr((planned, done, whole))]
    assert subprocess.run(given, check=False, capture_output=True).returncode == -9


def left(home: Path) -> list[tuple[str, set[str]]]:
    return [(each.cell["month"], set(each.reports)) for each in read(home)]


def test_what_a_killed_batch_did_not_publish_is_left(tmp_path: Path) -> None:
    home = tmp_path / "runs" / "tiny"
    assert read(home) == []
    killed(home, [(each, ["a", "b"]) for each in (APRIL, MAY, JUNE)], [(APRIL, ["a", "b"])])
    assert left(home) == [("2024-05", {"a", "b"}), ("2024-06", {"a", "b"})]
    with Note(home, "next", [(MAY, ["a"])], whole=False) as note:
        note.published(MAY, ["a"])
        assert left(home) == [("2024-05", {"b"}), ("2024-06", {"a", "b"})]
        note.published(JUNE, ["a", "b"])
    with Note(home, "last", [(MAY, ["b"])], whole=False) as note:
        note.published(MAY, ["b"])
    assert list(home.iterdir()) == []


def test_what_several_batches_left_is_brought_together(tmp_path: Path) -> None:
    killed(tmp_path, [(MAY, ["a"])])
    killed(tmp_path, [(MAY, ["b"]), (JUNE, ["b"])])
    assert sorted(left(tmp_path)) == [("2024-05", {"a", "b"}), ("2024-06", {"b"})]


def test_batches_that_are_killed_again_and_again_leave_no_heap(tmp_path: Path) -> None:
    for _ in range(5):
        killed(tmp_path, [(APRIL, ["a"]), (MAY, ["a", "b"]), (JUNE, ["b"])], [(APRIL, ["a"])])
        assert len(list(tmp_path.iterdir())) <= 2
        assert sorted(left(tmp_path)) == [("2024-05", {"a", "b"}), ("2024-06", {"b"})]
    with Note(tmp_path, "last", [(MAY, ["a", "b"]), (JUNE, ["b"])], whole=False) as note:
        note.published(MAY, ["a", "b"])
        assert left(tmp_path) == [("2024-06", {"b"})]
        note.published(JUNE, ["b"])
    assert list(tmp_path.iterdir()) == []


def test_a_whole_batch_is_about_everything(tmp_path: Path) -> None:
    """A cell that the study no longer has would otherwise be left undone for ever."""
    killed(tmp_path, [(APRIL, ["a"])])
    killed(tmp_path, [(MAY, ["a"]), (JUNE, ["a"])], [(MAY, ["a"])], whole=True)
    assert left(tmp_path) == [("2024-06", {"a"})]


def test_a_batch_that_has_nothing_to_do_notes_nothing(tmp_path: Path) -> None:
    with Note(tmp_path / "tiny", "batch", [], whole=False):
        pass
    assert list(tmp_path.iterdir()) == []


def test_lines_that_are_damaged_are_passed_over(tmp_path: Path) -> None:
    lines = [
        *("null", "[]", "17", '"a"', "{", '{"reports": ["a"]}', '{"planned": 3, "reports": ["a"]}'),
        '{"planned": {"month": "2024-04"}}',
        '{"planned": {"month": "2024-05"}, "reports": 3}',
        json.dumps({"planned": JUNE, "reports": ["a"]}),
        '{"published": {"month": "2024-06"}, "repo',
    ]
    (tmp_path / ".undone-x").write_bytes("\n".join(lines).encode() + b"\n\xff\xfe")
    assert read(tmp_path) == [Left(JUNE, frozenset({"a"}))]


def test_a_folder_that_cannot_be_written_stops_no_batch(tmp_path: Path) -> None:
    (tmp_path / "tiny").write_text("no folder", encoding="utf-8")
    with Note(tmp_path / "tiny", "batch", [(MAY, ["a"])], whole=True) as note:
        note.published(MAY, ["a"])
    assert read(tmp_path / "tiny") == []
