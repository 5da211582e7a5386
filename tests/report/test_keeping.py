"""The keep policy: which runs go, and which stay whatever it says."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from crmlab.commands.clean import clean
from crmlab.report import staging
from crmlab.report.keeping import _kept, collect
from crmlab.report.run import run_all
from crmlab.report.settings import KeepParams

NOW = datetime(2024, 6, 30, tzinfo=UTC)
NOTHING_ELSE = KeepParams(last=1, days=0, months=0)


def record(days_ago: float, status: str = "done", **more: Any) -> dict[str, Any]:
    started = (NOW - timedelta(days=days_ago)).isoformat()
    return {"started_at": started, "status": status, "reports": [], **more}


def write(home: Path, **records: dict[str, Any]) -> None:
    for name, each in records.items():
        (home / name).mkdir(parents=True)
        (home / name / "manifest.json").write_text(json.dumps(each), encoding="utf-8")
        (home / name / "page.html").write_bytes(bytes(1000))


def left(home: Path) -> list[str]:
    return sorted(path.name for path in home.iterdir())


def test_the_rules_hold_each_by_itself(tmp_path: Path) -> None:
    ages = {"today": 0, "yesterday": 1, "may": 31, "may_early": 50, "april": 70, "march": 100}
    write(tmp_path, **{name: record(age) for name, age in ages.items()})
    for keep, stay in (
        (KeepParams(last=2, days=0, months=0), {"today", "yesterday"}),
        (KeepParams(last=1, days=40, months=0), {"today", "yesterday", "may"}),
        (KeepParams(last=1, days=0, months=3), {"today", "may", "april"}),
    ):
        done = collect(tmp_path, keep, now=NOW, dry_run=True)
        assert set(done.removed) == set(ages) - stay
        assert done.kept == len(stay)
    assert left(tmp_path) == sorted(ages)
    done = collect(tmp_path, NOTHING_ELSE, now=NOW)
    assert (left(tmp_path), len(done.removed)) == (["today"], 5)
    assert done.freed > 5000


def test_files_that_runs_share_are_freed_with_the_last_of_them(tmp_path: Path) -> None:
    write(tmp_path, oldest=record(100), old=record(90), new=record(0))
    shared = tmp_path / "oldest" / "page.html"
    for name in ("old", "new"):
        (tmp_path / name / "page.html").unlink()
    (tmp_path / "old" / "page.html").hardlink_to(shared)
    both = collect(tmp_path, NOTHING_ELSE, now=NOW, dry_run=True)
    manifests = sum((tmp_path / name / "manifest.json").stat().st_size for name in ("oldest", "old"))
    assert (both.removed, both.freed) == (("old", "oldest"), manifests + 1000)
    (tmp_path / "new" / "page.html").hardlink_to(shared)
    done = collect(tmp_path, NOTHING_ELSE, now=NOW)
    assert (left(tmp_path), done.freed) == (["new"], manifests)
    assert len((tmp_path / "new" / "page.html").read_bytes()) == 1000


def test_the_last_finished_run_of_every_cell_stays(tmp_path: Path) -> None:
    write(
        tmp_path,
        a_good=record(9, cell={"month": "a"}),
        a_old=record(10, cell={"month": "a"}),
        a_bad=record(1, "failed", cell={"month": "a"}),
        b_good=record(20, cell={"month": "b"}),
    )
    collect(tmp_path, NOTHING_ELSE, now=NOW)
    assert left(tmp_path) == ["a_bad", "a_good", "b_good"]


def test_baselines_and_what_a_running_one_reads_stay(tmp_path: Path) -> None:
    write(
        tmp_path,
        new=record(0, reports=[{"baseline": "../runs/s/base"}, {"baseline": None}]),
        base=record(50, reports=[{"baseline": "../runs/s/base_of_base"}]),
        base_of_base=record(60),
        pinned=record(70),
        read=record(80),
        idle=record(90),
    )
    running = staging.claim(tmp_path, "running", ["read"])
    (tmp_path / "broken").mkdir()
    done = collect(tmp_path, NOTHING_ELSE, ["pinned"], now=NOW)
    assert (done.removed, done.unread) == (("idle",), ("broken",))
    assert left(tmp_path) == sorted([running.name, "new", "base", "base_of_base", "pinned", "read", "broken"])


@given(
    st.lists(st.tuples(st.integers(0, 900), st.booleans(), st.sampled_from("ab")), max_size=12),
    st.integers(1, 4),
    st.integers(0, 60),
    st.integers(0, 4),
)
def test_more_generous_rules_never_remove_more(
    runs: list[tuple[int, bool, str]], last: int, days: int, months: int
) -> None:
    records = {
        f"r{place}": record(age, "done" if good else "failed", cell={"x": cell})
        for place, (age, good, cell) in enumerate(runs)
    }
    kept = _kept(records, KeepParams(last=last, days=days, months=months), NOW)
    for more in ({"last": last + 1}, {"days": days + 9}, {"months": months + 1}):
        rules = {"last": last, "days": days, "months": months, **more}
        assert kept <= _kept(records, KeepParams(**rules), NOW)
    assert {cell for _, _, cell in runs} == {records[name]["cell"]["x"] for name in kept}


def test_a_study_that_keeps_little_cleans_up_after_each_run(
    tmp_path: Path, study_in: Callable[..., Path]
) -> None:
    keep = {"last": 2, "days": 0, "months": 0}
    study = study_in(tmp_path, {"a": ["1"]}, matrix={"month": ["2024-05", "2024-06"]}, keep=keep)
    removed = [run_all(study, runs=tmp_path / "runs", progress=False).removed for _ in range(4)]
    assert [len(names) for names in removed] == [0, 0, 2, 2]
    folders = sorted((tmp_path / "runs" / "tiny").iterdir())
    assert len(folders) == 4
    for folder in folders:  # linked from runs that are gone
        assert "Report a" in (folder / "a.html").read_text(encoding="utf-8")
    page = (tmp_path / "runs" / "index.html").read_text(encoding="utf-8")
    assert not any(f"{name}/" in page for names in removed for name in names)


def test_the_command_says_what_goes(tmp_path: Path, study_in: Callable[..., Path]) -> None:
    study = study_in(tmp_path, {"a": ["1"]})
    home = tmp_path / "runs" / "tiny"
    write(home, new=record(0), old=record(400))
    given = [str(study), "--runs", str(tmp_path / "runs")]
    refused = CliRunner().invoke(clean, given)
    assert refused.exit_code == 2
    assert "has no `keep`, so every run stays" in refused.output
    options = ["--last", "1", "--months", "0"]
    asked = CliRunner().invoke(clean, [*given, *options, "--dry-run"])
    assert "would remove 将清理 old" in asked.output
    assert left(home) == ["new", "old"]
    done = CliRunner().invoke(clean, [*given, *options])
    assert "1 kept 保留, 1 removed 清理" in done.output, done.output
    assert left(home) == ["new"]


@pytest.mark.parametrize("wrong", [{"last": 0}, {"days": -1}, {"lasts": 3}])
def test_a_policy_that_is_none(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=r"last|days"):
        KeepParams.model_validate(wrong)
