"""What people read: status, headlines, figures, errors in words, links, and nothing that is private."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from crmlab.labels import Language, Text
from crmlab.notify.message import about_runs
from crmlab.report.traces import Traces
from tests.notify.conftest import Published, report

SHOP = Text("店铺", "Shop")


def about(
    runs: list[Published], language: Language, link: str | None = None, problems: tuple[str, ...] = ()
) -> Any:
    """Return the message about runs."""
    return about_runs(SHOP, [run.folder for run in runs], problems, language, link, Traces())


def test_a_run_that_went_well_in_both_languages(published: Callable[..., Published]) -> None:
    run = published(report())
    message = about([run], "zh")
    assert message.heading == "✅ 店铺：1 份报告已完成"
    assert message.lines[:-1] == (
        "观察日：2024-07-03；用时：35 秒",
        "✅ 客户细分：四成客户贡献八成收入。",
        "　 净收入 ¥459.3 万；占比 15.3%",
    )
    assert message.lines[-1].startswith("结果目录：")
    assert message.lines[-1].endswith("runs/shop/20240704T000000Z-abc")
    english = about([run], "en", "https://reports.example/runs/")
    assert english.heading == "✅ Shop: all reports done (1)"
    assert english.lines == (
        "As of 2024-07-03, 35 s",
        "✅ Segmentation: 40% of customers make 80% of revenue.",
        "　 Net revenue ¥4.59M; Share 15.3%",
    )
    base = "https://reports.example/runs"
    assert english.links == (
        ("Segmentation", f"{base}/shop/20240704T000000Z-abc/segmentation.html"),
        ("All runs", f"{base}/index.html"),
    )


def test_failures_come_first_with_the_error_in_words(published: Callable[..., Published]) -> None:
    run = published(report(), report("feedback", "error"), report("value", "kernel_died", error=None))
    message = about([run], "zh")
    assert message.heading == "❌ 店铺：3 份报告中有 2 份未完成"
    assert not message.good
    assert message.lines[1] == "❌ feedback：代码出错；第 5 个单元；ValueError: no column 'amount'"
    assert message.lines[2].startswith("❌ value：内核意外退出（可能是内存不足）")
    assert message.lines[3].startswith("✅ 客户细分")
    english = about([run], "en")
    assert english.heading == "❌ Shop: 2 of 3 reports did not finish"
    assert english.lines[1] == "❌ feedback: an error; cell 5; ValueError: no column 'amount'"


def test_cells_of_a_matrix_are_one_message(published: Callable[..., Published]) -> None:
    runs = [
        published(report(status=status), run=f"r{place}", cell={"region": region})
        for place, (region, status) in enumerate([("华东", "done"), ("华北", "timeout")])
    ]
    message = about(runs, "zh", "https://reports.example")
    assert message.heading == "❌ 店铺：2 份报告中有 1 份未完成"
    assert message.lines[1].startswith("❌ 华北 · 客户细分：运行超时")
    assert message.lines[2].startswith("✅ 华东 · 客户细分：")
    assert [text for text, _ in message.links] == ["华北 · 客户细分", "华东 · 客户细分", "全部运行"]


def test_what_no_run_tells_is_told_and_is_no_success(published: Callable[..., Published]) -> None:
    lost = "East: the folder cannot be written: call 13800138000"
    message = about([published(report())], "zh", None, (lost,))
    assert message.heading == "❌ 店铺：1 份报告已完成，但有问题需要处理"
    assert message.lines[1].startswith("❌ East: the folder cannot be written")
    assert "13800138000" not in message.lines[1]
    assert message.lines[2].startswith("✅ 客户细分")
    alone = about([], "en", "https://reports.example", (lost,))
    assert alone.heading == "❌ Shop: reports done: 0, but something needs attention"
    assert not alone.good
    assert len(alone.lines) == 1


def test_persons_secrets_and_line_breaks_stay_out(published: Callable[..., Published]) -> None:
    error = {"cell": 1, "type": "E", "message": "call 13800138000\nor a.b@shop.example; hunter2" + "x" * 999}
    run = published(report(status="error", error=error))
    message = about_runs(SHOP, [run.folder], (), "en", None, Traces(secrets={"hunter2": "env:PASSWORD"}))
    line = message.lines[1]
    assert "13800138000" not in line
    assert "a.b@shop.example" not in line
    assert "<env:PASSWORD>" in line
    assert "\n" not in line
    assert len(line) == 300
