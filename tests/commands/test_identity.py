"""The commands from proposals to merges and back."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from click.testing import CliRunner, Result

from crmlab.commands.identity import identity
from crmlab.data.identity import read_proposals
from crmlab.errors import DataError, ParamsError
from crmlab.lab import Lab
from crmlab.params import read_study

CUSTOMERS = (
    "客户编号,姓名,手机号,城市,更新时间\n"
    "001,王芳,13800000001,,2024-03-01\n"
    "002,李强,,上海,2024-01-01\n"
    "003,王芳,+86 138-0000-0001,北京,2024-01-01\n"
) + "".join(f"1{row:02d},店{row},13900000009,,\n" for row in range(11))

Call = Callable[..., Result]


@pytest.fixture
def call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Call:
    """Return a function that calls a command in a folder with a file of customers."""
    monkeypatch.chdir(tmp_path)
    Path("customers.csv").write_text(CUSTOMERS, encoding="utf-8")

    def run(*arguments: str) -> Result:
        return CliRunner().invoke(identity, arguments, catch_exceptions=False)

    return run


def _decide(decision: str) -> None:
    text = Path("merges.csv").read_text(encoding="utf-8-sig")
    assert text.count('"待定"') == 2
    Path("merges.csv").write_text(text.replace("待定", decision), encoding="utf-8")


def test_propose_apply_undo(call: Call) -> None:
    told = call("propose", "customers.csv", "--to", "merges.csv")
    assert told.exit_code == 0
    assert "2 条记录，1 组。 records: 2, clusters: 1." in told.stdout
    assert "手机号 139****09：11 条记录共用，未采用。" in told.stderr
    _decide("合并")

    told = call(
        "apply",
        "customers.csv",
        "merges.csv",
        "--to",
        "merged",
        "--since",
        "2024-06-30",
        "--rule",
        "name=longest",
    )
    assert "14 条记录合并为 13 位客户，0 处取值不一致。" in told.stdout
    assert "14 records are 13 customers now, with 0 conflicting values." in told.stdout
    customers = pl.read_parquet("merged/customers.parquet")
    assert customers.select("customer_id", "name", "city").row(0) == ("001", "王芳", "北京")

    told = call("undo", "merged", "--customer", "001")
    assert "1 more customers" in told.stdout
    back = pl.read_parquet("merged/customers.parquet")
    assert back["customer_id"].to_list()[:3] == ["001", "002", "003"]
    assert back["city"].to_list()[:3] == [None, "上海", "北京"]


def test_earlier_decisions_and_a_stated_score(call: Call) -> None:
    call("propose", "customers.csv", "--to", "merges.csv", "--language", "zh")
    _decide("不合并")
    call("propose", "customers.csv", "--to", "again.xlsx", "--previous", "merges.csv", "--auto-accept", "0.5")
    assert set(read_proposals(Path("again.xlsx"))["decision"]) == {"reject"}
    call("propose", "customers.csv", "--to", "sure.xlsx", "--auto-accept", "0.95", "--key", "mobile")
    assert set(read_proposals(Path("sure.xlsx"))["decision"]) == {"accept"}


def test_a_study_gives_its_customers(call: Call) -> None:
    files = "files: {customers: {path: customers.csv}}"
    study = f"study: demo\nas_of: 2024-06-30\ndata:\n- source: files\n  {files}\n"
    Path("study.yaml").write_text(study, encoding="utf-8")
    assert "records: 2, clusters: 1" in call("propose", "study.yaml", "--to", "merges.csv").stdout


def test_update(call: Call) -> None:
    Path("updates.csv").write_text(
        "客户编号,更新时间,手机号,城市\n001,2024-04-01,13700000001,\n002,2024-04-01,123,广州\n",
        encoding="utf-8",
    )
    told = call("update", "customers.csv", "updates.csv", "--to", "updated")
    assert "2 项已更新。 2 changes carried out." in told.stdout
    assert "值的格式不正确：1。 not a valid value: 1." in told.stderr
    customers = pl.read_parquet("updated/customers.parquet")
    assert customers.select("mobile", "city").rows()[:2] == [("13700000001", None), (None, "广州")]
    assert pl.read_parquet("updated/conflicts.parquet").rows() == [(3, "002", "mobile", "invalid_value")]


def test_problems_are_told(call: Call) -> None:
    call("propose", "customers.csv", "--to", "merges.csv")
    _decide("merge")
    with pytest.raises(DataError, match="unknown decision 'merge'"):
        call("apply", "customers.csv", "merges.csv", "--to", "merged")
    with pytest.raises(ParamsError, match="no rule of survivorship"):
        call("apply", "customers.csv", "merges.csv", "--to", "merged", "--rule", "oldest")
    with pytest.raises(DataError, match="missing or damaged"):
        call("undo", "merged")
    assert not Path("merged").exists()


ORDERS = "订单编号,客户编号,下单时间,订单金额\n" + "".join(
    f"D{row},{owner},2024-05-0{row} 10:00:00,{row}00.00\n"
    for row, owner in enumerate(("001", "002", "003"), 1)
)
STUDY = """
study: shop
as_of: 2024-06-30
data:
- source: files
  files:
    customers: {path: customers.csv}
    orders: {path: orders.csv}
