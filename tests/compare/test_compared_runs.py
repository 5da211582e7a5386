"""Two runs compared: what changed, who moved, what drifted, and what may not be compared."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import crmlab.compare
from crmlab.compare import compare, into, previous, write
from crmlab.compare.comparison import nothing_changed
from crmlab.compare.runs import open_run
from crmlab.errors import ParamsError
from crmlab.intervals import wilson

MakeRun = Callable[..., Path]
FigureOf = Callable[..., dict[str, Any]]


def classes(good: range, poor: range) -> dict[str, str]:
    return {f"c{i}": "good" for i in good} | {f"c{i}": "poor" for i in poor}


def remarks(found: dict[str, Any]) -> str:
    return " ".join(remark["en"] for remark in found["remarks"])


def everything(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_what_went_in_is_compared(make_run: MakeRun) -> None:
    one = make_run(
        "r1", params={"currency": "CNY", "classifiers": {"rfm": {"bins": 5}}, "data": [{"source": "a"}]}
    )
    two = make_run(
        "r2",
        params={
            "currency": "CNY",
            "classifiers": {"rfm": {"bins": 4}},
            "data": [{"source": "b"}],
            "new": None,
        },
        packages={"crmlab": "0.2.0"},
        plugins=[{"group": "crmlab.models", "name": "clv", "distribution": "crmlab", "version": "1"}],
    )
    found = compare(one, two)["changes"]
    assert found["params"] == [
        {"name": "classifiers.rfm.bins", "before": 5, "after": 4},
        {"name": "data[0].source", "before": "a", "after": "b"},
        {"name": "new", "before": None, "after": None},
    ]
    assert found["packages"] == [{"name": "crmlab", "before": "0.1.0", "after": "0.2.0"}]
    assert found["plugins"] == [{"name": "models clv", "before": None, "after": "crmlab 1"}]
    (table,) = found["inputs"]
    assert (table["name"], table["before"]["rows"]) == ("files orders", 100)
    assert table["before"]["sha256"] != table["after"]["sha256"]


def test_code_is_compared_where_both_runs_know_it(make_run: MakeRun) -> None:
    one, two = make_run("r1"), make_run("r2")
    for folder, code in ((one, "a" * 64), (two, "b" * 64)):
        document = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
        document["reports"][0]["basis"] = {"notebook": "c" * 64, "code": code}
        (folder / "manifest.json").write_text(json.dumps(document), encoding="utf-8")
    assert compare(one, two)["changes"]["code"] == [
        {"name": "segmentation code", "before": "a" * 12, "after": "b" * 12}
    ]


def test_same_data_leaves_nothing_to_chance(make_run: MakeRun, figure_of: FigureOf) -> None:
    one = make_run("r1", data="same", as_of="2025-12-31", figures=[figure_of("x", 1.0, 0.1)])
    two = make_run("r2", data="same", as_of="2025-12-31", figures=[figure_of("x", 1.01, 0.1)])
    found = compare(one, two)
    assert (found["same_data"], found["tested"]) == (True, 0)
    assert [figure["verdict"] for figure in found["figures"]] == ["rule"]
    later = compare(one, make_run("r3", data="same", as_of="2026-01-31", figures=[figure_of("x", 1.01, 0.1)]))
    assert (later["same_data"], later["figures"][0]["verdict"]) == (False, "chance")


def test_figures_that_are_not_the_same_thing_are_not_compared(make_run: MakeRun, figure_of: FigureOf) -> None:
    changed = {"definition": {"zh": "今后 90 天", "en": "over 90 days"}}
    one = make_run("r1", figures=[figure_of("a", 1.0, 0.1), figure_of("m", 5.0, unit="currency")])
    two = make_run(
        "r2",
        params={"currency": "USD"},
        figures=[figure_of("a", 2.0, 0.1, **changed), figure_of("m", 6.0, unit="currency")],
    )
    found = compare(one, two)
    assert [figure["verdict"] for figure in found["figures"]] == ["defined", "defined"]
    assert "different currencies" in remarks(found)


def test_customers_are_followed_between_classes(make_run: MakeRun) -> None:
    one = make_run("r1", classes(range(60), range(60, 100)))
    two = make_run("r2", classes(range(10, 70), range(70, 110)))
    (found,) = compare(one, two)["classes"]
    assert (found["customers"], found["both"], found["moved"]) == ([100, 100], 90, 10)
    assert found["rule_changed"] is False
    cells = {(cell["before"], cell["after"]): cell["customers"] for cell in found["matrix"]}
    assert cells == {
        ("good", "good"): 50,
        ("good", "(none)"): 10,
        ("poor", "good"): 10,
        ("poor", "poor"): 30,
        ("(new)", "poor"): 10,
    }
    assert found["followed"] == 90
    for run, classes_of in ((0, "before"), (1, "after")):
        outside = ("(new)", "(none)")[run]
        inside = [cell["customers"] for cell in found["matrix"] if cell[classes_of] != outside]
        assert sum(inside) == found["customers"][run]
    of = {cell["before"]: cell["of"] for cell in found["matrix"]}
    assert of == {"good": 60, "poor": 40, "(new)": 10}
    assert [label["en"] for label in found["labels"]] == ["Good", "Poor"]


def test_ids_of_another_type_are_the_same_customers(make_run: MakeRun) -> None:
    numbers = dict.fromkeys(range(20), "good")
    found = compare(make_run("r1", numbers), make_run("r2", {str(n): "good" for n in numbers}))
    assert found["classes"][0]["both"] == 20


def test_a_changed_rule_is_told_apart_from_customers_who_moved(make_run: MakeRun) -> None:
    found = compare(
        make_run("r1", classes(range(50), range(50, 90))),
        make_run("r2", classes(range(50), range(50, 90)), cut=20),
    )
    assert found["classes"][0]["rule_changed"] is True


def test_without_a_common_customer_nobody_is_followed_and_the_page_says_why(make_run: MakeRun) -> None:
    one = make_run("r1", classes(range(30), range(30, 60)))
    two = make_run("r2", classes(range(100, 130), range(130, 160)))
    found = compare(one, two)
    assert found["classes"][0]["problem"] == "no_common_ids"
    assert found["classes"][0]["matrix"] == []
    assert "No customer id is in both" in write(found, one.parents[2] / "out", "en").read_text(
        encoding="utf-8"
    )


def test_few_customers_are_told_of_nowhere(make_run: MakeRun) -> None:
    one = make_run("r1", classes(range(60), range(60, 100)))
    two = make_run("r2", classes([*range(57), *range(97, 100)], range(57, 97)))
    (found,) = compare(one, two)["classes"]
    cells = {(cell["before"], cell["after"]): cell["customers"] for cell in found["matrix"]}
    assert cells[("good", "poor")] is cells[("poor", "good")] is None
    assert None in (cells[("good", "good")], cells[("poor", "poor")])
    gone = make_run("r3", classes(range(60), range(60, 98)))
    assert compare(one, gone)["classes"][0]["both"] is None


def test_shares_of_classes_are_tested_with_who_is_in_both(make_run: MakeRun, figure_of: FigureOf) -> None:
    """54 of 100 to 60 of 100 would be chance among strangers; six of six who moved went one way."""

    def share(count: int) -> dict[str, Any]:
        return figure_of("class:value:good", count / 100, 0.098, unit="share")

    one = make_run("r1", classes(range(54), range(54, 100)), figures=[share(54)])
    two = make_run("r2", classes(range(64), range(64, 100)), figures=[share(64)])
    strangers = make_run("r3", classes(range(200, 264), range(264, 300)), figures=[share(64)])
    followed, apart = compare(one, two)["figures"][0], compare(one, strangers)["figures"][0]
    assert 0.6 < followed["correlation"] < 0.81  # rounded down to five customers
    assert apart["correlation"] == 0
    assert (followed["verdict"], apart["verdict"]) == ("beyond", "chance")


def test_inputs_that_are_spread_otherwise_are_named(make_run: MakeRun) -> None:
    who = classes(range(200), range(200, 400))
    one = make_run("r1", who, {name: float(place) for place, name in enumerate(who)})
    two = make_run("r2", who, {name: float(place) * 3 for place, name in enumerate(who)})
    (moved,) = compare(one, two)["drift"]
    assert (moved["column"], moved["zh"], moved["verdict"]) == ("total_spend", "累计消费额", "act")
    same = make_run("r3", who, {name: float(place) for place, name in enumerate(who)})
    assert [row["verdict"] for row in compare(one, same)["drift"]] == ["ok"]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"study": "other"}, "different studies"),
        ({"cell": {"region": "华东"}}, "different cells"),
        ({"language": "zh"}, "different languages"),
        ({"as_of": "2020-01-01"}, "run against time"),
    ],
)
def test_runs_that_do_not_go_together_are_compared_with_a_remark(
    make_run: MakeRun, changes: dict[str, Any], said: str
) -> None:
    found = compare(make_run("r1"), make_run("r2", **changes))
    assert said in remarks(found)
    assert all(remark["zh"] for remark in found["remarks"])


def test_a_manifest_of_an_earlier_version_is_compared_as_far_as_it_goes(
    make_run: MakeRun, figure_of: FigureOf
) -> None:
    one, two = make_run("r1"), make_run("r2", figures=[figure_of("x", 1.0, 0.1)])
    old = json.loads((one / "manifest.json").read_text(encoding="utf-8"))
    del old["reports"][0]["figures"]
    (one / "manifest.json").write_text(json.dumps(old), encoding="utf-8")
    found = compare(one, two)
    assert "r1 was made by an earlier version" in remarks(found)
    old["reports"][0]["status"] = "timeout"  # it had no chance to say any
    (one / "manifest.json").write_text(json.dumps(old), encoding="utf-8")
    assert "earlier version" not in remarks(compare(one, two))
    assert [figure["verdict"] for figure in found["figures"]] == ["added"]


def test_a_table_that_cannot_be_read_is_named_and_stops_nothing(
    make_run: MakeRun, figure_of: FigureOf
) -> None:
    one, two = (
        make_run(
            run,
            classes(range(30), range(30, 60)),
            figures=[figure_of("x", x, 0.1), figure_of("score:value:label", x, 0.1)],
        )
        for run, x in (("r1", 1.0), ("r2", 2.0))
    )
    (two / "tables" / "segmentation" / "value_customers.parquet").write_bytes(b"torn")
    found = compare(one, two)
    assert [entry["report"] for entry in found["unread"]] == ["segmentation"]
    assert [figure["verdict"] for figure in found["figures"]] == ["beyond", "beyond"]
    assert "could not be read" in write(found, one.parents[2] / "out", "en").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "no folder of a run"),
        ("{", "cannot be read"),
        ("[" * 100_000, "cannot be read"),
        ("[]", "no manifest of a run"),
        ('{"study": "demo"}', "damaged: run: field required; status: field required"),
    ],
)
def test_what_is_no_run_is_refused(tmp_path: Path, make_run: MakeRun, text: str | None, said: str) -> None:
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    if text is not None:
        (folder / "manifest.json").write_text(text, encoding="utf-8")
    with pytest.raises(ParamsError, match=said):
        compare(make_run("r1"), folder)


DAMAGES: dict[str, tuple[Any, str]] = {
    "no name": ([{"status": "done"}], r"reports\[0\].name: field required"),
    "elsewhere": ([{"name": "../x", "status": "done"}], r"reports\[0\].name: string should match"),
    "null": ([None], r"reports\[0\]: input should be"),
    "text": ([{"name": "a", "status": "done", "figures": [{}]}], r"figures\[0\].zh: field required"),
    "tables": ([{"name": "a", "status": "done", "inputs": [{"source": "x"}]}], r"inputs\[0\].tables"),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_a_damaged_manifest_is_named_and_where(make_run: MakeRun, name: str) -> None:
    reports, said = DAMAGES[name]
    one, two = make_run("r1"), make_run("r2", reports=reports)
    for pair in ((one, two), (two, one)):
        with pytest.raises(ParamsError, match=f"r2.*damaged: .*{said}"):
            compare(*pair)


@pytest.mark.parametrize("value", ["NaN", "Infinity", '"much"', "[1]"])
def test_a_figure_that_is_no_number_is_damage(make_run: MakeRun, figure_of: FigureOf, value: str) -> None:
    one, two = make_run("r1"), make_run("r2", figures=[figure_of("x", 1.0, 0.1)])
    file = two / "manifest.json"
    file.write_text(file.read_text("utf-8").replace('"value": 1.0', f'"value": {value}'), encoding="utf-8")
    with pytest.raises(ParamsError, match=r"reports\[0\].figures\[0\].value"):
        compare(one, two)


def test_a_run_held_against_itself_has_not_changed(make_run: MakeRun, figure_of: FigureOf) -> None:
    who = classes(range(54), range(54, 100))
    one = make_run("r1", who, dict.fromkeys(who, 3.0), figures=[figure_of("x", 1.0, 0.1)])
    found = compare(one, one)
    assert nothing_changed(found)
    assert (found["same_data"], found["tested"], found["classes"][0]["same"]) == (True, 0, True)
    assert "held against itself" in remarks(found)
    two = make_run("r2", who, figures=[figure_of("x", 1.5, 0.1)])
    assert not nothing_changed(compare(one, two))
    (one / "tables" / "segmentation" / "value_customers.parquet").write_bytes(b"torn")
    assert not nothing_changed(compare(one, one))  # what cannot be read may have changed


def test_runs_without_a_report_in_common_have_not_the_same_data(make_run: MakeRun) -> None:
    other = [{"name": "value", "title": "Value", "status": "done", "figures": []}]
    found = compare(make_run("r1", data="same"), make_run("r2", data="same", reports=other))
    assert found["same_data"] is False


def test_customers_without_a_class_have_not_moved_but_are_no_sameness(make_run: MakeRun) -> None:
    who = classes(range(60), range(60, 80)) | {f"c{i}": "unclassified" for i in range(80, 100)}
    then = who | {f"c{i}": "good" for i in range(80, 90)}
    (found,) = compare(make_run("r1", who), make_run("r2", then))["classes"]
    assert (found["both"], found["followed"], found["moved"], found["same"]) == (100, 80, 0, False)


def test_a_class_that_one_run_found_nobody_in_is_a_share_of_nought(
    make_run: MakeRun, figure_of: FigureOf
) -> None:
    def share(name: str, n: int) -> dict[str, Any]:
        return figure_of(f"class:value:{name}", n / 100, 0.05, unit="share")

    one = make_run("r1", classes(range(60), range(60, 100)), figures=[share("good", 60), share("poor", 40)])
    two = make_run("r2", classes(range(100), range(0)), figures=[share("good", 100)])
    for pair, side in (((one, two), "after"), ((two, one), "before")):
        (poor,) = [row for row in compare(*pair)["figures"] if row["id"] == "class:value:poor"]
        assert (poor[side]["value"], poor[side]["n"], poor["verdict"]) == (0.0, 100, "beyond")
        assert poor[side]["high"] == pytest.approx(wilson(0, 100).high)
    unsaid = make_run("r3", classes(range(60), range(60, 100)), figures=[share("good", 60)])
    (poor,) = [row for row in compare(one, unsaid)["figures"] if row["id"] == "class:value:poor"]
    assert poor["verdict"] == "removed"  # there are customers in it, and no figure says how many
    names = two / "tables" / "segmentation" / "names.json"
    known = json.loads(names.read_text(encoding="utf-8"))
    known["schemes"]["value"]["labels"].pop()  # a scheme that has no such class
    names.write_text(json.dumps(known), encoding="utf-8")
    (poor,) = [row for row in compare(one, two)["figures"] if row["id"] == "class:value:poor"]
    assert poor["verdict"] == "removed"


def test_means_of_scores_are_paired_customer_by_customer(make_run: MakeRun, figure_of: FigureOf) -> None:
    def run(name: str, values: dict[str, float], mean: float) -> Path:
        figure = figure_of("score:clv:clv", mean, 2.0)
        folder = make_run(name, figures=[figure])
        frame = pl.DataFrame({"customer_id": list(values), "clv": list(values.values())})
        frame.write_parquet(folder / "tables" / "segmentation" / "clv_customers.parquet")
        return folder

    rng = np.random.default_rng(4)
    spend = {f"c{i}": float(x) for i, x in enumerate(rng.normal(10, 10, 100))}
    more = {name: value + rng.normal(1, 0.1) for name, value in spend.items()}
    one, two = run("r1", spend, 10.0), run("r2", dict(reversed(more.items())), 11.0)
    (found,) = compare(one, two)["figures"]
    ids = list(spend)
    expected = np.corrcoef([spend[name] for name in ids], [more[name] for name in ids])[0, 1]
    assert found["correlation"] == pytest.approx(expected)
    assert found["verdict"] == "beyond"
    again = run("r4", more, 11.0)  # in another order
    assert compare(one, again)["figures"][0]["correlation"] == found["correlation"]
    strangers = run("r3", {f"x{name}": value for name, value in more.items()}, 11.0)
    (apart,) = compare(one, strangers)["figures"]
    assert (apart["correlation"], apart["verdict"]) == (0.0, "chance")


def test_what_two_reports_share_is_told_and_tested_once(make_run: MakeRun, figure_of: FigureOf) -> None:
    folders = []
    for run, many in (("r1", 54), ("r2", 64)):
        share = figure_of("class:value:good", many / 100, 0.1, unit="share")
        figures = [share, figure_of("score:clv:clv", many, 20.0), figure_of("x", many, 20.0)]
        who = classes(range(many), range(many, 100))
        folder = make_run(run, who, {name: float(place) for place, name in enumerate(who)}, figures=figures)
        document = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
        document["reports"].append({**document["reports"][0], "name": "value"})
        (folder / "manifest.json").write_text(json.dumps(document), encoding="utf-8")
        shutil.copytree(folder / "tables" / "segmentation", folder / "tables" / "value")
        shutil.copytree(folder / "state" / "segmentation", folder / "state" / "value")
        folders.append(folder)
    found = compare(*folders)
    assert [figure["id"] for figure in found["figures"]] == ["class:value:good", "score:clv:clv", "x", "x"]
    assert found["tested"] == 4
    assert [len(found[part]) for part in ("classes", "drift")] == [1, 1]


def test_an_interval_of_the_model_alone_is_not_tested(make_run: MakeRun, figure_of: FigureOf) -> None:
    one, two = (
        make_run(run, figures=[figure_of("x", x, 0.1, sampled=False)])
        for run, x in (("r1", 1.0), ("r2", 9.0))
    )
    found = compare(one, two)
    assert (found["tested"], found["figures"][0]["verdict"]) == (0, "model")


def test_a_report_may_have_a_currency_of_its_own(make_run: MakeRun, figure_of: FigureOf) -> None:
    money = [figure_of("m", 20000.0, 1.0, unit="currency")]
    who = classes(range(200), range(200, 400))
    spend = {name: float(place) for place, name in enumerate(who)}
    own = {"currency": "CNY", "reports": {"segmentation": {"currency": "USD"}}}
    one, two = (
        make_run("r1", who, spend, figures=money),
        make_run("r2", who, spend, figures=money, params=own),
    )
    found = compare(one, two)
    (told,) = found["figures"]
    assert (told["before"]["currency"], told["after"]["currency"], told["verdict"]) == (
        "CNY",
        "USD",
        "defined",
    )
    assert found["drift"] == []  # amounts
    assert "different currencies (CNY and USD)" in remarks(found)
    text = write(found, one.parents[2] / "out", "en").read_text(encoding="utf-8")
    assert "¥20k" in text
    assert "$20k" in text


def test_every_part_of_the_document_is_described(make_run: MakeRun, figure_of: FigureOf) -> None:
    """What programs read is named in the docstring of the package, and nothing else is."""
    who = classes(range(60), range(60, 100))
    spend = {name: float(place) for place, name in enumerate(who)}
    one = make_run("r1", who, spend, figures=[figure_of("class:value:good", 0.6, 0.1, unit="share")])
    two = make_run("r2", who, spend, cut=3, figures=[figure_of("class:value:good", 0.6, 0.1, unit="share")])
    (two / "tables" / "segmentation" / "names.json").write_text("[]", encoding="utf-8")
    whole = make_run("r3", who, spend, cut=3, figures=[figure_of("class:value:good", 0.6, 0.1, unit="share")])

    def keys(value: Any) -> set[str]:
        if isinstance(value, dict):
            return set(value).union(*map(keys, value.values()))
        return set().union(*map(keys, value)) if isinstance(value, list) else set()

    found = [compare(one, two), compare(one, whole)]
    assert [entry["report"] for entry in found[0]["unread"]] == ["segmentation"]
    for document in found:
        del document["reports"]["segmentation"]
    described = set(re.findall(r"``([a-z_0-9]+)``", crmlab.compare.__doc__ or ""))
    assert keys(found) - described == set()


def test_a_later_schema_is_refused(make_run: MakeRun) -> None:
    one = make_run("r1")
    with pytest.raises(ParamsError, match="has the schema 99"):
        compare(one, make_run("r2", schema=99))


def test_a_folder_of_runs_is_told_its_latest(make_run: MakeRun) -> None:
    make_run("r1")
    two = make_run("r2")
    with pytest.raises(ParamsError, match="The latest run inside it is r2"):
        open_run(two.parent)


def test_the_previous_run_is_of_the_same_cell_and_finished(make_run: MakeRun) -> None:
    east = {"region": "east"}
    first = make_run("r1", cell=east)
    make_run("r2", cell={"region": "west"})
    make_run("r3", cell=east, status="failed")
    (make_run("r4", cell=east) / "manifest.json").write_text("{", encoding="utf-8")
    last = make_run("r5", cell=east)
    home = last.parent
    assert previous(home, open_run(last).manifest) == first
    assert previous(home, open_run(first).manifest) is None
    assert previous(home, {**open_run(last).manifest, "cell": {}}) is None


def test_a_run_about_to_be_published_gets_both_files_and_no_other_folder_changes(
    make_run: MakeRun, figure_of: FigureOf, tmp_path: Path
) -> None:
    one = make_run("r1", classes(range(30), range(30, 60)), figures=[figure_of("x", 1.0, 0.1)])
    two = make_run("r2", classes(range(25), range(25, 60)), figures=[figure_of("x", 2.0, 0.1)])
    before, manifest = everything(one), open_run(two).manifest
    (two / "manifest.json").unlink()  # as in a folder that is not published yet
    staging = two.rename(two.parent / ".run-r2")
    assert into(staging, manifest, one) == staging / "compare.html"
    assert everything(one) == before
    told = json.loads((staging / "compare.json").read_text(encoding="utf-8"))
    assert (told["before"]["run"], told["after"]["run"]) == ("r1", "r2")
    assert [path.name for path in staging.iterdir() if path.name.startswith(".")] == []
    first = (staging / "compare.html").read_bytes()
    into(staging, manifest, one)
    assert (staging / "compare.html").read_bytes() == first
