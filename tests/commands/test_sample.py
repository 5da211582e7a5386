"""``crmlab sample`` as a person types it."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from crmlab.commands.sample import sample
from crmlab.errors import ParamsError


def test_it_writes_a_company_and_says_how_to_run_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(sample, ["shop", "--customers", "60", "--seed", "2", "--clean"])
    assert done.exit_code == 0
    assert "customers.csv: 63" in done.stdout
    assert "crmlab run shop/shop.yaml" in done.stdout
    assert "全部为生成数据" in done.stdout
    assert "60/60" in done.stderr.replace(".0", "")
    assert (tmp_path / "shop" / "truth.json").is_file()


def test_quiet_shows_no_progress(tmp_path: Path) -> None:
    done = CliRunner().invoke(
        sample, [str(tmp_path / "shop"), "--customers", "5", "--quiet", "--format", "parquet"]
    )
    assert done.exit_code == 0
    assert done.stderr == ""
    assert (tmp_path / "shop" / "orders.parquet").is_file()


def test_it_refuses_what_cannot_be_before_it_begins(tmp_path: Path) -> None:
    done = CliRunner().invoke(sample, [str(tmp_path / "shop"), "--customers", "5000001"])
    assert isinstance(done.exception, ParamsError)
    assert "5,000,000" in str(done.exception)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").touch()
    done = CliRunner().invoke(sample, [str(tmp_path / "full"), "--quiet"])
    assert isinstance(done.exception, ParamsError)
    assert "--force" in str(done.exception)