"""


def _orders_of(study: str) -> dict[str, int]:
    tables = Lab(read_study(Path(study))[0]).tables
    assert tables["orders"].join(tables["customers"], on="customer_id", how="anti").is_empty()
    return dict(tables["orders"].group_by("customer_id").agg(pl.col("amount_hundredths").sum()).iter_rows())


def test_the_road_to_a_study_of_merged_customers(call: Call) -> None:
    Path("orders.csv").write_text(ORDERS, encoding="utf-8")
    Path("shop.yaml").write_text(STUDY, encoding="utf-8")
    assert _orders_of("shop.yaml") == {"001": 10_000, "002": 20_000, "003": 30_000}
    call("propose", "shop.yaml", "--to", "merges.csv")
    _decide("合并")
    call("apply", "shop.yaml", "merges.csv", "--to", "merged", "--since", "2024-06-30")
    merged = STUDY.replace(
        "customers.csv}", "merged/customers.parquet}\n    identities: {path: merged/identities.parquet}"
    )
    Path("merged.yaml").write_text(merged, encoding="utf-8")
    assert _orders_of("merged.yaml") == {"001": 40_000, "002": 20_000}
    call("undo", "merged")
    assert _orders_of("merged.yaml") == {"001": 10_000, "002": 20_000, "003": 30_000}


def test_a_study_in_another_folder(call: Call) -> None:
    Path("elsewhere").mkdir()
    Path("elsewhere/customers.csv").write_text(CUSTOMERS, encoding="utf-8")
    Path("elsewhere/orders.csv").write_text(ORDERS, encoding="utf-8")
    Path("elsewhere/shop.yaml").write_text(STUDY, encoding="utf-8")
    assert "clusters: 1" in call("propose", "elsewhere/shop.yaml", "--to", "merges.csv").stdout
    assert Path("merges.csv").exists()


def test_rejected_rows_are_told_and_kept(call: Call) -> None:
    Path("customers.csv").write_text(CUSTOMERS + "004,赵六,13800000001,,2024-13-45\n", encoding="utf-8")
    Path("shop.yaml").write_text(STUDY.replace("    orders: {path: orders.csv}\n", ""), encoding="utf-8")
    for given in ("customers.csv", "shop.yaml"):
        told = call("propose", given, "--to", "merges.csv")
        assert "1 行被拒收：无法识别的值 1。 1 rows rejected: unreadable value 1." in told.stderr
        _decide("合并")
        call("apply", given, "merges.csv", "--to", given[:4])
        assert pl.read_parquet(f"{given[:4]}/rejected.parquet").height == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--trust", "店"), "goes with `--rule trusted_source`"),
        (("--rule", "trusted_source", "--trust", "店"), "No customer is from the source '店'"),
        (("--rule", "newest", "--rule", "longest"), "names 2 rules for all fields"),
    ],
)
def test_options_without_effect_are_refused(call: Call, options: tuple[str, ...], message: str) -> None:
    call("propose", "customers.csv", "--to", "merges.csv")
    with pytest.raises(ParamsError, match=message):
        call("apply", "customers.csv", "merges.csv", "--to", "merged", *options)
