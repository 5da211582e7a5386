"""After a run, the study's channels are told; what goes wrong there is a warning and no more."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from crmlab.cli import main
from crmlab.notify import after, not_started
from crmlab.params import Study, check
from tests.notify.conftest import Published, report

DATA = [{"source": "files", "files": {"orders": {"path": "orders.csv"}}}]
ROBOT = {"kind": "wecom", "url": "env:CRMLAB_TEST_URL"}
TITLE = {"zh": "店铺", "en": "Shop"}
OK = (200, '{"errcode": 0}')


def study(*channels: dict[str, Any]) -> Study:
    """Return a study with these channels."""
    return check({"data": DATA, "as_of": "2024-07-03", "title": TITLE, "notify": list(channels)})


@pytest.fixture
def robot(serve: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> Any:
    """A robot that takes everything."""
    server = serve([OK])
    monkeypatch.setenv("CRMLAB_TEST_URL", f"{server.url}/?key=0123456789-SECRET")
    return server


def told(robot: Any) -> list[str]:
    """Return the texts that the robot was sent."""
    return [json.loads(content)["markdown"]["content"] for _, content in robot.received]


def test_each_channel_is_told_in_its_language(robot: Any, published: Callable[..., Published]) -> None:
    assert after(study(ROBOT, {**ROBOT, "language": "en"}), published(report())) == []
    zh, en = told(robot)
    assert "店铺：1 份报告已完成" in zh
    assert "Shop: all reports done (1)" in en


def test_some_are_told_of_failures_alone(robot: Any, published: Callable[..., Published]) -> None:
    alert = study({**ROBOT, "on": "failure"})
    assert after(alert, published(report())) == []
    assert told(robot) == []
    assert after(alert, published(report(status="timeout"), run="b")) == []
    assert "运行超时" in told(robot)[0]


def test_cells_without_a_run_are_a_failure_that_is_told(
    robot: Any, published: Callable[..., Published]
) -> None:
    alert = study({**ROBOT, "on": "failure"})
    assert after(alert, published(report()), problems=["Not published: r1. The server is gone."]) == []
    assert after(alert, problems=["east: the disk is full"]) == []
    first, second = told(robot)
    assert "Not published: r1" in first
    assert "客户细分" in first
    assert "east: the disk is full" in second


def test_cells_are_told_of_together(robot: Any, published: Callable[..., Published]) -> None:
    cells = [published(report(), run=name, cell={"region": name}) for name in ("east", "west")]
    assert after(study(ROBOT), *cells) == []
    (text,) = told(robot)
    assert "east" in text
    assert "west" in text


def test_what_does_not_arrive_is_a_warning_and_stops_no_other(
    robot: Any, published: Callable[..., Published], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CRMLAB_TEST_NOWHERE", raising=False)
    lost = {"kind": "slack", "url": "env:CRMLAB_TEST_NOWHERE"}
    (warning,) = after(study(lost, ROBOT), published(report()))
    assert warning.startswith("The notification to notify.0 (slack) did not arrive: ")
    assert len(robot.received) == 1


def test_a_run_that_cannot_be_read_is_a_warning(robot: Any, tmp_path: Path) -> None:
    (warning,) = after(study(ROBOT), Published(tmp_path))
    assert warning.endswith("did not arrive: FileNotFoundError")


def test_without_channels_nothing_is_read(tmp_path: Path) -> None:
    assert after(study(), Published(tmp_path)) == []


def test_the_secret_of_another_source_stays_out(
    robot: Any, published: Callable[..., Published], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CRMLAB_TEST_DATABASE", "hunter2-SECRET")
    login = {"connection": "env:CRMLAB_TEST_DATABASE", "select": {"orders": {"table": "orders"}}}
    source = {"source": "postgresql", **login}
    asked = check({"data": [source], "as_of": "2024-07-03", "notify": [ROBOT]})
    error = {"cell": 1, "type": "E", "message": "cannot log in with hunter2-SECRET"}
    assert after(asked, published(report(status="error", error=error))) == []
    assert "SECRET" not in told(robot)[0]
    assert "&lt;" not in told(robot)[0]
    assert "＜env:CRMLAB_TEST_DATABASE＞" in told(robot)[0]


def test_a_run_that_never_began_is_told_from_the_channels_alone(robot: Any, tmp_path: Path) -> None:
    from datetime import UTC, datetime

    path = tmp_path / "shop.yaml"
    path.write_text(yaml.safe_dump({"as_off": 1, "notify": ROBOT, "language": "en"}), encoding="utf-8")
    due = datetime(2024, 7, 3, 18, tzinfo=UTC)
    assert not_started(path, due, 2, ["The study is not valid", "  as_off: unknown name"]) == []
    (text,) = told(robot)
    assert "shop: the scheduled run did not come to its end" in text
    assert "Due 2024-07-03 18:00+00:00, exit code 2" in text
    assert "as_off: unknown name" in text
    path.write_text(yaml.safe_dump({"notify": [{"kind": "wecom", "url": "SECRET"}, ROBOT]}), encoding="utf-8")
    assert not_started(path, due, 2, []) == ["The notification to notify.0 did not arrive: it is not valid."]
    assert "shop：定时运行没有完成" in told(robot)[1]
    for broken in ("notify: [", "- a"):
        path.write_text(broken, encoding="utf-8")
        assert not_started(path, due, 2, []) == ["Nobody could be told: the study's channels cannot be read."]


def test_channels_can_be_tried(robot: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CRMLAB_TEST_NOWHERE", raising=False)
    path = tmp_path / "shop.yaml"
    given = {"data": DATA, "as_of": "2024-07-03", "title": {"zh": "店\n铺", "en": "Shop"}}
    path.write_text(yaml.safe_dump({**given, "notify": [ROBOT]}, allow_unicode=True), encoding="utf-8")
    done = CliRunner().invoke(main, ["notify", "test", str(path)])
    assert (done.exit_code, done.output) == (0, "notify.0 (wecom): ok\n")
    assert "店 铺：测试消息" in told(robot)[0]
    lost = {"kind": "slack", "url": "env:CRMLAB_TEST_NOWHERE"}
    path.write_text(yaml.safe_dump({**given, "notify": [lost, ROBOT]}), encoding="utf-8")
    failed = CliRunner().invoke(main, ["notify", "test", str(path)])
    assert failed.exit_code == 1
    assert "'CRMLAB_TEST_NOWHERE' is not set" in failed.output
    assert "notify.1 (wecom): ok" in failed.output
    path.write_text(yaml.safe_dump(given), encoding="utf-8")
    none = CliRunner().invoke(main, ["notify", "test", str(path)])
    assert none.exit_code == 2
    assert "names no channel" in none.output
